"""I3, I11 and I13 of prepaid wallets: balance, movements and books agree; surplus is no word for a top-up."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.payments.migrations.0010_audit_debits").VIEWS
SURPLUS = "audit_i11_payment_work_on_time"
SURPLUS_BEFORE = _BEFORE[SURPLUS]
_OLD = "WHERE p.status = 'succeeded' AND p.stripe_id IS NOT NULL AND (t.id IS NULL"
assert SURPLUS_BEFORE.count(_OLD) == 1
SURPLUS_AFTER = SURPLUS_BEFORE.replace(_OLD, f"WHERE p.wallet_id IS NULL AND {_OLD.removeprefix('WHERE ')}")

VIEWS = {
    "audit_i3_wallets_balance": """
        SELECT 'wallet ' || w.id AS subject,
               'stands at ' || w.balance || ', its movements come to ' || coalesce(sum(m.amount), 0) AS problem
        FROM payments_wallet w LEFT JOIN payments_walletmovement m ON m.wallet_id = w.id
        GROUP BY w.id HAVING w.balance <> coalesce(sum(m.amount), 0)
        UNION ALL
        SELECT 'wallet ' || m.wallet_id, m.key || ' of ' || m.amount || ' is posted as ' || coalesce(-sum(e.amount), 0)
        FROM payments_walletmovement m
        JOIN payments_wallet w ON w.id = m.wallet_id
        JOIN contracts_contract c ON c.id = w.contract_id
        LEFT JOIN ledger_journal j ON j.entity_id = c.seller_id AND j.key = 'wallet:' || w.id || ':' || m.key
        LEFT JOIN ledger_account a ON a.entity_id = c.seller_id AND a.code = '2400'
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id AND e.account_id = a.id AND e.currency = m.currency
        GROUP BY m.id HAVING m.amount <> coalesce(-sum(e.amount), 0)
        UNION ALL
        SELECT 'account ' || books.code || ' of organisation ' || books.entity_id,
               'stands at ' || books.amount || ' ' || books.currency || ', its wallets at ' || coalesce(w.amount, 0)
        FROM (SELECT a.entity_id, a.code, e.currency, -sum(e.amount) AS amount
              FROM ledger_account a JOIN ledger_ledgerentry e ON e.account_id = a.id
              WHERE a.code = '2400' GROUP BY 1, 2, 3) books
        LEFT JOIN (SELECT c.seller_id, w.currency, sum(w.balance) AS amount
                   FROM payments_wallet w JOIN contracts_contract c ON c.id = w.contract_id
                   GROUP BY 1, 2) w ON (w.seller_id, w.currency) = (books.entity_id, books.currency)
        WHERE books.amount <> coalesce(w.amount, 0)
        UNION ALL
        SELECT 'payment ' || p.id, 'topped up with ' || p.amount_received || ' and is no movement of its wallet'
        FROM payments_payment p
        WHERE p.wallet_id IS NOT NULL AND p.status = 'succeeded'
          AND NOT EXISTS (SELECT 1 FROM payments_walletmovement m
                          WHERE m.payment_id = p.id AND m.kind = 'top_up' AND m.amount = p.amount_received)
        UNION ALL
        SELECT 'refund ' || r.id, r.status || ' over ' || r.amount || ', of its wallet moved '
               || coalesce(sum(m.amount), 0)
        FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id AND p.wallet_id IS NOT NULL
        LEFT JOIN payments_walletmovement m ON m.refund_id = r.id
        GROUP BY r.id
        HAVING coalesce(sum(m.amount), 0) <> CASE r.status WHEN 'failed' THEN 0 ELSE -r.amount END
    """,
    "audit_i3_wallets_pay_what_they_settle": """
        SELECT 'wallet ' || w.id AS subject,
               'settles ' || a.settled || ' and paid ' || coalesce(-sum(m.amount), 0) AS problem
        FROM payments_wallet w
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS settled
                            FROM payments_allocation WHERE wallet_id = w.id) a
        LEFT JOIN payments_walletmovement m
            ON m.wallet_id = w.id AND m.kind IN ('session', 'invoice', 'returned')
        WHERE NOT EXISTS (
            -- A correction gives back to the wallet at once, its credit note comes with the next billing run.
            SELECT 1 FROM payments_walletmovement s JOIN charging_sessions_cdr c ON c.id = s.cdr_id
            WHERE s.wallet_id = w.id AND c.revision > 1
              AND NOT EXISTS (SELECT 1 FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
                              WHERE l.cdr_id = c.id AND i.status = 'issued'))
        GROUP BY w.id, a.settled HAVING a.settled > coalesce(-sum(m.amount), 0)
    """,
    "audit_i11_wallets_charged_on_time": """
        SELECT 'wallet ' || w.id AS subject, 'has not paid charge record ' || c.id || ' of ' || c.rated_at AS problem
        FROM payments_wallet w
        JOIN contracts_contract k ON k.id = w.contract_id AND k.collects_on = 'wallet'
        JOIN charging_sessions_chargingsession s ON s.contract_id = k.id AND s.status = 'settled'
        JOIN charging_sessions_cdr c ON c.session_id = s.id AND c.purpose = 'retail'
        WHERE c.rated_at < now() - interval '15 minutes' AND w.opened_at < now() - interval '15 minutes'
          AND NOT EXISTS (SELECT 1 FROM charging_sessions_cdr n
                          WHERE n.session_id = c.session_id AND n.purpose = c.purpose AND n.revision > c.revision)
          AND NOT EXISTS (SELECT 1 FROM invoices_prepaidrecord p WHERE p.cdr_id = c.id)
    """,
    "audit_i13_wallets_are_of_prepaid_contracts": """
        SELECT 'contract ' || k.id AS subject, 'is paid from a wallet and has none, or no limit for it' AS problem
        FROM contracts_contract k
        WHERE k.collects_on = 'wallet' AND NOT EXISTS (
            SELECT 1 FROM payments_wallet w
            JOIN contracts_spendinglimit l ON l.contract_id = w.contract_id AND l.is_prepaid
            WHERE w.contract_id = k.id AND w.currency = l.currency)
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0017_wallets"),
        ("contracts", "0013_prepaid_contracts"),
        ("invoices", "0013_prepaid_records"),
        ("ledger", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            f"DROP VIEW {SURPLUS}; CREATE VIEW {SURPLUS} AS {SURPLUS_AFTER}",
            f"DROP VIEW {SURPLUS}; CREATE VIEW {SURPLUS} AS {SURPLUS_BEFORE}",
        ),
        *(migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()),
    ]
