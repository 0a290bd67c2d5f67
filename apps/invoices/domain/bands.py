"""The prices of a line as printed: what was used at which price, and why, in cents that add up to the line.

A charge record's parts (one per period and dimension) are gathered per tariff element and dimension, and the record's
rounded amount is allotted to them by largest remainder: ``22:00–06:00: 12.500 kWh × 0.29 = 3.63``.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypedDict

from apps.core.domain.money import EXACT, allot
from apps.tariffs.domain.terms import Dimension

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_MICRO = Decimal("0.000001")
_MILLI = Decimal("0.001")


class PriceBand(TypedDict):
    """One printed row; decimals as strings.

    text      why this price: the element's restrictions in words, or what an adjustment is
    quantity  in ``unit``; "" for an adjustment
    unit      kWh, min, h, session, or "" for an adjustment
    price     per unit, as in the tariff; "" for an adjustment
    amount    rounded, net or gross as ``basis`` says
    basis     net | gross: how the tariff states its prices
    """

    text: str
    quantity: str
    unit: str
    price: str
    amount: str
    basis: str


def price_bands(
    document: Mapping[str, Any],
    *,
    tax_included: bool,
    categories: Collection[str],
    describe_element: Callable[[int, Dimension], str],
    describe_adjustment: Callable[[str], str],
) -> list[PriceBand]:
    """Return the bands of a rated session (``tariffs.domain.documents.as_document``), in order of first use.

    categories           the tax categories that one line is about; what is priced under others stays out
    describe_element     says in words when the tariff's element of that index prices that dimension
    describe_adjustment  says in words what an adjustment of that kind is
    """
    basis = "gross" if tax_included else "net"
    gathered = _gather(document, categories)
    adjustments = [(line["kind"], _share(line["split"], categories, basis)) for line in document["adjustments"]]
    adjustments = [(kind, amount) for kind, amount in adjustments if amount]
    amounts = allot(
        _share(document["totals"], categories, basis) - sum((amount for _, amount in adjustments), Decimal(0)),
        [band.amount for band in gathered],
        currency=document["currency"],
    )
    bands = [
        band.printed(describe_element(band.element_index, band.dimension), amount=amount, basis=basis)
        for band, amount in zip(gathered, amounts, strict=True)
    ]
    bands += [
        PriceBand(text=describe_adjustment(kind), quantity="", unit="", price="", amount=str(amount), basis=basis)
        for kind, amount in adjustments
    ]
    return bands


def prices_energy(document: Mapping[str, Any], *, categories: Collection[str]) -> bool:
    """Tell whether a rated session priced energy under one of the tax categories."""
    return any(
        part["dimension"] == Dimension.ENERGY and part["tax_category"] in categories
        for period in document["periods"]
        for part in period["parts"]
    )


def _share(totals: Iterable[Mapping[str, str]], categories: Collection[str], basis: str) -> Decimal:
    """Return what the totals of these categories come to."""
    return sum((Decimal(total[basis]) for total in totals if total["tax_category"] in categories), Decimal(0))


def mirrored(bands: list[PriceBand]) -> list[PriceBand]:
    """Return the bands of a line that takes ``bands`` back: quantities and amounts negative, prices as they were."""
    return [
        PriceBand(
            text=band["text"],
            quantity=_negated(band["quantity"]),
            unit=band["unit"],
            price=band["price"],
            amount=_negated(band["amount"]),
            basis=band["basis"],
        )
        for band in bands
    ]


class _Band:
    """The running sums of one element and dimension; ``amount`` is exact."""

    def __init__(self, element_index: int, dimension: Dimension, price: Decimal) -> None:
        self.element_index = element_index
        self.dimension = dimension
        self.price = price
        self.quantity = 0
        self.amount = Decimal(0)

    def printed(self, text: str, *, amount: Decimal, basis: str) -> PriceBand:
        quantity, unit, price = self._stated()
        return PriceBand(
            text=text, quantity=_plain(quantity), unit=unit, price=_plain(price), amount=str(amount), basis=basis
        )

    def _stated(self) -> tuple[Decimal, str, Decimal]:
        """Return quantity, unit and price as people read them; minutes only where the price is exact per minute."""
        if self.dimension is Dimension.ENERGY:
            return Decimal(self.quantity).scaleb(-6), "kWh", self.price
        if self.dimension is Dimension.FLAT:
            return Decimal(1), "session", self.price
        per_minute = EXACT.divide(self.price, Decimal(60)).quantize(_MICRO, context=EXACT)
        if per_minute * 60 == self.price:
            return _time(self.quantity, _MINUTE_MS), "min", per_minute
        return _time(self.quantity, _HOUR_MS), "h", self.price


def _gather(document: Mapping[str, Any], categories: Collection[str]) -> list[_Band]:
    bands: dict[tuple[int, str], _Band] = {}
    for period in document["periods"]:
        for part in period["parts"]:
            if part["tax_category"] not in categories:
                continue
            key = (part["element_index"], part["dimension"])
            if key not in bands:
                bands[key] = _Band(part["element_index"], Dimension(part["dimension"]), Decimal(part["price"]))
            bands[key].quantity += part["quantity"]
            bands[key].amount += Decimal(part["amount"])
    return list(bands.values())


def _time(ms: int, unit_ms: int) -> Decimal:
    """State a time to three decimals of its unit; for eyes only, the amount comes from the exact milliseconds."""
    return EXACT.divide(Decimal(ms), Decimal(unit_ms)).quantize(_MILLI, context=EXACT)


def _plain(number: Decimal) -> str:
    return f"{number.normalize(EXACT):f}" if number else "0"


def _negated(text: str) -> str:
    return str(-Decimal(text)) if text else ""
