"""I10: what was recorded of a session or a station points at the raw frame that said so."""

from django.db import migrations

I10 = """
CREATE VIEW audit_i10_recorded_without_frame AS
SELECT told.what || ' ' || told.id AS subject,
       'frame ' || told.frame_id || ' is not in the raw log' AS problem
FROM (
    SELECT 'meter reading' AS what, id, frame_id FROM charging_sessions_meterreading
    UNION ALL
    SELECT 'state change', id, frame_id FROM charging_sessions_statechange
    UNION ALL
    SELECT 'start of session', id, start_frame_id FROM charging_sessions_chargingsession
    UNION ALL
    SELECT 'end of session', id, end_frame_id FROM charging_sessions_chargingsession WHERE end_frame_id IS NOT NULL
    UNION ALL
    SELECT 'station event', id, frame_id FROM ocpp_stationevent WHERE frame_id IS NOT NULL
) AS told
LEFT JOIN ocpp_frame AS frame ON frame.id = told.frame_id
WHERE frame.id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("ocpp", "0001_initial"), ("charging_sessions", "0001_initial")]
    operations = [migrations.RunSQL(I10, "DROP VIEW audit_i10_recorded_without_frame")]
