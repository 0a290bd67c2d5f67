"""When a session is over for good, and what a person makes of a register that contradicts itself.

Owns the rule of TARIFFS.md "When a session is over". Instants are UTC; energy is integer milliwatt-hours.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from apps.tariffs.domain.facts import Reading
from apps.tariffs.domain.terms import Dimension, TariffTerms

QUIET: Final = timedelta(seconds=60)
"""How long after a stop late messages are waited for when nothing can be priced any more."""
TOLD_LATE: Final = timedelta(minutes=10)
"""A stop received so long after it happened comes out of the queue of a station that was offline."""
SETTLE_AFTER: Final = timedelta(minutes=15)
"""A station silent for so long will say no more; only what is evidenced is priced."""
PRICED_WHILE_CHARGING: Final = frozenset({Dimension.ENERGY, Dimension.TIME, Dimension.FLAT})


def prices_idle(terms: TariffTerms) -> bool:
    """Tell whether the tariff prices anything after the stop, while the vehicle still stands there."""
    return any(
        component.dimension not in PRICED_WHILE_CHARGING
        for element in terms.elements
        for component in element.price_components
    )


def is_late(*, told_of: datetime, received_at: datetime) -> bool:
    """Tell whether a message comes out of the queue of a station that was offline."""
    return received_at - told_of > TOLD_LATE


def is_over(
    *,
    at: datetime,
    ended_at: datetime,
    end_received_at: datetime,
    is_available: bool,
    is_idle_priced: bool,
    last_seen_at: datetime | None,
    is_queue_told: bool = False,
) -> bool:
    """Tell whether nothing of an ended session can still be priced at ``at``.

    is_available    the connector was reported Available after the end
    is_idle_priced  see ``prices_idle``
    last_seen_at    when the station was last heard of; None: never
    is_queue_told   the station spoke of the present after the stop, so that nothing it had to tell is outstanding
    """
    # A stop told late is one of a queue: readings from before it may still follow, whatever the connector did then.
    is_told_late = is_late(told_of=ended_at, received_at=end_received_at) and not is_queue_told
    if is_available and not is_told_late:
        return True
    if not is_idle_priced:
        return at - end_received_at >= QUIET
    if is_available:
        return at - end_received_at >= QUIET
    return at - max(last_seen_at or end_received_at, end_received_at) >= SETTLE_AFTER


def consistent_readings(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """Leave out the fewest readings so that the register never falls between the first and the last.

    readings  ascending in time, one an instant; first and last are kept

    :raises ValueError: the last lies below the first
    """
    if len(readings) < 2:
        return tuple(readings)
    first, last = readings[0], readings[-1]
    if last.energy_milliwh < first.energy_milliwh:
        raise ValueError("the register ends below its beginning")
    inner = [
        reading for reading in readings[1:-1] if first.energy_milliwh <= reading.energy_milliwh <= last.energy_milliwh
    ]
    return (first, *_longest_rise(inner), last)


def _longest_rise(readings: Sequence[Reading]) -> list[Reading]:
    """Return a longest subsequence that never falls (patience sorting)."""
    # tails[n] is the lowest last value of a rise of n + 1 readings; before[i] is who precedes reading i in its rise.
    tails: list[int] = []
    tail_indexes: list[int] = []
    before: list[int | None] = []
    for index, reading in enumerate(readings):
        length = bisect_right(tails, reading.energy_milliwh)
        before.append(tail_indexes[length - 1] if length else None)
        tails[length : length + 1] = [reading.energy_milliwh]
        tail_indexes[length : length + 1] = [index]
    rise: list[Reading] = []
    step = tail_indexes[-1] if tail_indexes else None
    while step is not None:
        rise.append(readings[step])
        step = before[step]
    return rise[::-1]
