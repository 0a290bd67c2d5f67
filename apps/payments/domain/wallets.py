"""What a prepaid wallet takes, gives back, and when its customer is told. Gross amounts, rounded.

A session that cost 12.00, a balance of 8.00 and a bound of 3.00: the wallet pays 11.00 and stands at −3.00; 1.00 stays
open on the invoice. 40.00 to give back of top-ups of 50.00 (30.00 left of it) and, later, 25.00: 25.00 go back to the
later one's card and 15.00 to the earlier one's.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

ZERO = Decimal(0)


class Level(StrEnum):
    """What a customer is told of: LOW: less is left than the seller names · EMPTY: no further session begins."""

    LOW = "low"
    EMPTY = "empty"


class Refundable(NamedTuple):
    """A top-up and how much of it can still go back to its card: what it brought less what went back already."""

    payment_id: int
    left: Decimal


def payable(due: Decimal, *, balance: Decimal, bound: Decimal) -> Decimal:
    """Return how much of ``due`` a wallet pays: no further below zero than its bound; what comes back, wholly.

    due  > 0 to be paid · < 0 to be given back
    """
    return due if due <= 0 else min(due, max(balance + bound, ZERO))


def spread_back(amount: Decimal, newest_first: Iterable[Refundable]) -> Iterator[Refundable]:
    """Spread what is given back over top-ups, the newest first; what they cannot take is left over.

    The newest first, since sessions use up the oldest money, and a card that paid lately still takes money back.
    """
    for top_up in newest_first:
        part = min(amount, top_up.left)
        if part > 0:
            yield Refundable(top_up.payment_id, part)
            amount -= part


def level_of(*, balance: Decimal, bound: Decimal, session_amount: Decimal, low_balance: Decimal) -> Level | None:
    """Return what the customer is to be told of; None: there is enough."""
    if balance + bound < session_amount:
        return Level.EMPTY
    return Level.LOW if balance < low_balance else None
