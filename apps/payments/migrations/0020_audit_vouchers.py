"""I3 of wallets with taxed top-ups: their net is on an account of its own, and the VAT in what is left is what is left."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.payments.migrations.0018_audit_wallets").VIEWS


def _changed(name: str, *changes: tuple[str, str]) -> str:
    view: str = _BEFORE[name]
    for old, new in changes:
        assert view.count(old) == 1, old
        view = view.replace(old, new)
    return view


CHANGED = {
    "audit_i3_wallets_balance": _changed(
        "audit_i3_wallets_balance",
        (
            "GROUP BY m.id HAVING m.amount <> coalesce(-sum(e.amount), 0)",
            "WHERE m.lot_id IS NULL GROUP BY m.id HAVING m.amount <> coalesce(-sum(e.amount), 0)",
        ),
        ("WHERE a.code = '2400' GROUP BY 1, 2, 3) books", "WHERE a.code IN ('2400', '2410') GROUP BY 1, 2, 3) books"),
        (
            """        LEFT JOIN (SELECT c.seller_id, w.currency, sum(w.balance) AS amount
                   FROM payments_wallet w JOIN contracts_contract c ON c.id = w.contract_id
                   GROUP BY 1, 2) w ON (w.seller_id, w.currency) = (books.entity_id, books.currency)
""",
            """        LEFT JOIN (SELECT c.seller_id, w.currency, CASE WHEN m.lot_id IS NULL THEN '2400' ELSE '2410' END AS code,
                          sum(m.amount - m.tax) AS amount
                   FROM payments_walletmovement m JOIN payments_wallet w ON w.id = m.wallet_id
                   JOIN contracts_contract c ON c.id = w.contract_id
                   GROUP BY 1, 2, 3) w
            ON (w.seller_id, w.currency, w.code) = (books.entity_id, books.currency, books.code)
""",
        ),
        (
            """          AND NOT EXISTS (SELECT 1 FROM payments_walletmovement m
                          WHERE m.payment_id = p.id AND m.kind = 'top_up' AND m.amount = p.amount_received)
""",
            """          AND p.amount_received <> (SELECT coalesce(sum(m.amount), 0) FROM payments_walletmovement m
                                    WHERE m.payment_id = p.id AND m.kind = 'top_up')
        UNION ALL
        SELECT 'payment ' || l.lot_id, 'has ' || l.amount || ' left of a taxed top-up, with VAT of ' || l.tax
        FROM (SELECT lot_id, sum(amount) AS amount, sum(tax) AS tax, min(currency) AS currency
              FROM payments_walletmovement WHERE lot_id IS NOT NULL GROUP BY 1) l
        JOIN payments_walletmovement m ON m.lot_id = l.lot_id AND m.kind = 'top_up'
        JOIN invoices_invoicetax t ON t.invoice_id = m.invoice_id
        WHERE l.tax <> l.amount - round(l.amount / (1 + t.rate), minor_unit(l.currency))
""",
        ),
    ),
    "audit_i3_wallets_pay_what_they_settle": _changed(
        "audit_i3_wallets_pay_what_they_settle",
        (
            "ON m.wallet_id = w.id AND m.kind IN ('session', 'invoice', 'returned')",
            "ON m.wallet_id = w.id AND m.kind IN ('session', 'invoice', 'returned') AND m.lot_id IS NULL",
        ),
    ),
}


class Migration(migrations.Migration):
    dependencies = [("payments", "0019_vouchers"), ("invoices", "0014_top_up_invoices")]
    operations = [
        migrations.RunSQL(
            f"DROP VIEW {name}; CREATE VIEW {name} AS {query}",
            f"DROP VIEW {name}; CREATE VIEW {name} AS {_BEFORE[name]}",
        )
        for name, query in CHANGED.items()
    ]
