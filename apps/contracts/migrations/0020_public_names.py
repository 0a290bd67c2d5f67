import uuid

import django.contrib.postgres.functions
from django.db import migrations, models


def public_uid(model: str, name: str) -> migrations.AddField:
    """Rows that are there already get theirs from the database, each its own."""
    return migrations.AddField(
        model_name=model,
        name=name,
        field=models.UUIDField(
            db_default=django.contrib.postgres.functions.RandomUUID(),
            default=uuid.uuid4,
            editable=False,
            unique=True,
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("contracts", "0019_home_charging")]

    operations = [
        public_uid("customer", "uid"),
        public_uid("contract", "uid"),
        public_uid("idtoken", "public_uid"),
    ]
