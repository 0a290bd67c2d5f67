from django.db import migrations

# I18: what accountants rely on. Nothing is posted into a closed month, and what holds in it does not change.
VIEWS = {
    # A journal in a closed month was posted before its closing, or while it was open again.
    "audit_i18_closed_months_untouched": """
        SELECT 'journal ' || j.key AS subject,
               'was posted into ' || to_char(j.posted_on, 'YYYY-MM') || ', which had been closed' AS problem
        FROM ledger_journal j
        WHERE EXISTS (
            SELECT 1 FROM ledger_closing c
            WHERE c.entity_id = j.entity_id AND c.month >= date_trunc('month', j.posted_on)
              AND c.closed_at < j.created_at AND (c.reopened_at IS NULL OR c.reopened_at > j.created_at)
        )
        UNION ALL
        SELECT 'chart ' || x.id, 'was changed for ' || to_char(x.valid_from, 'YYYY-MM') || ', which had been closed'
        FROM (
            SELECT id, entity_id, valid_from, decided_at FROM ledger_chart
            UNION ALL
            SELECT n.chart_id, k.entity_id, n.valid_from, n.decided_at
            FROM ledger_accountnumber n JOIN ledger_chart k ON k.id = n.chart_id
        ) AS x
        WHERE EXISTS (
            SELECT 1 FROM ledger_closing c
            WHERE c.entity_id = x.entity_id AND c.month >= x.valid_from
              AND c.closed_at < x.decided_at AND (c.reopened_at IS NULL OR c.reopened_at > x.decided_at)
        )
    """,
    # An export tells as many journals as it says, which add up to what it says, in the file that it says.
    "audit_i18_exports_are_complete": """
        SELECT 'export ' || x.id AS subject,
               'says ' || x.journals || ' journals over ' || x.debits || ', tells ' || t.journals || ' over ' || t.debits
                   AS problem
        FROM accounting_journalexport x
        CROSS JOIN LATERAL (
            SELECT count(DISTINCT e.journal_id) AS journals,
                   coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0) AS debits
            FROM accounting_exportedjournal e
            JOIN ledger_ledgerentry l ON l.journal_id = e.journal_id AND l.currency = x.currency
            WHERE e.export_id = x.id
        ) AS t
        WHERE (x.journals, x.debits) <> (t.journals, t.debits)
        UNION ALL
        SELECT 'export ' || x.id, 'has another file than it says'
        FROM accounting_journalexport x JOIN documents_document d ON d.id = x.document_id
        WHERE x.sha256 <> d.sha256 OR d.seller_id <> x.seller_id
        UNION ALL
        SELECT 'export ' || x.id, 'is withdrawn, some of its journals are not'
        FROM accounting_journalexport x JOIN accounting_exportedjournal e ON e.export_id = x.id
        WHERE (x.withdrawn_at IS NOT NULL) <> e.is_withdrawn
        GROUP BY x.id
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0004_exports"),
        ("ledger", "0003_charts_and_closings"),
        ("documents", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()
    ]
