from django.db import migrations

# I4: each journal balances per currency. The deferred trigger refuses it; the view would show a trigger switched off.
BALANCE = """
CREATE VIEW audit_i4_journals_balance AS
SELECT 'journal ' || j.key AS subject,
       'debits exceed credits by ' || sum(e.amount) || ' ' || e.currency AS problem
FROM ledger_journal j JOIN ledger_ledgerentry e ON e.journal_id = j.id
GROUP BY j.id, j.key, e.currency
HAVING sum(e.amount) <> 0
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL(BALANCE, "DROP VIEW audit_i4_journals_balance")]
