"""Where restrictions can hold at all: minutes of the week, days, and which of two sets of restrictions is the wider.

For the linter, which asks without a zone and without a session: the wall clock of an ordinary week. A week is an
integer of one bit a minute, Monday 00:00 first, so that covering and gaps are plain bit operations.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import islice, pairwise, product
from typing import Final, TypeAlias

from apps.tariffs.domain.terms import WEEK, Dimension, Restrictions, TariffTerms

DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = len(WEEK) * DAY_MINUTES

Minutes: TypeAlias = int
"""A set of minutes of the week: bit 0 is Monday 00:00."""
WHOLE_WEEK: Final[Minutes] = (1 << WEEK_MINUTES) - 1

COUNTED: Final = ("kwh", "duration", "charging_time", "idle_time")
"""What is 0 when a session begins and known from then on."""
_MOST_LOADS: Final = 200
"""Bands of power × current looked at; a tariff with more is no tariff, and the rest can only hide further gaps."""
MEASURED: Final = ("power", "current")
"""What may be unknown, which no restriction on it lets pass."""


def week_minutes(restrictions: Restrictions) -> Minutes:
    """Return the minutes of the week in which the time of day and the day of the week hold."""
    start = _minute(restrictions.start_time)
    end = _minute(restrictions.end_time) or DAY_MINUTES
    day = _span(start, end) if start < end else _span(0, end) | _span(start, DAY_MINUTES)
    days = restrictions.day_of_week or WEEK
    return _of_days(day, {WEEK.index(listed) for listed in days})


def _minute(clock: time | None) -> int:
    return 0 if clock is None else clock.hour * 60 + clock.minute


def _span(start: int, end: int) -> Minutes:
    return (1 << end) - (1 << start)


def _of_days(day: Minutes, weekdays: Collection[int]) -> Minutes:
    minutes = 0
    for weekday in weekdays:
        minutes |= day << (weekday * DAY_MINUTES)
    return minutes


def has_day(restrictions: Restrictions, *, holidays: Collection[date], not_before: date | None = None) -> bool:
    """Whether there is a day on which the restrictions on date, day of the week and holiday hold together."""
    start = max((day for day in (restrictions.start_date, not_before) if day is not None), default=None)
    end = restrictions.end_date
    if restrictions.holiday:
        return any(
            (start is None or start <= day) and (end is None or day < end) and _is_listed(day, restrictions)
            for day in holidays
        )
    if start is None or end is None:
        return True  # holidays are finitely many, other days are not
    days = (start + timedelta(days=at) for at in range((end - start).days))
    excluded = () if restrictions.holiday is None else holidays
    return any(_is_listed(day, restrictions) and day not in excluded for day in days)


def _is_listed(day: date, restrictions: Restrictions) -> bool:
    return not restrictions.day_of_week or WEEK[day.weekday()] in restrictions.day_of_week


def contradiction(restrictions: Restrictions) -> str | None:
    """Return the restriction that another one makes impossible at every moment of a session or reservation."""
    if restrictions.reservation is not None:
        return _impossible_for_reservation(restrictions)
    # Charging and idling are parts of the session, so both together never last longer than it.
    if restrictions.max_duration is not None:
        for names in (("min_charging_time",), ("min_idle_time",), ("min_charging_time", "min_idle_time")):
            if sum(getattr(restrictions, name) or 0 for name in names) >= restrictions.max_duration:
                return names[-1]
    return None


def _impossible_for_reservation(restrictions: Restrictions) -> str | None:
    """A reservation has no energy, no charging and no idling, and nothing is measured in it."""
    for what in ("kwh", "charging_time", "idle_time"):
        if getattr(restrictions, f"min_{what}"):
            return f"min_{what}"
    for what in MEASURED:
        for name in (f"min_{what}", f"max_{what}"):
            if getattr(restrictions, name) is not None:
                return name
    return None


def is_wider(wide: Restrictions, narrow: Restrictions, *, has_holidays: bool) -> bool:
    """Whether ``wide`` holds wherever ``narrow`` does. Conservative: False where that takes more than one look."""
    return (
        wide.reservation == narrow.reservation
        and (wide.start_date is None or (narrow.start_date is not None and narrow.start_date >= wide.start_date))
        and (wide.end_date is None or (narrow.end_date is not None and narrow.end_date <= wide.end_date))
        and (wide.holiday in (None, narrow.holiday) or (wide.holiday is False and not has_holidays))
        and all(_spans_more(wide, narrow, what) for what in (*COUNTED, *MEASURED))
        and not week_minutes(narrow) & ~week_minutes(wide)
    )


def is_by_clock_alone(restrictions: Restrictions) -> bool:
    """Whether nothing but the time of day and the day of the week is restricted."""
    return restrictions == Restrictions(
        start_time=restrictions.start_time, end_time=restrictions.end_time, day_of_week=restrictions.day_of_week
    )


def _spans_more(wide: Restrictions, narrow: Restrictions, what: str) -> bool:
    least, most = getattr(wide, f"min_{what}"), getattr(wide, f"max_{what}")
    inner_least, inner_most = getattr(narrow, f"min_{what}"), getattr(narrow, f"max_{what}")
    if least is None and most is None:
        return True
    if what in MEASURED and inner_least is None and inner_most is None:
        return False  # the unknown value passes the narrow one alone
    if (least or 0) > (inner_least or 0):
        return False
    return most is None or (inner_most is not None and inner_most <= most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Minutes of the week without an energy price on some kind of day.

    start_date, end_date  the days meant, half-open; None: open
    is_holiday            True: of the holidays among them, False: of the others, None: the tariff does not tell apart
    """

    minutes: Minutes
    start_date: date | None
    end_date: date | None
    is_holiday: bool | None


