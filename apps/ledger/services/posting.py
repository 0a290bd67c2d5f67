"""Post journals. The only writer of accounts, journals and entries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from apps.accounts.models import Organisation
from apps.core.rows import insert_rows
from apps.ledger.domain.chart import CHART
from apps.ledger.domain.posting import PostingLine, check_balanced
from apps.ledger.models import Account, Journal, LedgerEntry
from apps.ledger.selectors import first_open_day


class KeyReused(ValueError):
    """A journal with this key is in the books and says something else; its key was not unique enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A journal to be.

    key        natural key within the entity, e.g. ``invoice:12:issued``
    posted_on  the day on which it happened; in a closed month it becomes the first open day after it
    tax_date   the day by which VAT is reported, whatever is closed
    lines      rounded amounts, debits > 0; lines of zero are left out, and a journal of nothing else is kept without
               entries, as a sign that the event was posted
    """

    key: str
    posted_on: date
    tax_date: date
    text: str
    lines: Sequence[PostingLine]
    currency: str

    @property
    def effective(self) -> list[PostingLine]:
        """The lines that move something."""
        return [line for line in self.lines if line.amount]


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
    """Post one balanced journal; posting the same again returns the first. See ``Posting`` and ``post_all``."""
    posting = Posting(key=key, posted_on=posted_on, tax_date=tax_date, text=text, lines=lines, currency=currency)
    return post_all(entity_id=entity_id, postings=[posting], at=at)[0]


@transaction.atomic
def post_all(*, entity_id: int, postings: Sequence[Posting], at: datetime) -> list[Journal]:
    """Post balanced journals of one entity, in their order; what was posted already is returned as it is.

    postings  no key twice · at: the instant of posting

    :raises UnbalancedJournal: the lines of one do not add up to zero
    :raises NotRounded: an amount has a fraction of the currency's minor unit
    :raises KeyReused: a key is taken by a journal with other lines
    """
    for posting in postings:
        check_balanced(posting.lines, currency=posting.currency)
    known = _known(entity_id, postings)
    new = [posting for posting in postings if posting.key not in known]
    for posting in postings:
        if posting.key in known:
            _check_same(known[posting.key], posting.effective, currency=posting.currency)
    journals = _insert_journals(entity_id, new, at=at)
    if journals is None:
        # Somebody else posted one of them at this moment; now it is found.
        return post_all(entity_id=entity_id, postings=postings, at=at)
    accounts = _accounts(entity_id, [line for posting in new for line in posting.effective])
    insert_rows(
        [
            LedgerEntry(
                journal=journals[posting.key],
                account=accounts[line.code],
                currency=posting.currency,
                amount=line.amount,
                vat=line.vat,
            )
            for posting in new
            for line in posting.effective
        ]
    )
    return [known.get(posting.key) or journals[posting.key] for posting in postings]


def is_posted(*, entity_id: int, key: str) -> bool:
    """Tell whether an entity's books have a journal of that key, for whom the lines would come out otherwise now."""
    return Journal.objects.filter(entity_id=entity_id, key=key).exists()


def _known(entity_id: int, postings: Sequence[Posting]) -> dict[str, Journal]:
    keys = [posting.key for posting in postings]
    return {journal.key: journal for journal in Journal.objects.filter(entity_id=entity_id, key__in=keys)}


def _insert_journals(entity_id: int, postings: Sequence[Posting], *, at: datetime) -> dict[str, Journal] | None:
    """Write new journals and return them by key; None where somebody else has written one of them meanwhile."""
    # Asked only where something is written: a repeat finds the journal on the day it was posted.
    days = {day: first_open_day(entity_id=entity_id, day=day) for day in {posting.posted_on for posting in postings}}
    journals = {
        posting.key: Journal(
            entity_id=entity_id,
            key=posting.key,
            posted_on=days[posting.posted_on],
            tax_date=posting.tax_date,
            text=posting.text,
            created_at=at,
        )
        for posting in postings
    }
    try:
        with transaction.atomic():
            insert_rows(list(journals.values()))
    except IntegrityError:
        if not _known(entity_id, postings):
            raise
        return None
    return journals


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
