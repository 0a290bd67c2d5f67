"""What a car takes over time, and when the network is away: both counted from the start of the charge."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from apps.ocpp.simulator.csv_files import read_rows

_SECOND: Final = timedelta(seconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MS_PER_HOUR: Final = 3_600_000
MOST_SECONDS: Final = 366 * 24 * 3600
MOST_W: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time without network, from ``after`` into the charge on, ``lasts`` long."""

    after: timedelta
    lasts: timedelta

    def covers(self, elapsed: timedelta) -> bool:
        return self.after <= elapsed < self.after + self.lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Power in steps.

    steps    (second, W): from that second on the car takes so much; ascending from second 0
    most_wh  with so much the car is full; None: only when the steps end
    ends_at  when the steps end; None: the last one goes on for ever
    """

    steps: tuple[tuple[int, int], ...]
    most_wh: int | None = None
    ends_at: timedelta | None = None

    @classmethod
    def steady(cls, power_w: int, *, most_wh: int | None = None) -> "Profile":
        """Return one power from beginning to end."""
        return cls(steps=((0, power_w),), most_wh=most_wh)

    def power_w(self, elapsed: timedelta) -> int:
        """Return what the car takes at a moment; 0 once it is full."""
        duration = self.duration
        if duration is not None and elapsed >= duration:
            return 0
        return self.steps[bisect_right(self.steps, (elapsed // _SECOND, MOST_W)) - 1][1]

    def energy_wh(self, elapsed: timedelta) -> int:
        """Return the whole watt-hours delivered by a moment."""
        given_wh = self._watt_ms(elapsed) // _MS_PER_HOUR
        return given_wh if self.most_wh is None else min(given_wh, self.most_wh)

    @property
    def duration(self) -> timedelta | None:
        """When the car is full, in whole seconds; None: never."""
        full = self._full_after()
        ends = [end for end in (full, self.ends_at) if end is not None]
        return min(ends, default=None)

    def _watt_ms(self, elapsed: timedelta) -> int:
        at_ms, watt_ms = min(elapsed, self.ends_at or elapsed) // _MILLISECOND, 0
        ends = [second for second, _ in self.steps[1:]]
        for (second, power_w), end in zip(self.steps, [*ends, None], strict=True):
            begin_ms = second * 1000
            if begin_ms >= at_ms:
                break
            watt_ms += power_w * ((at_ms if end is None else min(at_ms, end * 1000)) - begin_ms)
        return watt_ms

    def _full_after(self) -> timedelta | None:
        if self.most_wh is None:
            return None
        missing = self.most_wh * 3600
        ends = [second for second, _ in self.steps[1:]]
        for (second, power_w), end in zip(self.steps, [*ends, None], strict=True):
            needed_s = -(-missing // power_w) if power_w else None
            if needed_s is not None and (end is None or second + needed_s <= end):
                return timedelta(seconds=second + needed_s)
            if end is not None:
                missing -= power_w * (end - second)
        return None


def read_profile(path: Path, *, most_wh: int | None = None) -> Profile:
    """Read a CSV file ``seconds,power_w``: from that second of the charge on the car takes so much.

    The first line is of second 0; the last one says 0 W and ends the charge (0 W in between is a pause).

    :raises BadCsvError: names line and column
    """
    rows = read_rows(path, ("seconds", "power_w"))
    steps: list[tuple[int, int]] = []
    for row in rows:
        second = row.whole("seconds", most=MOST_SECONDS)
        if not steps and second != 0:
            row.refuse("seconds", "the first line must be of second 0")
        if steps and second <= steps[-1][0]:
            row.refuse("seconds", f"{second} is not later than {steps[-1][0]} before it")
        steps.append((second, row.whole("power_w", most=MOST_W)))
    if steps[-1][1] != 0 or len(steps) == 1:
        rows[-1].refuse("power_w", "the last line ends the charge: it must come after another and say 0")
    return Profile(steps=tuple(steps), most_wh=most_wh, ends_at=timedelta(seconds=steps[-1][0]))


def moments(profile: Profile, *, every: timedelta) -> Sequence[timedelta]:
    """Return when to sample a charge that ends: at regular times and wherever the power changes, ends left out."""
    duration = profile.duration
    assert duration is not None, "a charge without an end cannot be told as a whole"
    regular = {every * number for number in range(1, -(-duration // every))}
    changes = {timedelta(seconds=second) for second, _ in profile.steps}
    return sorted(moment for moment in regular | changes if timedelta(0) < moment < duration)
