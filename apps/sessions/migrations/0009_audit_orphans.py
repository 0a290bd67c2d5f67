"""I9 looks at current records, of sessions that nobody is to look at: the end that a rule set may be told later."""

from importlib import import_module

from django.db import migrations

I9_BEFORE = import_module("apps.sessions.migrations.0006_audit_signed_values").I9

I9 = I9_BEFORE.replace(
    "AND cdr.revised_by_id IS NULL",
    """AND cdr.revised_by_id IS NULL
  AND session.status <> 'review' AND session.late_evidence_at IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM charging_sessions_cdr newer
    WHERE newer.session_id = cdr.session_id AND newer.purpose = cdr.purpose AND newer.revision > cdr.revision
  )""",
)


class Migration(migrations.Migration):
    dependencies = [("charging_sessions", "0008_orphans")]
    operations = [migrations.RunSQL(I9, I9_BEFORE)]
