"""Lines that say in words what they charge and bill no record: fees, top-ups, a plan's charges and others."""

from datetime import date, datetime
from decimal import Decimal

from apps.invoices.domain.amounts import LineAmounts, line_amounts
from apps.invoices.domain.supplies import Supply
from apps.invoices.models import Invoice, InvoiceLine
from apps.invoices.selectors import end_of_day


def amounts_on(draft: Invoice, supply: Supply, amount: Decimal) -> LineAmounts:
    """Return an amount, rounded once, as the draft states its lines."""
    net, gross = supply.round(amount, currency=draft.currency)
    return line_amounts(
        category=supply.category,
        rate=supply.rate,
        net=net,
        gross=gross,
        amounts_are_gross=draft.amounts_are_gross,
        currency=draft.currency,
    )


def text_line(
    draft: Invoice,
    amounts: LineAmounts,
    *,
    position: int,
    text: str,
    began_at: datetime,
    last_day: date,
    vehicle: str = "",
) -> InvoiceLine:
    """Return an unsaved line without energy, from an instant until the end of the seller's local ``last_day``."""
    time_zone = draft.seller.time_zone
    return InvoiceLine(
        position=position,
        text=text[:240],
        vehicle=vehicle,
        place="",
        time_zone=time_zone,
        started_at=began_at,
        ended_at=end_of_day(last_day, time_zone=time_zone),
        energy_milliwh=0,
        prices=[],
        tax_category=amounts.category,
        tax_rate=amounts.rate,
        currency=draft.currency,
        net=amounts.net,
        gross=amounts.gross,
    )
