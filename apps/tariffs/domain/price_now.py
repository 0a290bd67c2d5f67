"""Which prices apply to a session that begins now, and when they change next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from apps.tariffs.domain.matching import JUST_BEGUN, SoFar, moments, price_of, winners_at
from apps.tariffs.domain.price_text import component_order
from apps.tariffs.domain.sentences import describe_price
from apps.tariffs.domain.terms import Dimension, TariffTerms
from apps.tariffs.domain.wording import Language

LOOK_AHEAD: Final = timedelta(hours=24)
"""Within this span the next change of price is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePart:
    """What one unit of a dimension costs (``PriceComponent.price``); never zero."""

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
class PriceNow:
    """The prices that a session begun now has at its beginning, in AFIR's order, and the next other ones."""

    parts: tuple[PricePart, ...]
    next_change: PriceChange | None


def price_now(
    terms: TariffTerms,
    *,
    at: datetime,
    time_zone: str,
    max_power_w: int | None = None,
    look_ahead: timedelta = LOOK_AHEAD,
    so_far: SoFar = JUST_BEGUN,
) -> PriceNow:
    """Tell the prices of a session that begins at ``at``: no energy and no idling yet, power unknown.

    max_power_w  of the recharging point, for the order of components (``component_order``)

    :raises ValueError: no such time zone
    """
    bands = price_bands(
        terms, time_zone=time_zone, start=at, end=at + look_ahead, max_power_w=max_power_w, so_far=so_far
    )
    _, now = next(bands)
    changed = next(bands, None)
    if changed is None:
        return PriceNow(parts=now, next_change=None)
    then_at, then = changed
    new = tuple(part for part in then if part not in now)
    return PriceNow(parts=now, next_change=PriceChange(at=then_at, parts=new or then))


def price_bands(
    terms: TariffTerms,
    *,
    time_zone: str,
    start: datetime,
    end: datetime,
    max_power_w: int | None = None,
    so_far: SoFar = JUST_BEGUN,
) -> Iterator[tuple[datetime, tuple[PricePart, ...]]]:
    """Yield from when on (UTC) which prices apply, first those at ``start``; two neighbours are never the same.

    :raises ValueError: no such time zone
    """
    order = component_order(max_power_w)
    last = None
    for at, wall in moments(terms, time_zone=time_zone, start=start, end=end):
        winners = winners_at(terms, wall=wall, so_far=so_far)
        prices = [
            (dimension, price_of(terms, element_index=winners[dimension], dimension=dimension))
            for dimension in order
            if dimension in winners
        ]
        parts = tuple(PricePart(dimension=dimension, price=price) for dimension, price in prices if price)
        if parts != last:
            yield at, parts
        last = parts
