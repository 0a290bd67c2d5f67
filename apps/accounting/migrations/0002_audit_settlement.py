"""Standing invariants of owner settlement (I16): each view lists its violations as (subject, problem)."""

from django.db import migrations

VIEWS = {
    # What is due to an owner by the platform's books is due from the platform by the owner's, in every currency.
    "audit_i16_two_books_agree": """
        WITH due AS (
            SELECT j.entity_id AS platform_id, split_part(a.code, '-', 2)::bigint AS owner_id, e.currency,
                   -sum(e.amount) AS amount
            FROM ledger_ledgerentry e
            JOIN ledger_journal j ON j.id = e.journal_id
            JOIN ledger_account a ON a.id = e.account_id AND a.code LIKE '2300-%'
            GROUP BY 1, 2, 3
        ), owed AS (
            SELECT split_part(a.code, '-', 2)::bigint AS platform_id, j.entity_id AS owner_id, e.currency,
                   sum(e.amount) AS amount
            FROM ledger_ledgerentry e
            JOIN ledger_journal j ON j.id = e.journal_id
            JOIN ledger_account a ON a.id = e.account_id AND a.code LIKE '1210-%'
            GROUP BY 1, 2, 3
        )
        SELECT 'organisation ' || platform_id AS subject,
               'owes organisation ' || owner_id || ' ' || coalesce(due.amount, 0) || ' ' || currency
               || ', whose books say ' || coalesce(owed.amount, 0) AS problem
        FROM due FULL JOIN owed USING (platform_id, owner_id, currency)
        WHERE coalesce(due.amount, 0) <> coalesce(owed.amount, 0)
    """,
    # A statement's lines and entries make its amounts, and it goes on from the one before.
    "audit_i16_statements_add_up": """
        SELECT 'statement ' || s.id AS subject, 'states fee ' || s.fee || ', its lines ' || coalesce(sum(l.fee), 0)
               || '; net ' || s.net || ', its lines ' || coalesce(sum(l.net), 0) AS problem
        FROM accounting_statement s LEFT JOIN accounting_statementline l ON l.statement_id = s.id
        GROUP BY s.id HAVING s.fee <> coalesce(sum(l.fee), 0) OR s.net <> coalesce(sum(l.net), 0)
        UNION ALL
        SELECT 'statement ' || s.id, 'moved ' || (s.closing - s.opening) || ', its entries ' || coalesce(sum(e.amount), 0)
        FROM accounting_statement s LEFT JOIN accounting_statemententry e ON e.statement_id = s.id
        GROUP BY s.id HAVING s.closing - s.opening <> coalesce(sum(e.amount), 0)
        UNION ALL
        SELECT 'statement ' || id, 'opens with ' || opening || ', the one before closed with ' || before
        FROM (
            SELECT s.id, s.opening, coalesce(lag(s.closing) OVER (
                PARTITION BY a.platform_id, a.owner_id, s.currency ORDER BY s.month, s.id), 0) AS before
            FROM accounting_statement s JOIN accounting_agreement a ON a.id = s.agreement_id
        ) AS row WHERE opening <> before
        UNION ALL
        SELECT 'statement entry ' || x.id, 'settles ' || x.amount || ', the ledger says ' || -e.amount
        FROM accounting_statemententry x JOIN ledger_ledgerentry e ON e.id = x.entry_id WHERE x.amount <> -e.amount
    """,
}


class Migration(migrations.Migration):
    dependencies = [("accounting", "0001_settlement"), ("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()
    ]
