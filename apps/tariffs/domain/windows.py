"""Static windows: which elements' restrictions on the clock hold, compiled once per zone and UTC day.

Restrictions on time of day, day of week, date and holiday depend on nothing but the instant and the zone, so their
outcome is computed once and shared by every session of that day. A UTC day is the unit because, unlike a local one, it
is never short, long or without a midnight: inside it the zone's offset is constant between transitions, and a
wall-clock boundary becomes plain integer arithmetic in each such stretch. A boundary inside the spring gap exists in no
stretch; it takes effect at the transition, which is always a breakpoint. In the autumn fold it exists in two and fires
twice.

What holds is told in bits, one a window. A window holds where both its hours and its days do, so with its hours asked
once and for all, a day asks each window once, and each boundary of a day is one "and".
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from apps.core.domain.zones import zone
from apps.tariffs.domain.terms import WEEK, IdleRules, Restrictions

DAY_MS: Final = 86_400_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY: Final = date(1970, 1, 1).weekday()
_MOST_DAYS: Final = 20_000

Matching: TypeAlias = int
"""Which windows hold: bit *i* is set where the window at index *i* does."""


class Window(NamedTuple):
    """Restrictions in integers: ms of the local day, local days since 1970-01-01, weekdays from Monday 0.

    on_holidays  True: only on these days, False: on none of them, None: no matter
    """

    start_ms: int
    end_ms: int
    start_day: int | None = None
    end_day: int | None = None
    weekdays: frozenset[int] = frozenset()
    on_holidays: bool | None = None
    holidays: frozenset[int] = frozenset()

    def has_hour(self, ms: int) -> bool:
        """Tell whether the restrictions on the time of day hold at a ms of the local day."""
        if self.start_ms < self.end_ms:
            return self.start_ms <= ms < self.end_ms
        return ms >= self.start_ms or ms < self.end_ms

    def has_day(self, day: int) -> bool:
        """Tell whether those on the date, the weekday and holidays hold on a local day since 1970-01-01."""
        return (
            (self.start_day is None or day >= self.start_day)
            and (self.end_day is None or day < self.end_day)
            and (not self.weekdays or (day + _EPOCH_WEEKDAY) % 7 in self.weekdays)
            and (self.on_holidays is None or self.on_holidays is (day in self.holidays))
        )


def window_of(restrictions: Restrictions, *, holidays: frozenset[int]) -> Window:
    """Return what of the restrictions depends on the clock; ``holidays`` as ``epoch_days`` gives them."""
    start, end = restrictions.start_time, restrictions.end_time
    return Window(
        start_ms=0 if start is None else _ms_of_day(start),
        end_ms=DAY_MS if end is None or end == time(0) else _ms_of_day(end),
        start_day=None if restrictions.start_date is None else _epoch_day(restrictions.start_date),
        end_day=None if restrictions.end_date is None else _epoch_day(restrictions.end_date),
        weekdays=frozenset(WEEK.index(day) for day in restrictions.day_of_week),
        on_holidays=restrictions.holiday,
        holidays=frozenset() if restrictions.holiday is None else holidays,
    )


def quiet_window(idle: IdleRules) -> Window | None:
    """Return the quiet hours, if there are any."""
    if idle.quiet_start is None or idle.quiet_end is None:
        return None
    return window_of(Restrictions(start_time=idle.quiet_start, end_time=idle.quiet_end), holidays=frozenset())


def epoch_days(dates: Iterable[date]) -> frozenset[int]:
    """Return dates as days since 1970-01-01."""
    return frozenset(map(_epoch_day, dates))


class WindowCalendar:
    """When which of some windows hold."""

    __slots__ = ("_hours", "_windows")

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = tuple(windows)
        # From each ms of the local day on, the windows whose hours hold.
        self._hours = [
            (mark, bits_of(window.has_hour(mark) for window in windows)) for mark in _wall_clock_marks(windows)
        ]

    def segments(self, zone_name: str, utc_day: int) -> tuple[tuple[int, Matching], ...]:
        """Return (ms of the day, what holds from then on) of a UTC day (days since 1970-01-01), from its start.

        :raises ValueError: no such time zone
        """
        day_ms = utc_day * DAY_MS
        segments: list[tuple[int, Matching]] = []
        for start_ms, end_ms, offset_ms in offset_stretches(zone_name, utc_day):
            for local_ms, matching in self._on_the_wall(start_ms + offset_ms, end_ms + offset_ms):
                if not segments or segments[-1][1] != matching:
                    segments.append((local_ms - offset_ms - day_ms, matching))
        return tuple(segments)

    def _on_the_wall(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, Matching]]:
        """Yield (ms of the wall clock since 1970-01-01, what holds from then on) of a stretch, from its start."""
        for day in range(start_ms // DAY_MS, (end_ms - 1) // DAY_MS + 1):
            days = bits_of(window.has_day(day) for window in self._windows)
            first_ms = start_ms - day * DAY_MS
            # What holds at the start began with the last boundary before it.
            first = max(bisect_right(self._hours, first_ms, key=itemgetter(0)) - 1, 0)
            for ms, hours in self._hours[first:]:
                if day * DAY_MS + ms >= end_ms:
                    break
                yield day * DAY_MS + max(ms, first_ms), hours & days


def _ms_of_day(clock: time) -> int:
    return (clock.hour * 60 + clock.minute) * 60_000


def _epoch_day(day: date) -> int:
    return day.toordinal() - _EPOCH_ORDINAL


def _wall_clock_marks(windows: Sequence[Window]) -> list[int]:
    """Return the ms of the local day at which some window may begin or cease to hold, ascending from midnight."""
    times = {mark % DAY_MS for window in windows for mark in (window.start_ms, window.end_ms)}
    return sorted(times | {0})


def bits_of(flags: Iterable[bool]) -> int:
    """Return a number whose bit *i* is set where the flag at index *i* is."""
    return sum(1 << index for index, flag in enumerate(flags) if flag)


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
