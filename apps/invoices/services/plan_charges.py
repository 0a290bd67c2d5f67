"""A plan's charges as lines of a draft, and the rows that say for ever which line billed which charge."""

from collections.abc import Sequence

from django.db.models import Max

from apps.contracts.models import Contract, Vehicle
from apps.invoices.domain.amounts import LineAmounts
from apps.invoices.domain.plan_words import say
from apps.invoices.models import Invoice, InvoiceLine, PeriodCharge
from apps.invoices.selectors import begin_of_day
from apps.invoices.services.plans import DueCharge, begin_period
from apps.invoices.services.text_lines import text_line


def charge_line(charge: DueCharge, amounts: LineAmounts, *, draft: Invoice, position: int) -> InvoiceLine:
    """Return the unsaved line of a charge."""
    return text_line(
        draft,
        amounts,
        position=position,
        text=say(charge.line, first=charge.days.first, last=charge.days.last, language=draft.language),
        vehicle=_vehicle(charge.line.owner),
        began_at=begin_of_day(charge.days.first, time_zone=draft.seller.time_zone),
        last_day=charge.days.last,
    )


def keep_charges(contract: Contract, charges: Sequence[DueCharge], lines: Sequence[InvoiceLine]) -> None:
    """Write which saved line bills which charge."""
    for charge, line in zip(charges, lines, strict=True):
        period = begin_period(contract, charge.period)
        last = period.charges.aggregate(last=Max("position"))["last"] or 0
        PeriodCharge.objects.create(
            period=period,
            position=last + 1,
            line=line,
            kind=charge.line.kind,
            words=charge.line.words[:240],
            quantity=charge.line.quantity,
            price=charge.line.price,
            tax_key=charge.line.tax_category,
            owner=charge.line.owner,
            takes_back_id=charge.takes_back,
            first_day=charge.days.first,
            last_day=charge.days.last,
        )


def _vehicle(owner: str) -> str:
    """Name the vehicle that an allowance of its own belongs to."""
    vehicle = Vehicle.objects.filter(pk=owner).first() if owner else None
    return str(vehicle or "")
