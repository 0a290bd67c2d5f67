"""How far a session may get before its station has obeyed a stop (PAYMENTS.md "The driver's payment")."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_high
from typing import Final

from apps.tariffs.domain.facts import Reading

LONGEST_INTERVAL_MS: Final = 60_000
"""A station that samples less often is not waited for longer; what passes the limit then is cut by the rating."""
INTERVALS_AHEAD: Final = 2
"""One until the next reading arrives, one until the stop it causes is obeyed."""
_MS_PER_WATT_HOUR: Final = 3_600
"""Watts × ms ÷ 3600 = milliwatt-hours."""


def sample_interval_ms(readings: Sequence[Reading]) -> int:
    """Return the median interval between readings, at most 60 s; 60 s while there is only one.

    readings  ascending, one an instant
    """
    if len(readings) < 2:
        return LONGEST_INTERVAL_MS
    median = median_high(later.at_ms - earlier.at_ms for earlier, later in pairwise(readings))
    return min(median, LONGEST_INTERVAL_MS)


def at_full_power(readings: Sequence[Reading], *, max_power_w: int | None) -> Reading:
    """Return where the register may stand two sample intervals after the last reading, rounded up.

    max_power_w  of the connector; None: unknown, so that only time passes
    """
    last, ahead_ms = readings[-1], INTERVALS_AHEAD * sample_interval_ms(readings)
    added_milliwh = -(-(max_power_w or 0) * ahead_ms // _MS_PER_WATT_HOUR)
    return Reading(at_ms=last.at_ms + ahead_ms, energy_milliwh=last.energy_milliwh + added_milliwh)
