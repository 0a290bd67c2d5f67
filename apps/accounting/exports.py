"""Which journals a format has not been told yet, and what they say in the accountant's numbers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch

from apps.accounting.debtors import Debtor
from apps.accounting.domain.exports.bookings import Batch, Booking, Posted
from apps.accounting.models import ExportedJournal
from apps.accounting.reports.periods import Period
from apps.accounting.sources import Source, sources_of
from apps.accounts.models import Organisation
from apps.core.domain.money import round_half_up
from apps.ledger.domain.chart import Role, role_of
from apps.ledger.domain.charts import NumberedAccount, Numbering
from apps.ledger.models import Journal, LedgerEntry
from apps.ledger.selectors import numbering_on


def untold(*, seller: Organisation, file_format: str, month: date, currency: str) -> Any:
    """Return the journals of a month in a currency that no export of this format tells, in the order of posting.

    Journals without entries are signs that something happened and tell an accountant nothing.
    """
    period = Period.of_months(month, month)
    told = ExportedJournal.objects.filter(journal=OuterRef("pk"), format=file_format, is_withdrawn=False)
    entries = LedgerEntry.objects.filter(currency=currency)
    return (
        Journal.objects.filter(
            ~Exists(told),
            Exists(entries.filter(journal=OuterRef("pk"))),
            entity=seller,
            posted_on__gte=period.first,
            posted_on__lt=period.end,
        )
        .order_by("posted_on", "pk")
        .prefetch_related(Prefetch("entries", entries.select_related("account").order_by("pk")))
    )


def batch_of(
    journals: Sequence[Journal],
    *,
    seller: Organisation,
    month: date,
    currency: str,
    number: int,
    made_at: datetime,
    debtors: Mapping[str, Debtor] | None = None,
) -> Batch:
    """Return journals with their entries as a file tells them, under the numbers that held in their month.

    debtors  journal's key → whose personal account its receivable is; None: all stand on one account
    """
    period = Period.of_months(month, month)
    numbering = numbering_on(entity=seller, day=month)
    sources = sources_of(journal.key for journal in journals)
    owners = debtors or {}
    return Batch(
        seller=seller.name,
        currency=currency,
        first=period.first,
        last=period.last,
        number=number,
        made_at=made_at,
        bookings=tuple(
            _booking(journal, sources[journal.key], numbering, owners.get(journal.key)) for journal in journals
        ),
    )


def _booking(journal: Journal, source: Source, numbering: Numbering, debtor: Debtor | None) -> Booking:
    return Booking(
        key=journal.key,
        posted_on=journal.posted_on,
        tax_date=journal.tax_date,
        text=journal.text,
        document=source.document,
        party=source.party,
        customer_number=source.customer_number,
        due_date=source.due_date,
        entries=tuple(_posted(entry, numbering, debtor) for entry in journal.entries.all()),
    )


def _posted(entry: LedgerEntry, numbering: Numbering, debtor: Debtor | None) -> Posted:
    role = role_of(entry.account.code)
    account = numbering.account(role, entry.vat)
    if role is Role.RECEIVABLE and debtor is not None:
        account = NumberedAccount(debtor.number, debtor.name)
    return Posted(
        code=entry.account.code,
        role=role,
        number=account.number,
        name=account.name,
        # The column has six decimals; what was posted has the currency's.
        amount=round_half_up(entry.amount.amount, currency=entry.currency),
        vat=entry.vat,
        is_automatic=account.is_automatic,
    )
