"""Standing invariants over disputes (I3, I11, I13): each view lists its violations as (subject, problem)."""

from django.db import migrations

VIEWS = {
    "audit_i3_disputes_within_bounds": """
        SELECT 'payment ' || p.id AS subject, 'received ' || p.amount_received || ', refunded '
               || coalesce((SELECT sum(r.amount) FROM payments_refund r
                            WHERE r.payment_id = p.id AND r.status = 'succeeded'), 0)
               || ' and lost ' || sum(d.amount) AS problem
        FROM payments_payment p JOIN payments_dispute d ON d.payment_id = p.id AND d.status = 'lost'
        GROUP BY p.id HAVING p.amount_received < sum(d.amount)
            + coalesce((SELECT sum(r.amount) FROM payments_refund r
                        WHERE r.payment_id = p.id AND r.status = 'succeeded'), 0)
        UNION ALL
        SELECT 'dispute ' || d.id, d.status || ' and ' || coalesce(sum(e.amount), 0) || ' is on the disputed account'
        FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id
        LEFT JOIN ledger_journal j ON j.entity_id = p.seller_id AND j.key LIKE 'dispute:' || d.id || ':%'
        LEFT JOIN ledger_account a ON a.entity_id = p.seller_id AND a.code = '1030'
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id AND e.account_id = a.id
        GROUP BY d.id HAVING d.status IN ('won', 'lost') AND coalesce(sum(e.amount), 0) <> 0
            OR d.status IN ('needs_response', 'under_review') AND coalesce(sum(e.amount), 0) NOT IN (0, d.amount)
    """,
    "audit_i11_disputes_prepared_on_time": """
        SELECT 'dispute ' || id AS subject, 'waits for an answer since ' || opened_at || ' and nothing is prepared'
               AS problem
        FROM payments_dispute
        WHERE status IN ('needs_response', 'warning_needs_response') AND submitted_at IS NULL AND prepared_at IS NULL
          AND opened_at < now() - interval '1 hour' AND synced_at < now() - interval '1 hour'
    """,
    "audit_i13_disputes_within_tenant": """
        SELECT 'operation ' || o.id AS subject, 'its dispute is another payment''s' AS problem
        FROM payments_paymentoperation o JOIN payments_dispute d ON d.id = o.dispute_id
        WHERE d.payment_id IS DISTINCT FROM o.payment_id
        UNION ALL
        SELECT 'dispute ' || d.id, 'it is of another currency than its payment'
        FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id WHERE d.currency <> p.currency
    """,
}


class Migration(migrations.Migration):
    dependencies = [("payments", "0011_disputes"), ("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()
    ]
