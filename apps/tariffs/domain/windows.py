"""Static windows: which price component rules each dimension, compiled once per zone and UTC day.

Restrictions on time of day, day of week and date depend on nothing but the instant and the zone, so their outcome is
computed once and shared by every session of that day. A UTC day is the unit because, unlike a local one, it is never
short, long or without a midnight: inside it the zone's offset is constant between transitions, and a wall-clock
boundary becomes plain integer arithmetic in each such stretch. A boundary inside the spring gap exists in no stretch;
it takes effect at the transition, which is always a breakpoint. In the autumn fold it exists in two and fires twice.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from apps.core.domain.money import EXACT
from apps.core.domain.tax import TaxCategory
from apps.core.domain.zones import zone
from apps.tariffs.domain.sentences import describe_restrictions
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffTerms,
)

DAY_MS: Final = 86_400_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY: Final = date(1970, 1, 1).weekday()

SHARES_PER_PICO: Final = 18
"""Amounts are counted in integers of 1/18 of 10⁻¹² currency units, the coarsest grain that holds every product of a
6-decimal price with milliwatt-hours (per 10⁶), with milliseconds (per 3.6 × 10⁶) and with one."""
_SHARES: Final = {
    Dimension.ENERGY: SHARES_PER_PICO,
    Dimension.TIME: SHARES_PER_PICO * 10 // 36,
    Dimension.FLAT: SHARES_PER_PICO * 1_000_000,
}

_STEP_UNITS: Final = 1_000
"""A step is stated in Wh or s, a quantity in mWh or ms."""
_STEP_NAMES: Final = {Dimension.ENERGY: "Wh", Dimension.TIME: "s", Dimension.FLAT: ""}

_MOST_DAYS: Final = 20_000
_MOST_TARIFFS: Final = 1_000


class Rate(NamedTuple):
    """A price component ready for the sweep.

    shares  the amount of one quantity unit, in 1/18 of 10⁻¹² currency units
    step    what the session's volume is rounded up to a multiple of, in quantity units
    """

    element_index: int
    dimension: Dimension
    tax_category: TaxCategory
    price: Decimal
    shares: int
    reason: str
    step: int
    step_reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The winning rate of each dimension; one object per outcome, so that ``is`` tells whether two are the same."""

    flat: Rate | None
    energy: Rate | None
    time: Rate | None


Segment: TypeAlias = tuple[int, Selection]
"""From this instant (UTC epoch ms) on this selection rules."""


class _Window(NamedTuple):
    """Restrictions in integers: ms of the local day, local days since 1970-01-01, weekdays from Monday 0."""

    start_ms: int
    end_ms: int
    start_day: int | None
    end_day: int | None
    weekdays: frozenset[int]

    def holds(self, local_ms: int) -> bool:
        """Tell whether the restrictions hold at a local instant (ms of the wall clock since 1970-01-01)."""
        day, ms = divmod(local_ms, DAY_MS)
        if self.start_ms < self.end_ms:
            in_time = self.start_ms <= ms < self.end_ms
        else:
            in_time = ms >= self.start_ms or ms < self.end_ms
        return (
            in_time
            and (self.start_day is None or day >= self.start_day)
            and (self.end_day is None or day < self.end_day)
            and (not self.weekdays or (day + _EPOCH_WEEKDAY) % 7 in self.weekdays)
        )


class CompiledTariff:
    """A tariff's elements in integers, with the segments of the days asked for so far."""

    __slots__ = ("_days", "_marks", "_rates", "_selections", "_windows", "terms")

    def __init__(self, terms: TariffTerms) -> None:
        self.terms = terms
        self._windows = [_window_of(element.restrictions) for element in terms.elements]
        self._rates = [_rates_of(index, element) for index, element in enumerate(terms.elements)]
        self._marks = _wall_clock_marks(self._windows)
        self._selections: dict[tuple[bool, ...], Selection] = {}
        self._days: dict[tuple[str, int], tuple[Segment, ...]] = {}

    def segments(self, zone_name: str, utc_day: int) -> tuple[Segment, ...]:
        """Return the segments of a UTC day (days since 1970-01-01); the first starts with the day.

        :raises ValueError: no such time zone
        """
        segments = self._days.get((zone_name, utc_day))
        if segments is None:
            segments = self._compile_day(zone_name, utc_day)
            if len(self._days) >= _MOST_DAYS:
                self._days.clear()
            self._days[zone_name, utc_day] = segments
        return segments

    def _compile_day(self, zone_name: str, utc_day: int) -> tuple[Segment, ...]:
        segments: list[Segment] = []
        for start_ms, end_ms, offset_ms in offset_stretches(zone_name, utc_day):
            local_ms = start_ms + offset_ms
            waits = {0} | {(mark - local_ms) % DAY_MS for mark in self._marks}
            for at_ms in sorted(start_ms + wait for wait in waits if start_ms + wait < end_ms):
                selection = self._select(at_ms + offset_ms)
                if not segments or segments[-1][1] is not selection:
                    segments.append((at_ms, selection))
        return tuple(segments)

    def _select(self, local_ms: int) -> Selection:
        """Pick, for each dimension, the first element that matches and has it."""
        matching = tuple(window.holds(local_ms) for window in self._windows)
        selection = self._selections.get(matching)
        if selection is None:
            selection = self._intern(
                self._first_rate(matching, Dimension.FLAT),
                self._first_rate(matching, Dimension.ENERGY),
                self._first_rate(matching, Dimension.TIME),
            )
            self._selections[matching] = selection
        return selection

    def _first_rate(self, matching: tuple[bool, ...], dimension: Dimension) -> Rate | None:
        for matches, rates in zip(matching, self._rates, strict=True):
            if matches and dimension in rates:
                return rates[dimension]
        return None

    def _intern(self, flat: Rate | None, energy: Rate | None, time_rate: Rate | None) -> Selection:
        """Return the one object for these winners: a second pattern of matches with the same winners is no change."""
        for known in self._selections.values():
            if known.flat is flat and known.energy is energy and known.time is time_rate:
                return known
        return Selection(flat, energy, time_rate)


