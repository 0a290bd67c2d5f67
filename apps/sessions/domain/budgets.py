"""Which alerts a budget calls for: the thresholds, in percent, that a month has reached and nobody was told of."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final

DEFAULT_THRESHOLDS: Final = (50, 80, 100)
_WHOLE: Final = 100


def reached(*, used: Decimal, amount: Decimal, thresholds: Sequence[int], told: Collection[int]) -> tuple[int, ...]:
    """Return the thresholds reached for the first time, ascending; what was told stays told if the sum falls later.

    used, amount  of the same kind (net or gross) and currency; amount > 0
    """
    return tuple(one for one in thresholds if one not in told and used * _WHOLE >= amount * one)


def percent(*, used: Decimal, amount: Decimal) -> int:
    """Return how much of a budget is used, in whole percent, rounded down: 100 is said when it is reached."""
    return int(used * _WHOLE // amount)
