"""A tariff's price at every moment of a local week, for a grid to draw.

It tells what a session that has just begun pays (or one that has come as far as ``so_far`` says). Invariant: the
stretches of a day follow one another from midnight to midnight of the wall clock, 23 or 25 hours when clocks change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from apps.core.domain.zones import zone
from apps.tariffs.domain.matching import JUST_BEGUN, SoFar, moments, price_of, winners_at
from apps.tariffs.domain.terms import Dimension, TariffTerms

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStretch:
    """A part of a local day with one price.

    start_at, end_at  UTC, half-open
    starts, ends      the same on the wall clock: "22:00", and "24:00" at the end of the day
    minutes           how long it lasts, which the wall clock does not tell when clocks change
    price             as in ``PriceComponent``; None: nothing is charged
    element_index     whose price it is; None as ``price``
    band              index of the price in ``WeekGrid.bands``; None as ``price``
    """

    start_at: datetime
    end_at: datetime
    starts: str
    ends: str
    minutes: int
    price: Decimal | None
    element_index: int | None
    band: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridDay:
    """A local day; ``minutes`` is 1440, or 1380 and 1500 when clocks change by an hour."""

    day: date
    is_holiday: bool
    minutes: int
    stretches: tuple[GridStretch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekGrid:
    """Seven local days from Monday on.

    bands  every price that the tariff has for the dimension in any week, ascending: a colour's number does not change
           from one week to the next
    """

    dimension: Dimension
    currency: str
    time_zone: str
    days: tuple[GridDay, ...]
    bands: tuple[Decimal, ...]


class _Change(NamedTuple):
    at: datetime
    wall: datetime
    element_index: int | None
    price: Decimal | None


def week_grid(
    terms: TariffTerms,
    *,
    time_zone: str,
    week_of: date,
    dimension: Dimension = Dimension.ENERGY,
    so_far: SoFar = JUST_BEGUN,
) -> WeekGrid:
    """Return the prices of the local week in which ``week_of`` lies.

    time_zone  IANA name of the location's zone

    :raises ValueError: no such time zone
    """
    monday = week_of - week_of.weekday() * _DAY
    bands = tuple(
        sorted(
            {
                component.price
                for element in terms.elements
                if element.restrictions.reservation is None
                for component in element.price_components
                if component.dimension is dimension
            }
        )
    )
    days = tuple(
        _day(terms, monday + number * _DAY, time_zone=time_zone, dimension=dimension, so_far=so_far, bands=bands)
        for number in range(7)
    )
    return WeekGrid(dimension=dimension, currency=terms.currency, time_zone=time_zone, days=days, bands=bands)


def _day(
    terms: TariffTerms,
    day: date,
    *,
    time_zone: str,
    dimension: Dimension,
    so_far: SoFar,
    bands: tuple[Decimal, ...],
) -> GridDay:
    there = zone(time_zone)
    start, end = (datetime.combine(each, time(0), tzinfo=there).astimezone(UTC) for each in (day, day + _DAY))
    changes = list(_changes(terms, time_zone, start, end, dimension, so_far))
    ends = [*(change.at for change in changes[1:]), end]
    stretches = tuple(
        GridStretch(
            start_at=change.at,
            end_at=end_at,
            starts=f"{change.wall:%H:%M}",
            ends=_clock_before(end_at, there),
            minutes=(end_at - change.at) // _MINUTE,
            price=change.price,
            element_index=change.element_index,
            band=None if change.price is None else bands.index(change.price),
        )
        for change, end_at in zip(changes, ends, strict=True)
    )
    return GridDay(day=day, is_holiday=day in terms.holidays, minutes=(end - start) // _MINUTE, stretches=stretches)


def _clock_before(at: datetime, there: ZoneInfo) -> str:
    """Return what the clock that ran until ``at`` would show then: 24:00, and in the autumn fold 03:00, not 02:00."""
    clock = ((at - _MINUTE).astimezone(there).replace(tzinfo=None) + _MINUTE).time()
    return "24:00" if clock == time(0) else f"{clock:%H:%M}"


def _changes(
    terms: TariffTerms, time_zone: str, start: datetime, end: datetime, dimension: Dimension, so_far: SoFar
) -> Iterator[_Change]:
    """Yield when which element begins to rule; the first at ``start``."""
    last: int | None = None
    for at, wall in moments(terms, time_zone=time_zone, start=start, end=end):
        index = winners_at(terms, wall=wall, so_far=so_far).get(dimension)
        if at == start or index != last:
            price = None if index is None else price_of(terms, element_index=index, dimension=dimension)
            yield _Change(at, wall, index, price)
        last = index