def energy_gaps(terms: TariffTerms, *, valid_from: date | None = None, valid_to: date | None = None) -> tuple[Gap, ...]:
    """Return when a session that just begins has no energy price.

    So thresholds of energy, duration, charging and idle time count at 0: what comes only later is no price for the
    driver who plugs in, and what ends later is one. Power and current are taken as known; bands that together leave
    no power out leave no gap.
    """
    elements = [
        element.restrictions
        for element in terms.elements
        if any(component.dimension is Dimension.ENERGY for component in element.price_components)
        and element.restrictions.reservation is None
        and not any(getattr(element.restrictions, f"min_{what}") for what in COUNTED)
    ]
    reached = [week_minutes(restrictions) for restrictions in elements]
    tells_holidays = any(restrictions.holiday is not None for restrictions in elements)
    gaps = []
    for start, end in _seasons(elements, valid_from, valid_to):
        for is_holiday in (False, True) if tells_holidays and terms.holidays else (None,):
            minutes = _weekdays_of(start, end, is_holiday, terms.holidays)
            for loads in _loads(elements):
                covered = 0
                for restrictions, its_minutes in zip(elements, reached, strict=True):
                    if _holds(restrictions, start, is_holiday, loads):
                        covered |= its_minutes
                gap = minutes & ~covered
                if gap:
                    gaps.append(Gap(minutes=gap, start_date=start, end_date=end, is_holiday=is_holiday))
    return _united(gaps)


def _united(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Unite the gaps of one kind of day, found at different powers."""
    minutes: dict[tuple[date | None, date | None, bool | None], Minutes] = {}
    for gap in gaps:
        key = (gap.start_date, gap.end_date, gap.is_holiday)
        minutes[key] = minutes.get(key, 0) | gap.minutes
    return tuple(
        Gap(minutes=united, start_date=start, end_date=end, is_holiday=is_holiday)
        for (start, end, is_holiday), united in minutes.items()
    )


def _seasons(
    elements: Sequence[Restrictions], valid_from: date | None, valid_to: date | None
) -> Iterator[tuple[date | None, date | None]]:
    """Cut the tariff's days where some element's dates begin or end."""
    dates = {day for element in elements for day in (element.start_date, element.end_date) if day is not None}
    inside = sorted(
        day for day in dates if (valid_from is None or day > valid_from) and (valid_to is None or day < valid_to)
    )
    yield from pairwise([valid_from, *inside, valid_to])


def _weekdays_of(start: date | None, end: date | None, is_holiday: bool | None, holidays: Sequence[date]) -> Minutes:
    """Return all minutes of the weekdays that such days fall on."""
    inside = [day for day in holidays if (start is None or start <= day) and (end is None or day < end)]
    whole_day = _span(0, DAY_MINUTES)
    if is_holiday:
        return _of_days(whole_day, {day.weekday() for day in inside})
    if start is None or end is None:
        return WHOLE_WEEK
    days = (start + timedelta(days=at) for at in range((end - start).days))
    weekdays: set[int] = set()
    for day in days:
        if is_holiday is None or day not in inside:
            weekdays.add(day.weekday())
        if len(weekdays) == len(WEEK):
            break
    return _of_days(whole_day, weekdays)


def _loads(elements: Sequence[Restrictions]) -> list[dict[str, Decimal]]:
    """Return a power and a current of every band that the elements tell apart."""
    values = {
        what: sorted(
            {Decimal(0)}
            | {
                bound
                for element in elements
                for bound in (getattr(element, f"min_{what}"), getattr(element, f"max_{what}"))
                if bound is not None
            }
        )
        for what in MEASURED
    }
    loads = ({"power": power, "current": current} for power, current in product(values["power"], values["current"]))
    return list(islice(loads, _MOST_LOADS))


def _holds(restrictions: Restrictions, start: date | None, is_holiday: bool | None, loads: dict[str, Decimal]) -> bool:
    """Whether an element holds on the days from ``start`` until its season ends, at some time of day."""
    if restrictions.start_date is not None and (start is None or start < restrictions.start_date):
        return False
    if restrictions.end_date is not None and start is not None and start >= restrictions.end_date:
        return False
    if restrictions.holiday is not None and restrictions.holiday is not bool(is_holiday):
        return False
    return all(
        (getattr(restrictions, f"min_{what}") or 0) <= load
        and (getattr(restrictions, f"max_{what}") is None or load < getattr(restrictions, f"max_{what}"))
        for what, load in loads.items()
    )


_SHORT_DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def name_minutes(minutes: Minutes) -> str:
    """Name a set of minutes of the week: ``Mo–Fr 00:00–06:00, 22:00–24:00; Sa–Su all day``."""
    if minutes == WHOLE_WEEK:
        return "at all times"
    days = [minutes >> (at * DAY_MINUTES) & _span(0, DAY_MINUTES) for at in range(len(WEEK))]
    names: list[str] = []
    at = 0
    while at < len(days):
        last = at
        while last + 1 < len(days) and days[last + 1] == days[at]:
            last += 1
        if days[at]:
            name = _SHORT_DAYS[at] if last == at else f"{_SHORT_DAYS[at]}–{_SHORT_DAYS[last]}"
            names.append(f"{name} {_name_day(days[at])}")
        at = last + 1
    return "; ".join(names)


def _name_day(day: Minutes) -> str:
    if day == _span(0, DAY_MINUTES):
        return "all day"
    # A bit that differs from the one before it is a start or an end; both in turn.
    edges = [at for at in range(DAY_MINUTES + 1) if (day >> at ^ day << 1 >> at) & 1]
    clocks = [f"{edge // 60:02}:{edge % 60:02}" for edge in edges]
    return ", ".join(f"{start}–{end}" for start, end in zip(clocks[::2], clocks[1::2], strict=True))
