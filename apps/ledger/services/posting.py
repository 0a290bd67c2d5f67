"""Post journals. The only writer of accounts, journals and entries."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from apps.accounts.models import Organisation
from apps.ledger.domain.chart import CHART
from apps.ledger.domain.posting import PostingLine, check_balanced
from apps.ledger.models import Account, Journal, LedgerEntry
from apps.ledger.selectors import first_open_day


class KeyReused(ValueError):
    """A journal with this key is in the books and says something else; its key was not unique enough."""


@transaction.atomic
def post(
    *,
    entity_id: int,
    key: str,
    posted_on: date,
    tax_date: date,
    text: str,
    lines: Sequence[PostingLine],
    currency: str,
    at: datetime,
) -> Journal:
    """Post one balanced journal; posting the same again returns the first.

    key        natural key within the entity, e.g. ``invoice:12:issued``
    posted_on  the day on which it happened; in a closed month it becomes the first open day after it
    tax_date   the day by which VAT is reported, whatever is closed
    lines      rounded amounts, debits > 0; lines of zero are left out, and a journal of nothing else is kept without
               entries, as a sign that the event was posted
    at         the instant of posting

    :raises UnbalancedJournal: the lines do not add up to zero
    :raises NotRounded: an amount has a fraction of the currency's minor unit
    :raises KeyReused: the key is taken by a journal with other lines
    """
    check_balanced(lines, currency=currency)
    effective = [line for line in lines if line.amount]
    journal, is_new = Journal.objects.get_or_create(
        entity_id=entity_id,
        key=key,
        defaults={
            # Asked only where something is written: a repeat finds the journal on the day it was posted.
            "posted_on": lambda: first_open_day(entity_id=entity_id, day=posted_on),
            "tax_date": tax_date,
            "text": text,
            "created_at": at,
        },
    )
    if not is_new:
        _check_same(journal, effective, currency=currency)
        return journal
    accounts = _accounts(entity_id, effective)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(journal=journal, account=accounts[line.code], currency=currency, amount=line.amount, vat=line.vat)
        for line in effective
    )
    return journal


def _accounts(entity_id: int, lines: Sequence[PostingLine]) -> dict[str, Account]:
    """Return the entity's account of each line by its code; always opened in the same order."""
    codes = {line.code for line in lines}
    known = {account.code: account for account in Account.objects.filter(entity_id=entity_id, code__in=codes)}
    for line in sorted(lines, key=lambda line: line.code):
        if line.code not in known:
            known[line.code] = _open_account(entity_id, line)
    return known


def _open_account(entity_id: int, line: PostingLine) -> Account:
    """Open the entity's account for a role (and party) from the chart, if nobody did meanwhile."""
    row = CHART[line.role]
    name = row.name if line.party is None else f"{row.name}: {Organisation.objects.get(pk=line.party)}"[:120]
    account, _ = Account.objects.get_or_create(
        entity_id=entity_id, code=line.code, defaults={"name": name, "kind": row.kind}
    )
    return account


def _check_same(journal: Journal, lines: Sequence[PostingLine], *, currency: str) -> None:
    """Refuse a key that stands for something else already.

    :raises KeyReused: the posted entries are other than ``lines``
    """
    wanted: Counter[tuple[str, str, Decimal]] = Counter((line.code, currency, Decimal(line.amount)) for line in lines)
    posted = Counter(
        (entry.account.code, entry.currency, entry.amount.amount) for entry in journal.entries.select_related("account")
    )
    if wanted != posted:
        raise KeyReused(f"journal {journal.key} was posted with other lines")
