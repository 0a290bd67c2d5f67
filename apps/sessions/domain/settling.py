"""When a session is over for good, what its tariff still asks for, and what is made of a contradictory register.

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


def prices_idle(terms: TariffTerms) -> bool:
    """Tell whether the tariff asks anything for a vehicle that charges no more; a reservation's prices do not count."""
    return any(
        component.dimension is Dimension.PARKING_TIME and component.price > 0
        for element in terms.elements
        if element.restrictions.reservation is None
        for component in element.price_components
    )


def asks_for_power(terms: TariffTerms) -> bool:
    """Tell whether a price depends on the power, so that it must be measured or inferred."""
    rules = (element.restrictions for element in terms.elements)
    return any(rule.min_power is not None or rule.max_power is not None for rule in rules)


def asks_for_current(terms: TariffTerms) -> bool:
    """Tell whether a price depends on the current, so that it must be measured; it is never inferred."""
    rules = (element.restrictions for element in terms.elements)
    return any(rule.min_current is not None or rule.max_current is not None for rule in rules)


def is_late(*, told_of: datetime, received_at: datetime) -> bool:
    """Tell whether a message comes out of the queue of a station that was offline."""
    return received_at - told_of > TOLD_LATE


def is_over(
    *,
    at: datetime,
    ended_at: datetime,
    end_received_at: datetime,
    is_available: bool,
    is_idle_open: bool,
    is_said_to_stand: bool,
    settle_after: timedelta,
    last_seen_at: datetime | None,
    is_queue_told: bool = False,
) -> bool:
    """Tell whether nothing of an ended session can still be priced at ``at``.

    is_available    the connector was reported Available after the end
    is_idle_open    idling is priced, its cap is not reached, and the vehicle may still stand there
    is_said_to_stand  a message says that it does, so that another will say when it leaves
    settle_after    how long nothing may be heard before no more is expected
    last_seen_at    when the station was last heard of; None: never
    is_queue_told   the station spoke of the present after the stop, so that nothing it had to tell is outstanding
    """
    # A stop told late is one of a queue: readings from before it may still follow, whatever the connector did then.
    is_told_late = is_late(told_of=ended_at, received_at=end_received_at) and not is_queue_told
    if is_available and not is_told_late:
        return True
    if is_available or not is_idle_open:
        return at - end_received_at >= QUIET
    # A station that says nothing of the connector, however well it is, will not say either when it becomes free.
    heard_at = max(last_seen_at or end_received_at, end_received_at) if is_said_to_stand else end_received_at
    return at - heard_at >= settle_after


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
