"""Standing invariants over payments (I3, I11, I13): each view lists its violations as (subject, problem)."""

from django.db import migrations

VIEWS = {
    "audit_i3_payments_within_bounds": """
        SELECT 'payment ' || p.id AS subject,
               'received ' || p.amount_received || ' of ' || p.amount AS problem
        FROM payments_payment p WHERE p.amount_received > p.amount
        UNION ALL
        SELECT 'payment ' || p.id, 'allocated ' || sum(a.amount) || ' of ' || p.amount_received || ' received'
        FROM payments_payment p JOIN payments_allocation a ON a.payment_id = p.id
        GROUP BY p.id HAVING sum(a.amount) > p.amount_received
        UNION ALL
        SELECT 'invoice ' || i.id, 'allocated ' || sum(a.amount) || ' of ' || i.gross
        FROM invoices_invoice i JOIN payments_allocation a ON a.invoice_id = i.id
        GROUP BY i.id HAVING sum(a.amount) > i.gross
        UNION ALL
        SELECT 'payment ' || o.payment_id, 'confirmed ' || count(*) || ' times'
        FROM payments_paymentoperation o WHERE o.kind = 'confirm_intent' AND o.status = 'done'
        GROUP BY o.payment_id HAVING count(*) > 1
        UNION ALL
        SELECT 'payment ' || p.id, 'received ' || p.amount_received || ' and posted '
               || coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)
        FROM payments_payment p
        LEFT JOIN ledger_journal j ON j.entity_id = p.seller_id AND j.key = 'payment:' || p.id || ':received'
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id
        GROUP BY p.id HAVING p.amount_received <> coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)
    """,
    "audit_i11_payment_work_on_time": """
        SELECT 'operation ' || id AS subject, kind || ' due since ' || next_try_at || ' and not attempted' AS problem
        FROM payments_paymentoperation
        WHERE status IN ('pending', 'unknown') AND next_try_at < now() - interval '15 minutes'
        UNION ALL
        SELECT 'event ' || id, type || ' due since ' || next_try_at || ' and not processed'
        FROM payments_stripeevent
        WHERE processed_at IS NULL AND next_try_at < now() - interval '15 minutes'
    """,
    "audit_i13_payments_within_tenant": """
        SELECT 'payment ' || p.id AS subject, 'its invoice or customer is another''s' AS problem
        FROM payments_payment p
        JOIN invoices_invoice i ON i.id = p.invoice_id
        JOIN contracts_customer c ON c.id = p.customer_id
        WHERE (i.seller_id, i.customer_id, c.seller_id) <> (p.seller_id, p.customer_id, p.seller_id)
        UNION ALL
        SELECT 'operation ' || o.id, 'its customer, payment or method is another''s'
        FROM payments_paymentoperation o
        JOIN contracts_customer c ON c.id = o.customer_id
        LEFT JOIN payments_payment p ON p.id = o.payment_id
        LEFT JOIN payments_savedmethod m ON m.id = o.method_id
        WHERE c.seller_id <> o.seller_id OR p.customer_id <> o.customer_id OR m.customer_id <> o.customer_id
           OR p.livemode <> o.livemode OR m.livemode <> o.livemode
        UNION ALL
        SELECT 'allocation ' || a.id, 'its payment and invoice are strangers'
        FROM payments_allocation a
        JOIN payments_payment p ON p.id = a.payment_id
        JOIN invoices_invoice i ON i.id = a.invoice_id
        WHERE (i.seller_id, i.customer_id) <> (p.seller_id, p.customer_id)
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("ledger", "0001_initial"),
        ("invoices", "0001_initial"),
        ("contracts", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()
    ]
