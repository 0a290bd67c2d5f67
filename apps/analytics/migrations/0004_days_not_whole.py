from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # A row for each station and day: the table stays open to writers while the index is built.
    atomic = False

    dependencies = [("analytics", "0003_month_figures")]

    operations = [
        AddIndexConcurrently(
            model_name="stationday",
            index=models.Index(
                fields=["local_date"],
                include=("station", "offline_ms", "faulted_ms"),
                condition=models.Q(("available_ms__lt", models.F("watched_ms"))),
                name="station_day_not_whole",
            ),
        ),
    ]
