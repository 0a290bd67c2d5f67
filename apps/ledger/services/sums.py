"""Add up what came to the books since the last time. By pull: posting writes nothing for it and waits for nobody."""

from typing import Final

from django.db import connection, transaction

from apps.ledger.models import Account

_TAKE_TURNS: Final = "SELECT pg_advisory_xact_lock(hashtext('ledger_accountmonth'), %s)"
_THROUGH: Final = """
    SELECT coalesce(max(m.through), 0) FROM ledger_accountmonth m JOIN ledger_account a ON a.id = m.account_id
    WHERE a.entity_id = %s
"""
_ADD_UP: Final = """
    INSERT INTO ledger_accountmonth AS month (account_id, month, currency, vat, debit, credit, through)
    SELECT e.account_id, date_trunc('month', j.posted_on)::date, e.currency, e.vat,
        sum(greatest(e.amount, 0)), sum(greatest(-e.amount, 0)), %(end)s
    FROM ledger_ledgerentry e JOIN ledger_journal j ON j.id = e.journal_id
    WHERE e.id > %(through)s AND e.id <= %(end)s AND j.entity_id = %(entity)s
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (account_id, month, currency, vat) DO UPDATE SET
        debit = month.debit + EXCLUDED.debit, credit = month.credit + EXCLUDED.credit, through = EXCLUDED.through
"""


def add_up_all() -> int:
    """Add up every entity's new entries; return of how many."""
    entities = Account.objects.order_by("entity").values_list("entity", flat=True).distinct()
    return sum(add_up(entity_id=pk) for pk in entities)


def add_up(*, entity_id: int) -> bool:
    """Add an entity's new entries to the sums of their months; False: somebody posts just now, so later."""
    end = _last_settled(entity_id)
    if end is None:
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE_TURNS, [entity_id])
        cursor.execute(_THROUGH, [entity_id])
        (through,) = cursor.fetchone()
        cursor.execute(_ADD_UP, {"entity": entity_id, "through": through, "end": end})
    return True


@transaction.atomic
def _last_settled(entity_id: int) -> int | None:
    """Return a key up to which no entry of the entity's is still to come; None: somebody posts just now.

    Who posts holds a shared lock of the entity's books until the commit (``ledger_open_day``). With nobody in between,
    whoever comes next draws higher keys.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(7341, %s)", [entity_id])
        (is_alone,) = cursor.fetchone()
        if not is_alone:
            return None
        cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_ledgerentry")
        (last,) = cursor.fetchone()
    return int(last)
