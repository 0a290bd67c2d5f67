"""How far a session may get before its station has obeyed a stop (PAYMENTS.md "The driver's payment")."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median_high
from typing import Final

from apps.tariffs.domain.facts import Reading

LONGEST_INTERVAL_MS: Final = 60_000
"""A station that samples less often is not waited for longer; what passes the limit then is cut by the rating."""
INTERVALS_AHEAD: Final = 2
"""One until the next reading arrives, one until the stop it causes is obeyed."""
PAUSED_FROM: Final = 1_000
PAUSE_MS_PER_READING: Final = 1
_MS_PER_WATT_HOUR: Final = 3_600
"""Watts × ms ÷ 3600 = milliwatt-hours."""


def most_delivered(begin: Reading, readings: Iterable[Reading]) -> int:
    """Return the energy in mWh that readings speak of at most, whatever they say of the time: all rises added up.

    Where the register never falls this is what was delivered; where it does, or the clock is wrong, nothing is missing.
    """
    energies = [begin.energy_milliwh, *(reading.energy_milliwh for reading in readings)]
    return sum(max(0, after - before) for before, after in pairwise(energies))


def sample_interval_ms(readings: Sequence[Reading]) -> int:
    """Return the median interval between readings, at most 60 s; 60 s while there is only one.

    readings  ascending, one an instant
    """
    if len(readings) < 2:
        return LONGEST_INTERVAL_MS
    median = median_high(later.at_ms - earlier.at_ms for earlier, later in pairwise(readings))
    return min(median, LONGEST_INTERVAL_MS)


def pause_ms(readings: int) -> int:
    """Return how long a session with so many readings need not be looked at again, which takes longer the more it has.

    What is spent on watching it stays a small part of the time.
    """
    return max(0, readings - PAUSED_FROM) * PAUSE_MS_PER_READING


def at_full_power(readings: Sequence[Reading], *, max_power_w: int | None) -> Reading:
    """Return where the register may stand when a stop is obeyed that is asked for at the next look, rounded up.

    That is two sample intervals after the last reading, or one and the pause where that is longer.

    max_power_w  of the connector; None: unknown, so that only time passes
    """
    last, interval_ms = readings[-1], sample_interval_ms(readings)
    ahead_ms = max(INTERVALS_AHEAD * interval_ms, interval_ms + pause_ms(len(readings)))
    added_milliwh = -(-(max_power_w or 0) * ahead_ms // _MS_PER_WATT_HOUR)
    return Reading(at_ms=last.at_ms + ahead_ms, energy_milliwh=last.energy_milliwh + added_milliwh)
