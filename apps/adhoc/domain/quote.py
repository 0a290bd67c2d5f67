"""What a driver is told before paying: the price that applies now, when it changes next, and what is held for it.

Pure: from the terms of a tariff version, the connector's power, the site's zone and an instant. Prices are gross, for
only a tariff whose prices contain VAT may be sold to somebody without a contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from apps.core.domain.money import EXACT
from apps.tariffs.domain.facts import Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.idling import IdlePrice, idle_price_ahead
from apps.tariffs.domain.matching import moments, price_of, reachable_at
from apps.tariffs.domain.price_now import PriceChange, PriceNow, PricePart, price_now
from apps.tariffs.domain.terms import Dimension, PriceLimit, TariffTerms

__all__ = ["CHARGE_LASTS", "NetPrices", "PriceChange", "PricePart", "Quote", "make_quote"]

CHARGE_LASTS: Final = timedelta(hours=8)
"""The hold pays for so long at full power, unless ``hold_max`` is less: a night at a slow connector."""
FULL_AFTER: Final = timedelta(hours=1)
"""What standing costs is told for a car that is full so soon."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_HOUR: Final = timedelta(hours=1)
_UP: Final = Context(prec=60, rounding=ROUND_CEILING)


class NetPrices(ValueError):
    """The tariff's prices are before VAT: nobody without a contract may be shown them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a charge that begins now costs.

    parts             what applies now, in AFIR's order (``component_order``); none: nothing is charged now
    next_change       the next other price within 24 h
    full_at, standing  from when a car that is full at ``full_at`` pays for standing there; None: not within a day
    hold_amount       what is reserved on the card, whole currency units; 0 if ``can_only_be_zero``
    can_only_be_zero  nothing in the tariff has a price, at any time
    """

    currency: str
    parts: tuple[PricePart, ...]
    next_change: PriceChange | None
    full_at: datetime
    standing: IdlePrice | None
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
    now: PriceNow = price_now(terms, at=at, time_zone=time_zone, max_power_w=max_power_w)
    is_free = _is_free(terms)
    budget = _budget(
        _dearest(terms, time_zone=time_zone, start=at, end=at + CHARGE_LASTS),
        max_power_w=max_power_w,
        max_idle_amount=terms.idle.max_amount,
    )
    budget = _bounded(budget, least=terms.min_price, most=terms.max_price)
    hold = min(max(budget.to_integral_value(context=_UP), hold_min), hold_max)
    return Quote(
        currency=terms.currency,
        parts=now.parts,
        next_change=now.next_change,
        full_at=at + FULL_AFTER,
        standing=idle_price_ahead(_full_after_a_while(at, max_power_w, time_zone), terms=terms),
        hold_amount=Decimal(0) if is_free else hold,
        can_only_be_zero=is_free,
    )


def _full_after_a_while(at: datetime, max_power_w: int, time_zone: str) -> SessionFacts:
    """Return a session that begins at ``at`` and charges at full power until the car is full."""
    start_ms, lasts_ms = (at - _EPOCH) // _MS, FULL_AFTER // _MS
    energy_milliwh = max_power_w * lasts_ms // 3_600
    return SessionFacts(
        started_at_ms=start_ms,
        ended_at_ms=start_ms + lasts_ms,
        time_zone=time_zone,
        register=(
            Reading(at_ms=start_ms, energy_milliwh=0),
            Reading(at_ms=start_ms + lasts_ms, energy_milliwh=energy_milliwh),
        ),
        states=(StateChange(at_ms=start_ms, state=VehicleState.CHARGING),),
    )


def _is_free(terms: TariffTerms) -> bool:
    """Tell whether nothing that a charge without a reservation may cost has a price."""
    prices = [
        component.price
        for element in terms.elements
        if element.restrictions.reservation is None
        for component in element.price_components
    ]
    least = terms.min_price
    return not any(prices) and not (least and (least.incl_vat or least.excl_vat))


def _dearest(terms: TariffTerms, *, time_zone: str, start: datetime, end: datetime) -> Mapping[Dimension, Decimal]:
    """Return the dearest price of each dimension that a charge may come to in a span, by clock or by amount."""
    found: dict[Dimension, Decimal] = {}
    for _, wall in moments(terms, time_zone=time_zone, start=start, end=end):
        for dimension, indexes in reachable_at(terms, wall=wall).items():
            prices = [price_of(terms, element_index=index, dimension=dimension) for index in indexes]
            found[dimension] = max([found.get(dimension, Decimal(0)), *prices])
    return found


def _budget(dearest: Mapping[Dimension, Decimal], *, max_power_w: int, max_idle_amount: Decimal | None) -> Decimal:
    """Return what the longest charge costs at full power and at these prices.

    At any moment the car charges or idles, so that the dearer of the two is counted.
    """
    hours = Decimal(CHARGE_LASTS // _HOUR)
    none = Decimal(0)
    energy = EXACT.multiply(dearest.get(Dimension.ENERGY, none), EXACT.divide(max_power_w * hours, Decimal(1000)))
    charging = EXACT.multiply(dearest.get(Dimension.TIME, none), hours)
    idling = EXACT.multiply(dearest.get(Dimension.PARKING_TIME, none), hours)
    if max_idle_amount is not None:
        idling = min(idling, max_idle_amount)
    return energy + max(charging, idling) + dearest.get(Dimension.FLAT, none)


def _bounded(budget: Decimal, *, least: PriceLimit | None, most: PriceLimit | None) -> Decimal:
    """Keep a budget within the tariff's gross bounds; a net one alone does not say how much is gross."""
    if least is not None and least.incl_vat is not None:
        budget = max(budget, least.incl_vat)
    if most is not None and most.incl_vat is not None:
        budget = min(budget, most.incl_vat)
    return budget
