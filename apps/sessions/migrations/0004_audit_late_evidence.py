"""I9 leaves out reservations, which have no register; I11 knows the tariff's patience and evidence that came late."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.sessions.migrations.0002_audit_views")
I9_BEFORE, I11_BEFORE = (view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW") for view in (BEFORE.I9, BEFORE.I11))

I9 = I9_BEFORE.replace(
    "WHERE cdr.revised_by_id IS NULL", "WHERE session.kind = 'charge' AND cdr.revised_by_id IS NULL"
)

I11 = """
CREATE OR REPLACE VIEW audit_i11_ended_sessions_settle AS
SELECT 'session ' || session.id AS subject, 'ended, its station silent, and neither settled nor in review' AS problem
FROM charging_sessions_chargingsession session
JOIN stations_chargingstation station ON station.id = session.station_id
LEFT JOIN tariffs_tariffversion version ON version.id = session.tariff_version_id
WHERE session.status = 'ended'
  AND GREATEST(session.end_received_at, station.last_seen_at)
    < now() - GREATEST(interval '15 minutes', COALESCE((version.rules ->> 'settle_after')::int, 0) * interval '1 second')
        - interval '15 minutes'
UNION ALL
SELECT 'session ' || session.id, 'something arrived after it was priced, and nobody has looked at it'
FROM charging_sessions_chargingsession session
WHERE session.status = 'settled' AND session.late_evidence_at < now() - interval '15 minutes'
"""


class Migration(migrations.Migration):
    dependencies = [("charging_sessions", "0003_late_evidence"), ("tariffs", "0002_drafts")]
    operations = [migrations.RunSQL(I9, I9_BEFORE), migrations.RunSQL(I11, I11_BEFORE)]
