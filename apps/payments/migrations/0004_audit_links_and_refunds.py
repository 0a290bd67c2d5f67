"""I3, I11 and I13 with pay links, refunds in parts, surpluses and invoices in a receipt's stead."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.payments.migrations.0002_audit_views").VIEWS


def _changed(name: str, *changes: tuple[str, str]) -> str:
    view: str = _BEFORE[name]
    for old, new in changes:
        assert view.count(old) == 1, old
        view = view.replace(old, new)
    return view


VIEWS = {
    "audit_i3_payments_within_bounds": _changed(
        "audit_i3_payments_within_bounds",
        (
            "WHERE p.kind = 'collection' AND p.status = 'succeeded'\n",
            """WHERE p.kind IN ('collection', 'link') AND p.status = 'succeeded'
          AND NOT EXISTS (SELECT 1 FROM payments_refund r WHERE r.payment_id = p.id AND r.origin = 'surplus')
""",
        ),
        (
            "SELECT 'refund ' || r.id, r.status",
            """SELECT 'payment ' || p.id, 'gave back a surplus of ' || sum(r.amount) || ' that it did not bring'
        FROM payments_payment p JOIN payments_refund r ON r.payment_id = p.id
            AND r.status <> 'failed' AND r.origin = 'surplus'
        GROUP BY p.id HAVING sum(r.amount) > p.amount_received
            - (SELECT coalesce(sum(a.amount), 0) FROM payments_allocation a WHERE a.payment_id = p.id)
        UNION ALL
        SELECT 'refund ' || r.id, r.status""",
        ),
    ),
    "audit_i3_attempts_capture_their_receipt": _changed(
        "audit_i3_attempts_capture_their_receipt",
        # A receipt that was credited in part before the capture takes that much less.
        (
            "captured <> least(gross, hold_amount)",
            "captured NOT BETWEEN least(gross - credited, hold_amount) AND least(gross, hold_amount)",
        ),
        # What was paid by link is no receivable either.
        ("WHERE p.attempt_id = a.id)\n", "WHERE p.attempt_id = a.id OR p.invoice_id = i.id)\n"),
        (
            "AS w (word) WHERE r.invoice_id = i.id))",
            """AS w (word)
                             JOIN payments_payment p ON p.id = r.payment_id
                             WHERE p.attempt_id = a.id OR p.invoice_id = i.id))""",
        ),
        (
            "WHERE p.attempt_id = a.id), 0) AS captured,",
            """WHERE p.attempt_id = a.id), 0) AS captured,
                   coalesce((SELECT sum(p.amount_received) FROM payments_payment p
                             WHERE p.invoice_id = i.id), 0) AS linked,""",
        ),
        (
            "WHERE r.invoice_id = i.id AND r.status = 'succeeded'), 0) AS refunded",
            """JOIN payments_payment p ON p.id = r.payment_id
                             WHERE (p.attempt_id = a.id OR p.invoice_id = i.id)
                               AND r.status = 'succeeded'), 0) AS refunded""",
        ),
        ("gross <> captured + receivable", "gross <> captured + linked + receivable"),
    ),
    # What was paid beyond what was open goes back soon; one that came back was told to a person.
    "audit_i11_payment_work_on_time": _BEFORE["audit_i11_payment_work_on_time"]
    + """
        UNION ALL
        SELECT 'payment ' || p.id, 'received ' || p.amount_received || ', of which a surplus is given back to nobody'
        FROM payments_payment p LEFT JOIN payments_paymentattempt t ON t.id = p.attempt_id
        WHERE p.status = 'succeeded' AND p.stripe_id IS NOT NULL AND (t.id IS NULL OR t.receipt_id IS NOT NULL)
          AND p.succeeded_at < now() - interval '15 minutes'
          AND p.amount_received > (SELECT coalesce(sum(a.amount), 0) FROM payments_allocation a
                                   WHERE a.payment_id = p.id)
              + (SELECT coalesce(sum(r.amount), 0) FROM payments_refund r
                 WHERE r.payment_id = p.id AND r.invoice_id IS NULL AND r.status <> 'failed')
          AND NOT EXISTS (SELECT 1 FROM payments_refund r
                          WHERE r.payment_id = p.id AND r.origin = 'surplus' AND r.status = 'failed')
    """,
    "audit_i13_payments_within_tenant": _changed(
        "audit_i13_payments_within_tenant",
        (
            """JOIN invoices_invoice i ON i.id = r.invoice_id
        JOIN invoices_invoice n ON n.id = r.credit_note_id
        WHERE (i.seller_id, n.seller_id) <> (p.seller_id, p.seller_id) OR n.credits_id IS DISTINCT FROM i.id
           OR (i.currency, r.currency) <> (p.currency, p.currency)""",
            """LEFT JOIN invoices_invoice i ON i.id = r.invoice_id
        LEFT JOIN invoices_invoice n ON n.id = r.credit_note_id
        WHERE i.seller_id <> p.seller_id OR n.seller_id <> p.seller_id
           OR n.id IS NOT NULL AND n.credits_id IS DISTINCT FROM i.id
           OR i.currency <> p.currency OR r.currency <> p.currency""",
        ),
        (
            """JOIN contracts_customer c ON c.id = p.customer_id
        WHERE (i.seller_id, i.customer_id, c.seller_id) <> (p.seller_id, p.customer_id, p.seller_id)""",
            """LEFT JOIN contracts_customer c ON c.id = p.customer_id
        WHERE i.seller_id <> p.seller_id OR i.customer_id IS DISTINCT FROM p.customer_id
           OR c.seller_id <> p.seller_id""",
        ),
        (
            "OR t.receipt_id IS DISTINCT FROM i.id AND t.id IS NOT NULL",
            """OR t.id IS NOT NULL AND t.receipt_id IS DISTINCT FROM i.id
              AND t.receipt_id IS DISTINCT FROM i.replaces_id""",
        ),
    ),
}


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_pay_links_and_refunds_in_parts"),
        ("invoices", "0006_audit_credits_in_parts"),
    ]
    operations = [
        migrations.RunSQL(
            f"DROP VIEW {name}; CREATE VIEW {name} AS {query}",
            f"DROP VIEW {name}; CREATE VIEW {name} AS {_BEFORE[name]}",
        )
        for name, query in VIEWS.items()
    ]
