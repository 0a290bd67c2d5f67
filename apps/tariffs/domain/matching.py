"""Which element's price rules at a moment, told from the terms alone: for words and grids, never for a bill.

A price page and a week grid ask about a session that nobody has begun, so there are no facts for the engine to rate.
The answer is the engine's all the same: a test rates short sessions at random moments of random tariffs and compares.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from apps.core.domain.zones import zone
from apps.tariffs.domain.terms import WEEK, Dimension, IdleRules, Restrictions, TariffTerms

_MIDNIGHT: Final = time(0)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a session has come to when its price is asked.

    energy_kwh                         kWh · duration_s, charging_s, idle_s  seconds
    power_kw, current_a                kW and A as measured now; None: unknown, which no restriction of them meets
    """

    energy_kwh: Decimal = Decimal(0)
    duration_s: int = 0
    charging_s: int = 0
    idle_s: int = 0
    power_kw: Decimal | None = None
    current_a: Decimal | None = None


JUST_BEGUN: Final = SoFar()

Winners: TypeAlias = Mapping[Dimension, int]
"""The index of the element that prices a dimension; a dimension that costs nothing is missing."""


def restrictions_hold(
    restrictions: Restrictions, *, wall: datetime, holidays: Collection[date] = (), so_far: SoFar = JUST_BEGUN
) -> bool:
    """Tell whether an element prices a charging session at this moment; one for reservations never does.

    wall  naive, of the clock on the wall at the location
    """
    its = restrictions
    return (
        its.reservation is None
        and calendar_holds(its, wall=wall, holidays=holidays)
        and _between(so_far.energy_kwh, its.min_kwh, its.max_kwh)
        and _between(so_far.duration_s, its.min_duration, its.max_duration)
        and _between(so_far.charging_s, its.min_charging_time, its.max_charging_time)
        and _between(so_far.idle_s, its.min_idle_time, its.max_idle_time)
        and _between(so_far.power_kw, its.min_power, its.max_power)
        and _between(so_far.current_a, its.min_current, its.max_current)
    )


def calendar_holds(restrictions: Restrictions, *, wall: datetime, holidays: Collection[date] = ()) -> bool:
    """Tell whether time of day, weekday, date and holiday allow an element at this moment of the wall clock."""
    its, today = restrictions, wall.date()
    return (
        _in_window(wall.time(), its.start_time, its.end_time)
        and (its.start_date is None or today >= its.start_date)
        and (its.end_date is None or today < its.end_date)
        and (not its.day_of_week or WEEK[today.weekday()] in its.day_of_week)
        and (its.holiday is None or its.holiday is (today in holidays))
    )


def is_quiet(idle: IdleRules, *, wall: datetime) -> bool:
    """Tell whether idling costs nothing at this moment of the wall clock."""
    return idle.quiet_start is not None and _in_window(wall.time(), idle.quiet_start, idle.quiet_end)


def winners_at(terms: TariffTerms, *, wall: datetime, so_far: SoFar = JUST_BEGUN) -> Winners:
    """Return which element prices each dimension at a moment: the first that matches and has it."""
    found: dict[Dimension, int] = {}
    for index, element in enumerate(terms.elements):
        if restrictions_hold(element.restrictions, wall=wall, holidays=terms.holidays, so_far=so_far):
            for component in element.price_components:
                found.setdefault(component.dimension, index)
    if is_quiet(terms.idle, wall=wall):
        found.pop(Dimension.PARKING_TIME, None)
    return found


