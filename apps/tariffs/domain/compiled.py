"""A tariff made ready for the sweep: integers instead of decimals, one table lookup instead of matching elements.

What an element demands is of two kinds. What depends on the clock is compiled once per zone and UTC day
(``windows.py``). What depends on the session (energy so far, duration, power, …) is reduced to the band its value is
in: the thresholds of all elements on one *axis*, sorted, cut it into bands, and within one combination of bands the
winners never change. So each combination met is resolved once and remembered.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from apps.core.domain.money import EXACT
from apps.tariffs.domain.sentences import describe_restrictions
from apps.tariffs.domain.terms import (
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
)
from apps.tariffs.domain.windows import Matching, WindowCalendar, bits_of, epoch_days, quiet_window, window_of

SHARES_PER_PICO: Final = 18
"""Amounts are counted in integers of 1/18 of 10⁻¹² currency units, the coarsest grain that holds every product of a
6-decimal price with milliwatt-hours (per 10⁶), with milliseconds (per 3.6 × 10⁶) and with one."""
SHARES_PER_UNIT: Final = SHARES_PER_PICO * 10**12
_PER_HOUR: Final = SHARES_PER_PICO * 10 // 36
_SHARES: Final = {
    Dimension.ENERGY: SHARES_PER_PICO,
    Dimension.TIME: _PER_HOUR,
    Dimension.PARKING_TIME: _PER_HOUR,
    Dimension.FLAT: SHARES_PER_PICO * 1_000_000,
}

_STEP_UNITS: Final = 1_000
"""A step is stated in Wh or s, a quantity in mWh or ms."""
_STEP_NAMES: Final = {Dimension.ENERGY: "Wh", Dimension.TIME: "s", Dimension.PARKING_TIME: "s", Dimension.FLAT: ""}

_MOST_DAYS: Final = 20_000
_MOST_TARIFFS: Final = 1_000


class Axis(IntEnum):
    """What of a session a restriction may test besides the clock."""

    ENERGY = 0  # mWh since the begin reading
    DURATION = 1  # ms since the start
    CHARGING = 2  # ms of charging so far
    IDLE = 3  # ms of idling so far
    POWER = 4  # mW
    CURRENT = 5  # mA


_UNITS: Final = {
    Axis.ENERGY: 1_000_000,
    Axis.DURATION: 1_000,
    Axis.CHARGING: 1_000,
    Axis.IDLE: 1_000,
    Axis.POWER: 1_000_000,
    Axis.CURRENT: 1_000,
}
"""Base units of one kWh, s, s, s, kW, A."""

MEASURED_AXES: Final = (Axis.POWER, Axis.CURRENT)
_INFERRED: Final = {
    Axis.POWER: "power inferred from the meter",
    Axis.CURRENT: "current inferred from the meter",
}

Band: TypeAlias = int
"""Twice the number of thresholds at or below the value, plus one where the value was inferred; −2: unknown."""
UNKNOWN_BAND: Final = -2


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """A price component ready for the sweep; made once a tariff, and read fastest from slots.

    category  index of its tax category in ``CompiledTariff.tax_categories``: hashing the category itself, an
              enum's member, would cost as much as pricing with it
    shares    the amount of one quantity unit, in 1/18 of 10⁻¹² currency units
    step      what the session's volume is rounded up to a multiple of, in quantity units
    """

    element_index: int
    dimension: Dimension
    tax_category: str
    category: int
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
    parking: Rate | None


class Pattern:
    """Which elements the clock lets hold, whether it is quiet, and who wins in each combination of bands."""

    __slots__ = ("is_quiet", "matching", "winners")

    def __init__(self, matching: Matching, *, is_quiet: bool) -> None:
        self.matching = matching
        self.is_quiet = is_quiet
        self.winners: dict[tuple[Band, ...], Selection] = {}


Segment: TypeAlias = tuple[int, Pattern]
"""From this ms of a UTC day on this pattern rules."""


class _Demand(NamedTuple):
    """An element ready for matching: per axis in use, from the first to the last number of thresholds passed."""

    rates: dict[Dimension, Rate]
    inferred_rates: dict[Dimension, Rate]
    spans: tuple[tuple[int, int], ...]

    def allows(self, bands: tuple[Band, ...]) -> bool:
        return all(low <= band >> 1 <= high for band, (low, high) in zip(bands, self.spans, strict=True))


class CompiledElements:
    """The elements of one phase (charging, reserved, expired) in integers.

    axes        those that some element restricts, with their thresholds ascending
    """

    __slots__ = (
        "_alike",
        "_allowed",
        "_calendar",
        "_days",
        "_demands",
        "_equal_patterns",
        "_having",
        "_patterns",
        "_selections",
        "axes",
    )

    def __init__(self, terms: TariffTerms, indexes: Sequence[int], tax_categories: Sequence[str]) -> None:
        elements = [(index, terms.elements[index]) for index in indexes]
        holidays, quiet = epoch_days(terms.holidays), quiet_window(terms.idle)
        windows = [window_of(element.restrictions, holidays=holidays) for _, element in elements]
        self._calendar = WindowCalendar([*windows, quiet] if quiet else windows)
        self.axes = _axes_of([element.restrictions for _, element in elements])
        self._demands = [_demand_of(index, element, self.axes, tax_categories) for index, element in elements]
        # Who wins is asked in bits, so that it takes as long among hundreds of elements as among three.
        self._having = {
            dimension: bits_of(dimension in demand.rates for demand in self._demands) for dimension in _DIMENSIONS
        }
        self._allowed: dict[tuple[Band, ...], Matching] = {}
        self._patterns: dict[Matching, Pattern] = {}
        self._equal_patterns: dict[tuple[Matching | Selection, bool], Pattern] = {}
        self._selections: dict[tuple[Rate | None, ...], Selection] = {}
        self._days: dict[tuple[str, int], tuple[Segment, ...]] = {}
        self._alike: dict[tuple[Segment, ...], tuple[Segment, ...]] = {}

    def segments(self, zone_name: str, utc_day: int) -> tuple[Segment, ...]:
        """Return the segments of a UTC day (days since 1970-01-01); the first starts with the day.

        :raises ValueError: no such time zone
        """
        segments = self._days.get((zone_name, utc_day))
        if segments is None:
            segments = self._compile_day(zone_name, utc_day)
            if len(self._days) >= _MOST_DAYS:
                self._days.clear()
                self._alike.clear()
            # Most days are like another: a year of a tariff with hundreds of windows keeps a few days' segments.
            segments = self._days[zone_name, utc_day] = self._alike.setdefault(segments, segments)
        return segments

    def select(self, pattern: Pattern, bands: tuple[Band, ...]) -> Selection:
        """Return who wins each dimension; ``bands`` in the order of ``axes``."""
        selection = pattern.winners.get(bands)
        if selection is None:
            holding = pattern.matching & self._allowed_by(bands)
            selection = pattern.winners[bands] = self._resolve(holding, bands)
        return selection

    def _compile_day(self, zone_name: str, utc_day: int) -> tuple[Segment, ...]:
        segments: list[Segment] = []
        for ms, matching in self._calendar.segments(zone_name, utc_day):
            pattern = self._patterns.get(matching)
            if pattern is None:
                pattern = self._patterns[matching] = self._pattern(matching)
            if not segments or segments[-1][1] is not pattern:
                segments.append((ms, pattern))
        return tuple(segments)

    def _pattern(self, matching: Matching) -> Pattern:
        """Return the one object for what holds; without axes, two patterns with the same winners are one."""
        # The bit after the last element's is that of the quiet hours, where there are any.
        quiet = 1 << len(self._demands)
        is_quiet, elements = bool(matching & quiet), matching & (quiet - 1)
        key = (elements if self.axes else self._resolve(elements, ()), is_quiet)
        return self._equal_patterns.setdefault(key, Pattern(elements, is_quiet=is_quiet))

    def _allowed_by(self, bands: tuple[Band, ...]) -> Matching:
        """Return the elements that what the session has come to lets hold, whatever the clock says."""
        allowed = self._allowed.get(bands)
        if allowed is None:
            allowed = self._allowed[bands] = bits_of(demand.allows(bands) for demand in self._demands)
        return allowed

    def _resolve(self, holding: Matching, bands: tuple[Band, ...]) -> Selection:
        """Pick, for each dimension, the first element that holds and has it: the lowest bit of both."""
        key = tuple(
            _rates_in(self._demands[(both & -both).bit_length() - 1], bands, self.axes)[dimension]
            if (both := holding & having)
            else None
            for dimension, having in self._having.items()
        )
        selection = self._selections.get(key)
        if selection is None:
            selection = self._selections[key] = Selection(*key)
        return selection


_DIMENSIONS: Final = (Dimension.FLAT, Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME)
_NO_END: Final = 2**62


class CompiledTariff:
    """A tariff's elements by what they price.

    charging    the session's elements
    tax_categories  those of the components, in the order of their first appearance
    """

    __slots__ = ("_expired", "_reserved", "charging", "tax_categories", "terms")

    def __init__(self, terms: TariffTerms) -> None:
        self.terms = terms
        kinds = [element.restrictions.reservation for element in terms.elements]
        reserved = [index for index, kind in enumerate(kinds) if kind is ReservationRestriction.RESERVATION]
        expires = [index for index, kind in enumerate(kinds) if kind is ReservationRestriction.RESERVATION_EXPIRES]
        charging = [index for index, kind in enumerate(kinds) if kind is None]
        self.tax_categories = tuple(
            dict.fromkeys(c.tax_category for element in terms.elements for c in element.price_components)
        )
        self.charging = CompiledElements(terms, charging, self.tax_categories)
        self._reserved = CompiledElements(terms, reserved, self.tax_categories)
        self._expired = CompiledElements(terms, [*expires, *reserved], self.tax_categories)

    def reserved(self, *, expired: bool) -> CompiledElements:
        """Return what prices a reservation; where it expired, RESERVATION_EXPIRES goes before RESERVATION."""
        return self._expired if expired else self._reserved


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


def band_of(value: int | None, thresholds: Sequence[int], *, inferred: bool = False) -> Band:
    """Return the band of a value on an axis; None: unknown."""
    if value is None:
        return UNKNOWN_BAND
    return 2 * bisect_right(thresholds, value) + inferred


def _bounds(restrictions: Restrictions, axis: Axis) -> tuple[int | None, int | None]:
    """Return the least (inclusive) and most (exclusive) an element asks of an axis, in its base unit."""
    pairs: dict[Axis, tuple[Decimal | int | None, Decimal | int | None]] = {
        Axis.ENERGY: (restrictions.min_kwh, restrictions.max_kwh),
        Axis.DURATION: (restrictions.min_duration, restrictions.max_duration),
        Axis.CHARGING: (restrictions.min_charging_time, restrictions.max_charging_time),
        Axis.IDLE: (restrictions.min_idle_time, restrictions.max_idle_time),
        Axis.POWER: (restrictions.min_power, restrictions.max_power),
        Axis.CURRENT: (restrictions.min_current, restrictions.max_current),
    }
    least, most = pairs[axis]
    return _in_base_units(least, axis), _in_base_units(most, axis)


def _in_base_units(bound: Decimal | int | None, axis: Axis) -> int | None:
    # Values are whole: one reaches a fractional bound where it reaches the next whole number.
    return None if bound is None else int((Decimal(bound) * _UNITS[axis]).to_integral_value(ROUND_CEILING))


def _axes_of(all_restrictions: Sequence[Restrictions]) -> dict[Axis, tuple[int, ...]]:
    axes = {}
    for axis in Axis:
        bounds = {bound for restrictions in all_restrictions for bound in _bounds(restrictions, axis)} - {None}
        if bounds:
            axes[axis] = tuple(sorted(bound for bound in bounds if bound is not None))
    return axes


def _demand_of(
    index: int, element: TariffElement, axes: dict[Axis, tuple[int, ...]], tax_categories: Sequence[str]
) -> _Demand:
    reason = describe_restrictions(element.restrictions, language="en")
    spans, measured = [], []
    for axis, thresholds in axes.items():
        least, most = _bounds(element.restrictions, axis)
        if (least, most) == (None, None):
            spans.append((-1, _NO_END))
            continue
        low = 0 if least is None else thresholds.index(least) + 1
        high = _NO_END if most is None else thresholds.index(most)
        spans.append((low, high))
        if axis in MEASURED_AXES:
            measured.append(_INFERRED[axis])
    return _Demand(
        rates=_rates_of(index, element, tax_categories, reason),
        inferred_rates=_rates_of(index, element, tax_categories, ", ".join([reason, *measured])) if measured else {},
        spans=tuple(spans),
    )


def _rates_in(demand: _Demand, bands: tuple[Band, ...], axes: dict[Axis, tuple[int, ...]]) -> dict[Dimension, Rate]:
    """Return the element's rates, with a reason that says so where it rests on an inferred value."""
    if demand.inferred_rates and any(band & 1 and span[0] >= 0 for band, span in zip(bands, demand.spans, strict=True)):
        return demand.inferred_rates
    return demand.rates


def _rates_of(index: int, element: TariffElement, tax_categories: Sequence[str], reason: str) -> dict[Dimension, Rate]:
    return {
        component.dimension: Rate(
            element_index=index,
            dimension=component.dimension,
            tax_category=component.tax_category,
            category=tax_categories.index(component.tax_category),
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
