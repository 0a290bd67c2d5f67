"""Fees in advance are no revenue when they are issued: each month earns its days, when it is over.

What is deferred is decided when a document is issued and kept as rows; earning one is a journal with the row's key, so
that the task that earns them can run twice, late, or at once with itself. In a month that is closed by then it is
posted on the first open day, as everything is.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from apps.core.domain.zones import zone
from apps.invoices.domain.deferring import Part, deferred_on, parts_of
from apps.invoices.models import DeferredFee, Invoice, InvoiceLine, PeriodCharge
from apps.invoices.models.periods import IS_FEE
from apps.ledger import services as ledger
from apps.ledger.models import Journal
from apps.ledger.selectors import first_open_day
from apps.ledger.services import PostingLine, Role


class Deferral(NamedTuple):
    """A part of a line that is not earned when its document is issued."""

    line: InvoiceLine
    part: Part
    vat: str


def deferrals_of(lines: Sequence[InvoiceLine], *, vats: Mapping[tuple[str, Decimal], str], on: date) -> list[Deferral]:
    """Return what of a document's lines is not earned on the day of issue.

    vats  (category, rate) → code of the VAT that the document states
    """
    # A session's line is no fee; most invoices have no other and ask for nothing here.
    fees = [line for line in lines if line.cdr_id is None]
    charges = {
        charge.line_id: charge
        for charge in (
            PeriodCharge.objects.filter(IS_FEE, line__in=[line.credits_id or line.pk for line in fees]).exclude(
                first_day__isnull=True
            )
            if fees
            else ()
        )
    }
    found = []
    for line in fees:
        charge = charges.get(line.credits_id or line.pk)
        if charge is None:
            continue
        parts = parts_of(line.net.amount, first=charge.first_day, last=charge.last_day, currency=line.currency)
        vat = vats[line.tax_category, line.tax_rate]
        found += [Deferral(line, part, vat) for part in deferred_on(parts, day=on)]
    return found


def keep(deferrals: Sequence[Deferral]) -> None:
    """Write down what an issued document defers; its journal says the same."""
    DeferredFee.objects.bulk_create(
        DeferredFee(
            line=one.line,
            first_day=one.part.first,
            last_day=one.part.last,
            currency=one.line.currency,
            amount=one.part.amount,
            vat=one.vat,
        )
        for one in deferrals
    )


def journal_key(fee_id: int) -> str:
    """Return the natural key of the journal by which a deferred part is earned."""
    return f"deferred_fee:{fee_id}"


def unearned(*, by: date | None = None) -> QuerySet[Any]:
    """Return the deferred parts that no journal has earned, the oldest first.

    by  not earned by journals posted until the end of this day; None: by none at all
    """
    key = Concat(Value("deferred_fee:"), Cast(OuterRef("pk"), CharField()))
    journals = Journal.objects.filter(entity=OuterRef("line__invoice__seller"), key=key)
    if by is not None:
        journals = journals.filter(posted_on__lte=by)
    return DeferredFee.objects.filter(~Exists(journals)).order_by("last_day", "pk")


def due_fee_ids(*, at: datetime) -> list[int]:
    """Return the deferred parts whose days are over on their seller's clock and that are not earned yet."""
    # East of Greenwich it may be a day later than in UTC.
    rows = unearned().filter(last_day__lte=at.date()).select_related("line__invoice__seller")
    return [row.pk for row in rows if row.last_day < _today(row, at=at)]


@transaction.atomic
def earn(*, fee_id: int, at: datetime) -> bool:
    """Post what a deferred part earns, once, when its days are over; False: they are not.

    It is posted on its last day, or when the document was issued later, on the day of issue.
    """
    fee = DeferredFee.objects.select_related("line__invoice__seller", "line__credits").get(pk=fee_id)
    if fee.last_day >= _today(fee, at=at):
        return False
    invoice, amount = fee.line.invoice, fee.amount.amount
    assert invoice.issue_date is not None, "only what is issued is deferred"
    # No VAT moves, so no closed month's return is touched: the tax date is the day of posting.
    day = first_open_day(entity_id=invoice.seller_id, day=max(fee.last_day, invoice.issue_date))
    ledger.post(
        entity_id=invoice.seller_id,
        key=journal_key(fee.pk),
        posted_on=day,
        tax_date=day,
        text=f"Earned of {invoice.number}: {(fee.line.credits or fee.line).text}"[:200],
        lines=[
            PostingLine(role=Role.DEFERRED_FEES, amount=amount, vat=fee.vat),
            PostingLine(role=Role.REVENUE_ENERGY, amount=-amount, vat=fee.vat),
        ],
        currency=fee.currency,
        at=at,
    )
    return True


def deferred_total(deferrals: Sequence[Deferral], vat: str) -> Decimal:
    """Return what a document defers under a VAT, net and signed."""
    return sum((one.part.amount for one in deferrals if one.vat == vat), Decimal(0))


def _today(fee: DeferredFee, *, at: datetime) -> date:
    seller = fee.line.invoice.seller
    today: date = at.astimezone(zone(seller.time_zone)).date()
    return today


def documents_of_fees(pks: Sequence[int]) -> dict[int, Invoice]:
    """Return which document each deferred part is of."""
    rows = DeferredFee.objects.filter(pk__in=pks).select_related("line__invoice__customer", "line__invoice__buyer")
    return {row.pk: row.line.invoice for row in rows}
