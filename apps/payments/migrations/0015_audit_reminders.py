"""I3: what a reminder costs is posted, and posted back if it was given up."""

from django.db import migrations

I3 = """
CREATE VIEW audit_i3_reminder_fees_are_posted AS
SELECT 'reminder ' || s.id AS subject, 'costs ' || due.fee || ', posted are ' || due.posted AS problem
FROM payments_dunningstep s
JOIN invoices_invoice i ON i.id = s.invoice_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT 1 FROM payments_feewaiver w WHERE w.step_id = s.id) THEN 0 ELSE s.fee END AS fee,
           (SELECT coalesce(sum(e.amount), 0)
            FROM ledger_journal j JOIN ledger_ledgerentry e ON e.journal_id = j.id
            JOIN ledger_account a ON a.id = e.account_id
            WHERE j.entity_id = i.seller_id AND a.code = '1200' AND e.currency = s.currency
              AND j.key IN ('reminder:' || s.id || ':fee', 'reminder:' || s.id || ':waived')) AS posted
) due
WHERE due.fee <> due.posted
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0014_dunning"), ("ledger", "0001_initial")]
    operations = [migrations.RunSQL(I3, "DROP VIEW audit_i3_reminder_fees_are_posted")]
