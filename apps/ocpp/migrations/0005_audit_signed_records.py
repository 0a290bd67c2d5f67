"""I10 knows signed records."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.ocpp.migrations.0003_audit_measurements")
I10_BEFORE = BEFORE.I10
I10 = I10_BEFORE.replace(
    BEFORE.READINGS,
    BEFORE.READINGS + "    SELECT 'signed record', id, frame_id FROM charging_sessions_signedrecord\n    UNION ALL\n",
)


class Migration(migrations.Migration):
    dependencies = [("ocpp", "0004_replaced"), ("charging_sessions", "0005_signed_values")]
    operations = [migrations.RunSQL(I10, I10_BEFORE)]
