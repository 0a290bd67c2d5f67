"""I3, I13: opening items are posted for what is open of them, and credits brought along are no money at the bank."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.payments.migrations.0006_audit_bank_and_write_offs").VIEWS
RECEIPTS = "audit_i3_bank_receipts_within_bounds"


def _changed(view: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert view.count(old) == 1, old
        view = view.replace(old, new)
    return view


RECEIPTS_AFTER = _changed(
    _BEFORE[RECEIPTS],
    ("SELECT r.id, r.seller_id, r.amount,", "SELECT r.id, r.seller_id, r.amount, r.opening_item_id,"),
    (
        "                       AS allocated,\n",
        """                       + coalesce((SELECT sum(f.amount) FROM payments_feeallocation f WHERE f.bank_receipt_id = r.id), 0)
                       + coalesce((SELECT sum(s.amount) FROM payments_openingsettlement s
                                   WHERE s.bank_receipt_id = r.id), 0) AS allocated,
""",
    ),
    ("        GROUP BY u.id, u.amount\n", "        WHERE u.opening_item_id IS NULL\n        GROUP BY u.id, u.amount\n"),
)

VIEWS = {
    "audit_i3_opening_items_are_what_is_posted": """
        WITH standing AS (
            SELECT i.*,
                   CASE WHEN i.reversed_at IS NULL THEN i.amount ELSE 0 END AS brought,
                   coalesce((SELECT sum(s.amount) FROM payments_openingsettlement s
                             WHERE s.item_id = i.id), 0) AS settled,
                   coalesce((SELECT sum(s.amount) FROM payments_openingsettlement s
                             WHERE s.item_id = i.id AND s.bank_receipt_id IS NULL), 0) AS given_up,
                   coalesce((SELECT sum(e.amount) FROM ledger_journal j
                             JOIN ledger_ledgerentry e ON e.journal_id = j.id
                             JOIN ledger_account k ON k.id = e.account_id
                             WHERE j.entity_id = i.seller_id AND k.code = '1200' AND e.currency = i.currency
                               AND starts_with(j.key, 'opening_item:' || i.id || ':')), 0) AS posted
            FROM payments_openingitem i
        )
        SELECT 'opening item ' || id AS subject,
               'comes to ' || brought - given_up || ' and posted are ' || posted AS problem
        FROM standing WHERE posted <> brought - given_up
        UNION ALL
        SELECT 'opening item ' || id, 'settled for ' || settled || ' of ' || amount
        FROM standing
        WHERE given_up < 0 OR settled < 0 OR amount > 0 AND settled > brought
           OR amount < 0 AND settled <> brought - amount
        UNION ALL
        SELECT 'opening item ' || i.id, 'is a credit whose money nothing holds'
        FROM standing i
        WHERE i.amount < 0
          AND NOT EXISTS (SELECT 1 FROM payments_bankreceipt r WHERE r.opening_item_id = i.id AND r.amount = -i.amount)
    """,
    "audit_i13_opening_items_within_tenant": """
        SELECT 'opening item ' || i.id AS subject, 'its customer is another seller''s' AS problem
        FROM payments_openingitem i JOIN contracts_customer c ON c.id = i.customer_id
        WHERE c.seller_id <> i.seller_id
        UNION ALL
        SELECT 'settlement of opening item ' || i.id, 'its bank receipt is a stranger''s'
        FROM payments_openingsettlement s
        JOIN payments_openingitem i ON i.id = s.item_id
        JOIN payments_bankreceipt r ON r.id = s.bank_receipt_id
        WHERE (i.seller_id, i.currency) <> (r.seller_id, r.currency)
           OR s.amount > 0 AND i.customer_id IS DISTINCT FROM r.customer_id
              AND NOT EXISTS (SELECT 1 FROM payments_openingsettlement b WHERE b.reverses_id = s.id)
    """,
}


class Migration(migrations.Migration):
    dependencies = [("payments", "0023_opening_items"), ("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(
            f"DROP VIEW {RECEIPTS}; CREATE VIEW {RECEIPTS} AS {RECEIPTS_AFTER}",
            f"DROP VIEW {RECEIPTS}; CREATE VIEW {RECEIPTS} AS {_BEFORE[RECEIPTS]}",
        ),
        *(migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()),
    ]