_COMPILED: dict[int, CompiledTariff] = {}


def compile_tariff(terms: TariffTerms) -> CompiledTariff:
    """Return the compiled form of a tariff, kept for as long as the same object comes again.

    Keyed by identity: hashing the terms would cost more than rating a session. The entry holds the terms, so that
    their id is not given to another object meanwhile.
    """
    compiled = _COMPILED.get(id(terms))
    if compiled is None or compiled.terms is not terms:
        compiled = CompiledTariff(terms)
        if len(_COMPILED) >= _MOST_TARIFFS:
            _COMPILED.clear()
        _COMPILED[id(terms)] = compiled
    return compiled


def _window_of(restrictions: Restrictions) -> _Window:
    start, end = restrictions.start_time, restrictions.end_time
    return _Window(
        start_ms=0 if start is None else _ms_of_day(start),
        end_ms=DAY_MS if end is None or end == time(0) else _ms_of_day(end),
        start_day=_epoch_day(restrictions.start_date),
        end_day=_epoch_day(restrictions.end_date),
        weekdays=frozenset(WEEK.index(day) for day in restrictions.day_of_week),
    )


def _ms_of_day(clock: time) -> int:
    return (clock.hour * 60 + clock.minute) * 60_000


def _epoch_day(day: date | None) -> int | None:
    return None if day is None else day.toordinal() - _EPOCH_ORDINAL


def _wall_clock_marks(windows: list[_Window]) -> frozenset[int]:
    """Return the ms of the local day at which some element may begin or cease to match."""
    times = {mark % DAY_MS for window in windows for mark in (window.start_ms, window.end_ms)}
    return frozenset(times | {0})


def _rates_of(index: int, element: TariffElement) -> dict[Dimension, Rate]:
    reason = describe_restrictions(element.restrictions, language="en")
    return {
        component.dimension: Rate(
            element_index=index,
            dimension=component.dimension,
            tax_category=component.tax_category,
            price=component.price,
            shares=_shares_of(component),
            reason=reason,
            step=component.step_size * _STEP_UNITS,
            step_reason=f"rounded up to a multiple of {component.step_size} {_STEP_NAMES[component.dimension]}",
        )
        for component in element.price_components
    }


def _shares_of(component: PriceComponent) -> int:
    micro = component.price.scaleb(6, context=EXACT)
    assert micro == int(micro), "parse_tariff lets no price through with more than 6 decimals"
    return int(micro) * _SHARES[component.dimension]


@lru_cache(maxsize=_MOST_DAYS)
def offset_stretches(zone_name: str, utc_day: int) -> tuple[tuple[int, int, int], ...]:
    """Cut a UTC day where the zone's offset changes.

    Returns (start_ms, end_ms, offset_ms) ascending, half-open, UTC epoch ms; offset is local minus UTC.

    :raises ValueError: no such time zone
    """
    first = utc_day * DAY_MS // 1000
    last = first + DAY_MS // 1000
    cuts = [first]
    for hour in range(first, last, 3600):
        before, after = _offset_s(zone_name, hour), _offset_s(zone_name, hour + 3600)
        if before != after:
            cuts.append(_transition(zone_name, hour, hour + 3600))
    starts = [cut for cut in cuts if cut < last]
    return tuple(
        (start * 1000, end * 1000, _offset_s(zone_name, start) * 1000)
        for start, end in zip(starts, [*starts[1:], last], strict=True)
    )


def _transition(zone_name: str, low: int, high: int) -> int:
    """Return the second in (low, high] at which the offset changes, by bisection."""
    before = _offset_s(zone_name, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_s(zone_name, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset_s(zone_name: str, epoch_s: int) -> int:
    offset = datetime.fromtimestamp(epoch_s, tz=UTC).astimezone(zone(zone_name)).utcoffset()
    assert offset is not None, "a ZoneInfo always knows its offset"
    return offset // timedelta(seconds=1)
