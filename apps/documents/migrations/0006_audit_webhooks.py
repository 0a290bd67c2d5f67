"""I11: no webhook is due for a quarter of an hour without an attempt.

An endpoint is asked one message at a time: while it rests after a failure, or works off what waits, it is not late.
"""

from django.db import migrations

I11 = """
CREATE VIEW audit_i11_webhooks_are_sent AS
SELECT 'webhook delivery ' || d.id AS subject, 'is due and nobody tries to send it: does beat run?' AS problem
FROM documents_webhookdelivery d JOIN documents_webhookendpoint e ON e.id = d.endpoint_id
WHERE d.delivered_at IS NULL AND d.given_up_at IS NULL AND e.switched_off_at IS NULL
  AND greatest(d.next_attempt_at, e.not_before, e.answered_at) < now() - interval '15 minutes'
"""


class Migration(migrations.Migration):
    dependencies = [("documents", "0005_webhooks")]
    operations = [migrations.RunSQL(I11, "DROP VIEW audit_i11_webhooks_are_sent")]
