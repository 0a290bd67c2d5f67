"""What a driver is told before paying: the price that applies now, when it changes next, and what is held for it.

Pure: from the terms of a tariff version, the connector's power, the site's zone and an instant. Prices are gross, for
only a tariff whose prices contain VAT may be sold to somebody without a contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from apps.core.domain.money import EXACT
from apps.tariffs.domain.compiled import Selection, compile_tariff
from apps.tariffs.domain.sentences import Language, describe_price
from apps.tariffs.domain.terms import Dimension, TariffTerms
from apps.tariffs.domain.windows import DAY_MS

CHARGE_LASTS: Final = timedelta(hours=8)
"""The hold pays for so long at full power, unless ``hold_max`` is less: a night at a slow connector."""
LOOK_AHEAD: Final = timedelta(hours=24)
"""Within this span the next change of price is told."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_HOUR: Final = timedelta(hours=1)
_UP: Final = Context(prec=60, rounding=ROUND_CEILING)


class NetPrices(ValueError):
    """The tariff's prices are before VAT: nobody without a contract may be shown them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePart:
    """What one unit of a dimension costs, gross (``PriceComponent.price``); never zero."""

    dimension: Dimension
    price: Decimal

    def words(self, *, currency: str, language: Language) -> str:
        """Say it: "0.49 €/kWh"."""
        return describe_price(self.dimension, self.price, currency=currency, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """From ``at`` on other prices apply.

    parts  what is new about them; all of them where something only falls away. None: nothing is charged from then on
    """

    at: datetime
    parts: tuple[PricePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a charge that begins now costs.

    parts             what applies now, per kWh first (AFIR, Art. 5); none: nothing is charged now
    next_change       the next other price within 24 h
    hold_amount       what is reserved on the card, whole currency units; 0 if ``can_only_be_zero``
    can_only_be_zero  nothing in the tariff has a price, at any time
    """

    currency: str
    parts: tuple[PricePart, ...]
    next_change: PriceChange | None
    hold_amount: Decimal
    can_only_be_zero: bool


def make_quote(
    *,
    terms: TariffTerms,
    max_power_w: int,
    time_zone: str,
    at: datetime,
    hold_min: Decimal,
    hold_max: Decimal,
) -> Quote:
    """Quote a charge at a connector of ``max_power_w`` that begins at ``at``.

    time_zone           IANA name of the site's zone, on whose wall clock the tariff's windows are
    hold_min, hold_max  bounds of what is held, in the tariff's currency; the upper one wins

    :raises NetPrices: the tariff's prices are without VAT
    """
    if not terms.tax_included:
        raise NetPrices(f"a tariff in {terms.currency} whose prices are before VAT")
    bands = list(_bands(terms, time_zone=time_zone, start=at, end=at + LOOK_AHEAD))
    is_free = all(not component.price for element in terms.elements for component in element.price_components)
    budget = _budget([parts for start, parts in bands if start < at + CHARGE_LASTS], max_power_w=max_power_w)
    hold = min(max(budget.to_integral_value(context=_UP), hold_min), hold_max)
    return Quote(
        currency=terms.currency,
        parts=bands[0][1],
        next_change=_change(bands[0][1], *bands[1]) if len(bands) > 1 else None,
        hold_amount=Decimal(0) if is_free else hold,
        can_only_be_zero=is_free,
    )


def _change(now: tuple[PricePart, ...], at: datetime, then: tuple[PricePart, ...]) -> PriceChange:
    new = tuple(part for part in then if part not in now)
    return PriceChange(at=at, parts=new or then)


def _bands(
    terms: TariffTerms, *, time_zone: str, start: datetime, end: datetime
) -> Iterator[tuple[datetime, tuple[PricePart, ...]]]:
    """Yield from when on which prices apply, first those at ``start``; two neighbours are never the same."""
    start_ms, end_ms = (start - _EPOCH) // _MS, (end - _EPOCH) // _MS
    compiled = compile_tariff(terms).charging
    segments = [
        segment
        for utc_day in range(start_ms // DAY_MS, end_ms // DAY_MS + 1)
        for segment in compiled.segments(time_zone, utc_day)
        if segment[0] < end_ms
    ]
    now = max(index for index, (at_ms, _) in enumerate(segments) if at_ms <= start_ms)
    last = None
    for at_ms, pattern in segments[now:]:
        parts = _parts(compiled.select(pattern, compiled.fresh_bands))
        if parts != last:
            yield _EPOCH + max(at_ms, start_ms) * _MS, parts
        last = parts


def _parts(selection: Selection) -> tuple[PricePart, ...]:
    # AFIR wants the price per kWh first, then the price per minute, then the rest.
    rates = (selection.energy, selection.time, selection.flat)
    return tuple(PricePart(dimension=rate.dimension, price=rate.price) for rate in rates if rate and rate.price)


def _budget(bands: list[tuple[PricePart, ...]], *, max_power_w: int) -> Decimal:
    """Return what the longest charge costs at full power and at the dearest of these bands' prices."""
    hours = Decimal(CHARGE_LASTS // _HOUR)
    quantities = {
        Dimension.ENERGY: EXACT.divide(max_power_w * hours, Decimal(1000)),
        Dimension.TIME: hours,
        Dimension.FLAT: Decimal(1),
    }
    dearest = {
        dimension: max((part.price for parts in bands for part in parts if part.dimension is dimension), default=None)
        for dimension in quantities
    }
    amounts = [EXACT.multiply(price, quantities[dimension]) for dimension, price in dearest.items() if price]
    return sum(amounts, start=Decimal(0))
