"""Which meter readings prove the register at an instant."""

from bisect import bisect_left
from collections.abc import Sequence


def readings_around(instants: Sequence[int], at: int) -> range:
    """Return the positions of the readings that prove the register at ``at``: one taken then, or its two neighbours.

    Readings at 10, 20 and 30: at 20 it is the second, at 25 the second and the third; at 5 and 35, where none is on
    one side, the nearest alone.
    instants  ascending, in the unit of ``at``
    """
    after = bisect_left(instants, at)
    if after < len(instants) and instants[after] == at:
        return range(after, after + 1)
    return range(max(after - 1, 0), min(after + 1, len(instants)))
