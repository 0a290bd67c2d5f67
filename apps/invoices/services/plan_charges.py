"""A plan's charges as lines of a draft, and the rows that say for ever which line billed which charge."""

from collections.abc import Sequence
from datetime import datetime, time

from django.db.models import Max

from apps.contracts.models import Contract, Vehicle
from apps.core.domain.zones import zone
from apps.invoices.domain.amounts import LineAmounts, line_amounts
from apps.invoices.domain.plan_words import say
from apps.invoices.models import Invoice, InvoiceLine, PeriodCharge
from apps.invoices.selectors import end_of_day
from apps.invoices.services.plans import DueCharge, begin_period


def charge_amounts(charge: DueCharge, draft: Invoice) -> LineAmounts:
    """Return a charge, rounded once, as the draft states its lines."""
    net, gross = charge.supply.round(charge.line.amount, currency=draft.currency)
    return line_amounts(
        category=charge.supply.category,
        rate=charge.supply.rate,
        net=net,
        gross=gross,
        amounts_are_gross=draft.amounts_are_gross,
        currency=draft.currency,
    )


def charge_line(charge: DueCharge, amounts: LineAmounts, *, draft: Invoice, position: int) -> InvoiceLine:
    """Return the unsaved line of a charge."""
    time_zone = draft.seller.time_zone
    text = say(charge.line, first=charge.period.first, last=charge.period.last, language=draft.language)
    return InvoiceLine(
        position=position,
        text=text[:240],
        vehicle=_vehicle(charge.line.owner),
        place="",
        time_zone=time_zone,
        started_at=datetime.combine(charge.period.first, time(), tzinfo=zone(time_zone)),
        ended_at=end_of_day(charge.period.last, time_zone=time_zone),
        energy_milliwh=0,
        prices=[],
        tax_category=amounts.category,
        tax_rate=amounts.rate,
        currency=draft.currency,
        net=amounts.net,
        gross=amounts.gross,
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
            first_day=charge.days.first if charge.days else None,
            last_day=charge.days.last if charge.days else None,
        )


def _vehicle(owner: str) -> str:
    """Name the vehicle that an allowance of its own belongs to."""
    vehicle = Vehicle.objects.filter(pk=owner).first() if owner else None
    return str(vehicle or "")