def reachable_at(terms: TariffTerms, *, wall: datetime) -> Mapping[Dimension, tuple[int, ...]]:
    """Return which elements may price each dimension at a moment, according to what the session has come to.

    Those whose calendar allows it, up to the first that asks for no amount: behind it nothing prices.
    """
    found: dict[Dimension, tuple[int, ...]] = {}
    settled: set[Dimension] = set()
    for index, element in enumerate(terms.elements):
        its = element.restrictions
        if its.reservation is not None or not calendar_holds(its, wall=wall, holidays=terms.holidays):
            continue
        for dimension in {component.dimension for component in element.price_components} - settled:
            found[dimension] = (*found.get(dimension, ()), index)
            if not _asks_for_an_amount(its):
                settled.add(dimension)
    if is_quiet(terms.idle, wall=wall):
        found.pop(Dimension.PARKING_TIME, None)
    return found


def price_of(terms: TariffTerms, *, element_index: int, dimension: Dimension) -> Decimal:
    """Return the price that an element asks for a dimension it has."""
    components = terms.elements[element_index].price_components
    return next(component.price for component in components if component.dimension is dimension)


def moments(
    terms: TariffTerms, *, time_zone: str, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield every moment at which the wall clock may change a price: (instant, wall clock), both ascending instants.

    The first is ``start``, all others lie before ``end``. A boundary in the spring gap is none: what changes there
    changes at the transition, which always is one. In the autumn fold a boundary is two.

    :raises ValueError: no such time zone
    """
    there = zone(time_zone)
    day, last_day = start.astimezone(there).date(), end.astimezone(there).date()
    instants = {start.astimezone(UTC)}
    marks = _marks(terms)
    while day <= last_day:
        instants.update(_instants(day, marks, there))
        day += _DAY
    for instant in sorted(instants):
        if start <= instant < end:
            yield instant, instant.astimezone(there).replace(tzinfo=None, fold=0)


def _marks(terms: TariffTerms) -> frozenset[time]:
    """Return the times of day at which something may begin or end; midnight always is one."""
    idle = terms.idle
    spans = [(each.restrictions.start_time, each.restrictions.end_time) for each in terms.elements]
    times = {mark for span in [*spans, (idle.quiet_start, idle.quiet_end)] for mark in span if mark is not None}
    return frozenset(times | {_MIDNIGHT})


def _instants(day: date, marks: frozenset[time], there: ZoneInfo) -> Iterator[datetime]:
    """Yield the instants of a local day's marks, and of its change of clocks if it has one."""
    for mark in marks:
        for fold in (0, 1):
            wall = datetime.combine(day, mark, tzinfo=there).replace(fold=fold)
            instant = wall.astimezone(UTC)
            # What the clock skips does not come back as itself.
            if instant.astimezone(there).replace(tzinfo=None, fold=0) == datetime.combine(day, mark):
                yield instant
    begin, end = (datetime.combine(each, _MIDNIGHT, tzinfo=there).astimezone(UTC) for each in (day, day + _DAY))
    if begin.astimezone(there).utcoffset() != end.astimezone(there).utcoffset():
        yield _transition(begin, end, there)


def _transition(low: datetime, high: datetime, there: ZoneInfo) -> datetime:
    """Return the second in (low, high] at which the offset changes, by bisection."""
    before = low.astimezone(there).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(there).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _asks_for_an_amount(its: Restrictions) -> bool:
    bounds = (its.max_kwh, its.max_duration, its.max_charging_time, its.max_idle_time)
    measured = (its.min_power, its.max_power, its.min_current, its.max_current)
    begins_late = its.min_kwh or its.min_duration or its.min_charging_time or its.min_idle_time
    return bool(begins_late) or any(bound is not None for bound in (*bounds, *measured))


def _in_window(clock: time, start: time | None, end: time | None) -> bool:
    begins = _MIDNIGHT if start is None else start
    if end is None or end == _MIDNIGHT:
        return clock >= begins
    if begins < end:
        return begins <= clock < end
    return clock >= begins or clock < end


def _between(value: Decimal | int | None, least: Decimal | int | None, most: Decimal | int | None) -> bool:
    """Tell whether least ≤ value < most; what is unknown is nowhere."""
    if value is None:
        return least is None and most is None
    return (least is None or value >= least) and (most is None or value < most)
