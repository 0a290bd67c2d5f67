from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_saved_views")]

    operations = [
        migrations.AddField(
            model_name="signin", name="language", field=models.CharField(default="en", max_length=2)
        ),
    ]
