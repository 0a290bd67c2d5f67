"""I3 of disputes where a platform collects: the disputed account is in the books of whose Stripe account it is."""

from importlib import import_module

from django.db import migrations

NAME = "audit_i3_disputes_within_bounds"
BEFORE = import_module("apps.payments.migrations.0012_audit_disputes").VIEWS[NAME]
AFTER = BEFORE.replace("entity_id = p.seller_id", "entity_id = coalesce(p.collector_id, p.seller_id)")


class Migration(migrations.Migration):
    dependencies = [("payments", "0012_audit_disputes")]
    operations = [
        migrations.RunSQL(
            f"DROP VIEW {NAME}; CREATE VIEW {NAME} AS {AFTER}", f"DROP VIEW {NAME}; CREATE VIEW {NAME} AS {BEFORE}"
        )
    ]
