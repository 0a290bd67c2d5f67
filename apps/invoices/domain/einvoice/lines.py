"""Our lines as those of EN 16931: one for each price, so that quantity × net price gives the amount.

A line of ours is a session with its price bands. Worked for 22 kWh by day and night at net prices:

    1.1   11.000 kWh (KWH) × 0.45 = 4.95
    1.2   11.000 kWh (KWH) × 0.29 = 3.19
    1.3    1 (C62)         × 0.35 = 0.35

and for 10 kWh at 0.59 with 19 % VAT, of a private person: 5.90 gross, net round(5.90 ÷ 1.19 = 4.9580) = 4.96, at a
net price of 0.59 ÷ 1.19 = 0.495798. Bands are made net each by itself; what they then differ by from the line's net
amount, a cent or two, goes to the largest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT, minor_unit, round_half_up
from apps.invoices.domain.bands import PriceBand
from apps.invoices.domain.einvoice.terms import Line

_UNITS: Final[Mapping[str, str]] = {"kWh": "KWH", "min": "MIN", "h": "HUR", "session": "C62"}
_PIECE: Final = "C62"
_PRICE: Final = Decimal("0.000001")
_WH: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """A line as it is stored and told.

    net, energy_milliwh, bands  with the document's sign turned to EN 16931's
    rate        fraction of the net
    name        of the item, before a band's own words · description  when, where, which vehicle and card
    """

    position: int
    net: Decimal
    energy_milliwh: int
    bands: Sequence[PriceBand]
    category: str
    rate: Decimal
    cost_centre: str
    start: date | None
    end: date | None
    name: str
    description: str


def en_lines(facts: LineFacts, *, currency: str) -> tuple[Line, ...]:
    """Return what a line becomes: one for each of its price bands, or one where it has none."""
    if not facts.bands:
        quantity, unit = (Decimal(facts.energy_milliwh) / _WH, "KWH") if facts.energy_milliwh else (Decimal(1), _PIECE)
        return (_line(facts, "", quantity, unit, None, facts.net, text="", currency=currency),)
    nets = _net_of_bands(facts, currency=currency)
    several = len(facts.bands) > 1
    return tuple(
        _line(
            facts,
            f".{index}" if several else "",
            Decimal(band["quantity"] or 1),
            _UNITS.get(band["unit"], _PIECE),
            _net_price(band, rate=facts.rate),
            net,
            text=band["text"],
            currency=currency,
        )
        for index, (band, net) in enumerate(zip(facts.bands, nets, strict=True), start=1)
    )


def _net_of_bands(facts: LineFacts, *, currency: str) -> list[Decimal]:
    """Return each band's net amount; together they are the line's."""
    nets = [
        round_half_up(
            EXACT.divide(Decimal(band["amount"]), 1 + facts.rate)
            if band["basis"] == "gross"
            else Decimal(band["amount"]),
            currency=currency,
        )
        for band in facts.bands
    ]
    largest = max(range(len(nets)), key=lambda index: abs(nets[index]))
    nets[largest] += facts.net - sum(nets)
    return nets


def _net_price(band: PriceBand, *, rate: Decimal) -> Decimal | None:
    if not band["price"]:
        return None
    price = Decimal(band["price"])
    return EXACT.quantize(EXACT.divide(price, 1 + rate), _PRICE) if band["basis"] == "gross" else price


def _line(
    facts: LineFacts,
    part: str,
    quantity: Decimal,
    unit: str,
    price: Decimal | None,
    net: Decimal,
    *,
    text: str,
    currency: str,
) -> Line:
    quantity, unit, price = _stated(quantity, unit, price, net, currency=currency)
    return Line(
        bt126_id=f"{facts.position}{part}",
        bt129_quantity=quantity,
        bt130_unit=unit,
        bt131_amount=net,
        bt133_cost_centre=facts.cost_centre,
        bt134_start=facts.start,
        bt135_end=facts.end,
        bt146_price=price,
        bt151_category=facts.category,
        bt152_rate=None if facts.category == "O" else facts.rate * 100,
        bt153_name=f"{facts.name}: {text}" if facts.name and text else facts.name or text,
        bt154_description=facts.description,
    )


def _stated(
    quantity: Decimal, unit: str, price: Decimal | None, net: Decimal, *, currency: str
) -> tuple[Decimal, str, Decimal]:
    """Return quantity, unit and price that give the net amount, the price not negative (EN 16931 BR-27).

    The tariff's own price is stated where it gives the amount within the cent that bands are allotted; else what the
    amount comes to per unit; and one piece where there is no quantity to divide by.
    """
    if not quantity or (net and quantity * net < 0):
        quantity, unit, price = (Decimal(1) if net >= 0 else Decimal(-1)), _PIECE, None
    cent = Decimal(1).scaleb(-minor_unit(currency))
    if price is None or abs(round_half_up(EXACT.multiply(quantity, price), currency=currency) - net) > cent:
        price = EXACT.quantize(EXACT.divide(net, quantity), _PRICE) if net else Decimal(0)
    return quantity, unit, price
