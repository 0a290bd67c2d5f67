"""A customer's dispute of a line: on which grounds, how it may end, by when it is answered, what it holds back.

=================================  ==========================================================
it is                              then
=================================  ==========================================================
opened, the line's first one       what is left of the line is not collected or reminded of
opened again, after an answer      it is answered as before, and holds nothing back any more
answered with a credit             a credit note takes back all of the line or a part
answered with a reason             what it held back is owed as before
withdrawn by the customer          the same
=================================  ==========================================================

So a dispute opened again and again puts off no payment.
"""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move

ANSWERED_WITHIN: Final = timedelta(days=14)
"""How long the seller takes at most, counted from the seller's day on which it was opened."""
PRESSING_BEFORE: Final = timedelta(days=3)
"""So many days before its last one a dispute without an answer is pressing."""


class DisputeGround(StrEnum):
    """What is wrong with a line, as its customer says."""

    NOT_OURS = "not_ours"
    ENERGY = "energy"
    PRICE = "price"
    TIME = "time"
    TWICE = "twice"
    OTHER = "other"


class LineDisputeStatus(StrEnum):
    OPEN = "open"
    CREDITED = "credited"
    EXPLAINED = "explained"
    WITHDRAWN = "withdrawn"


NEXT: Final[dict[LineDisputeStatus, frozenset[LineDisputeStatus]]] = {
    LineDisputeStatus.OPEN: frozenset(LineDisputeStatus) - {LineDisputeStatus.OPEN},
    LineDisputeStatus.CREDITED: frozenset(),
    LineDisputeStatus.EXPLAINED: frozenset(),
    LineDisputeStatus.WITHDRAWN: frozenset(),
}


def advance(status: LineDisputeStatus, to: LineDisputeStatus) -> LineDisputeStatus:
    """Return ``to``.

    :raises IllegalMove: a dispute that has ended stays as it ended
    """
    return check_move(NEXT, status, to)


def answered_by(opened_on: date) -> date:
    """Return the last day on which the seller answers."""
    return opened_on + ANSWERED_WITHIN


def is_pressing(answer_by: date, *, today: date) -> bool:
    """Return whether little time is left to answer, or none."""
    return today >= answer_by - PRESSING_BEFORE


def owed_now(open_amount: Decimal, *, disputed: Decimal) -> Decimal:
    """Return what may be asked for of a document now, gross: what is open without what is disputed, never below zero.

    open 10.00, disputed 4.00 → 6.00; 3.00 were paid meanwhile: open 7.00 → 3.00; open 2.00 → 0.00
    """
    return max(open_amount - max(disputed, Decimal(0)), Decimal(0))
