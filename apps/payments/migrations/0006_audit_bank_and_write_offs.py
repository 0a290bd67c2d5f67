"""Standing invariants over money by bank and write-offs (I3, I13): views that list violations (subject, problem)."""

from django.db import migrations

VIEWS = {
    "audit_i3_bank_receipts_within_bounds": """
        WITH used AS (
            SELECT r.id, r.seller_id, r.amount,
                   coalesce((SELECT sum(a.amount) FROM payments_allocation a WHERE a.bank_receipt_id = r.id), 0)
                       AS allocated,
                   coalesce((SELECT sum(b.amount) FROM payments_bankrepayment b
                             WHERE b.bank_receipt_id = r.id AND b.status <> 'withdrawn'), 0) AS paid_back
            FROM payments_bankreceipt r
        )
        SELECT 'bank receipt ' || id AS subject, 'allocated ' || allocated || ' and paid back ' || paid_back || ' of '
               || amount AS problem
        FROM used WHERE allocated < 0 OR allocated + paid_back > amount
        UNION ALL
        SELECT 'bank receipt ' || u.id, 'received ' || u.amount || ' and posted '
               || coalesce(sum(e.amount) FILTER (WHERE k.code = '1000'), 0)
        FROM used u
        LEFT JOIN ledger_journal j ON j.entity_id = u.seller_id AND j.key = 'bank_receipt:' || u.id || ':received'
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id
        LEFT JOIN ledger_account k ON k.id = e.account_id
        GROUP BY u.id, u.amount
        HAVING u.amount <> coalesce(sum(e.amount) FILTER (WHERE k.code = '1000'), 0)
        UNION ALL
        SELECT 'bank repayment ' || b.id, b.status || ', ' || b.amount || ' and posted '
               || coalesce(sum(e.amount) FILTER (WHERE k.code = '1200'), 0)
        FROM payments_bankrepayment b
        JOIN payments_bankreceipt r ON r.id = b.bank_receipt_id
        LEFT JOIN ledger_journal j ON j.entity_id = r.seller_id
            AND j.key = 'bank_receipt:' || r.id || ':paid_back:' || b.id
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id
        LEFT JOIN ledger_account k ON k.id = e.account_id
        GROUP BY b.id, b.status, b.amount
        HAVING coalesce(sum(e.amount) FILTER (WHERE k.code = '1200'), 0)
            <> CASE b.status WHEN 'executed' THEN b.amount ELSE 0 END
    """,
    "audit_i3_write_offs_are_posted": """
        SELECT 'write-off ' || w.id AS subject, 'of ' || w.amount || ' and posted '
               || coalesce(-sum(e.amount) FILTER (WHERE k.code = '1200'), 0) AS problem
        FROM payments_writeoff w
        JOIN invoices_invoice i ON i.id = w.invoice_id
        LEFT JOIN ledger_journal j ON j.entity_id = i.seller_id AND j.key = 'write_off:' || w.id
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id
        LEFT JOIN ledger_account k ON k.id = e.account_id
        GROUP BY w.id, w.amount
        HAVING w.amount <> coalesce(-sum(e.amount) FILTER (WHERE k.code = '1200'), 0)
        UNION ALL
        SELECT 'invoice ' || i.id, 'written off ' || sum(w.amount) || ' of ' || i.gross
        FROM invoices_invoice i JOIN payments_writeoff w ON w.invoice_id = i.id
        GROUP BY i.id, i.gross HAVING sum(w.amount) < 0 OR sum(w.amount) > i.gross
    """,
    "audit_i13_bank_within_tenant": """
        SELECT 'bank receipt ' || r.id AS subject, 'its customer is another seller''s' AS problem
        FROM payments_bankreceipt r JOIN contracts_customer c ON c.id = r.customer_id
        WHERE c.seller_id <> r.seller_id
        UNION ALL
        SELECT 'allocation ' || a.id, 'its bank receipt and invoice are strangers'
        FROM payments_allocation a
        JOIN payments_bankreceipt r ON r.id = a.bank_receipt_id
        JOIN invoices_invoice i ON i.id = a.invoice_id
        WHERE (i.seller_id, i.currency) <> (r.seller_id, r.currency)
           OR a.amount > 0 AND a.id NOT IN (SELECT reverses_id FROM payments_allocation WHERE reverses_id IS NOT NULL)
              AND i.customer_id IS DISTINCT FROM r.customer_id
    """,
}


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_bank_receipts_and_write_offs"), ("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()
    ]
