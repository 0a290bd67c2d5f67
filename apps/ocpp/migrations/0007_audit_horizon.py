"""I10 asks only for frames that must still be there: what is older was deleted; and a reservation may have none."""

from importlib import import_module

from django.db import migrations

I10_BEFORE = import_module("apps.ocpp.migrations.0005_audit_signed_records").I10

I10 = I10_BEFORE.replace(
    "SELECT 'start of session', id, start_frame_id FROM charging_sessions_chargingsession",
    "SELECT 'start of session', id, start_frame_id FROM charging_sessions_chargingsession"
    " WHERE start_frame_id IS NOT NULL\n    UNION ALL\n"
    "    SELECT 'stop without a session', id, frame_id FROM charging_sessions_waitingstop",
).replace(
    "WHERE frame.id IS NULL",
    "WHERE frame.id IS NULL AND told.frame_id > (SELECT COALESCE(max(deleted_to), 0) FROM ocpp_framehorizon)",
)


class Migration(migrations.Migration):
    dependencies = [("ocpp", "0006_frame_horizon"), ("charging_sessions", "0011_reservations")]
    operations = [migrations.RunSQL(I10, I10_BEFORE)]
