"""I10 knows measurements."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.ocpp.migrations.0002_audit_views").I10.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
READINGS = "    SELECT 'meter reading' AS what, id, frame_id FROM charging_sessions_meterreading\n    UNION ALL\n"
I10 = BEFORE.replace(
    READINGS, READINGS + "    SELECT 'measurement', id, frame_id FROM charging_sessions_measurement\n    UNION ALL\n"
)


class Migration(migrations.Migration):
    dependencies = [("ocpp", "0002_audit_views"), ("charging_sessions", "0003_late_evidence")]
    operations = [migrations.RunSQL(I10, BEFORE)]
