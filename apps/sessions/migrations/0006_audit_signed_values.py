"""I9: under calibration law the energy is what the meter signed; I13: its key is its station's."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.sessions.migrations.0004_audit_late_evidence")
I9_BEFORE = BEFORE.I9

SIGNED = """(
      SELECT max((reading ->> 'energy_milliwh')::bigint) FILTER (WHERE reading ->> 'moment' = 'end')
        - min((reading ->> 'energy_milliwh')::bigint) FILTER (WHERE reading ->> 'moment' = 'begin')
      FROM charging_sessions_signedrecord record
      JOIN charging_sessions_signaturecheck signature ON signature.record_id = record.id
      CROSS JOIN LATERAL jsonb_array_elements(signature.statement -> 'readings') reading
      WHERE record.session_id = session.id AND signature.verdict = 'verified'
    )"""

TOLD = "session.meter_stop_milliwh - session.meter_start_milliwh"

# What is signed may differ from what was told by the last digit that either has.
I9 = I9_BEFORE.replace(TOLD, f"CASE WHEN session.is_under_calibration_law THEN {SIGNED} ELSE {TOLD} END")

I13 = """
CREATE VIEW audit_i13_signature_keys_are_of_the_station AS
SELECT 'signature check ' || signature.id AS subject, 'its key is of another station' AS problem
FROM charging_sessions_signaturecheck signature
JOIN charging_sessions_signedrecord record ON record.id = signature.record_id
JOIN charging_sessions_chargingsession session ON session.id = record.session_id
JOIN stations_meterkey key ON key.id = signature.key_id
WHERE key.station_id <> session.station_id OR key.evse_id <> session.evse_id
"""


class Migration(migrations.Migration):
    dependencies = [("charging_sessions", "0005_signed_values"), ("stations", "0003_meter_keys")]
    operations = [
        migrations.RunSQL(I9, I9_BEFORE),
        migrations.RunSQL(I13, "DROP VIEW audit_i13_signature_keys_are_of_the_station"),
    ]
