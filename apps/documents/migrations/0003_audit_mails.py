"""I11: no mail is due for a quarter of an hour without an attempt."""

from django.db import migrations

I11 = """
CREATE VIEW audit_i11_mails_are_sent AS
SELECT 'mail ' || id AS subject, 'is due and nobody tries to send it: is EMAIL_URL set, and does beat run?' AS problem
FROM documents_mail
WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at < now() - interval '15 minutes'
"""


class Migration(migrations.Migration):
    dependencies = [("documents", "0002_mails")]
    operations = [migrations.RunSQL(I11, "DROP VIEW audit_i11_mails_are_sent")]
