"""States of a payout to an owner by bank."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move


class PayoutStatus(StrEnum):
    """IN_FILE: a file to the bank asks for it, so that it is neither asked for again nor carried on.

    SUPERSEDED: a later statement carries the amount on, or the bank did not do what the file asked for
    """

    DUE = "due"
    IN_FILE = "in_file"
    EXECUTED = "executed"
    SUPERSEDED = "superseded"


NEXT_PAYOUT: Final[Mapping[PayoutStatus, frozenset[PayoutStatus]]] = {
    PayoutStatus.DUE: frozenset({PayoutStatus.IN_FILE, PayoutStatus.SUPERSEDED}),
    PayoutStatus.IN_FILE: frozenset({PayoutStatus.EXECUTED, PayoutStatus.SUPERSEDED}),
    PayoutStatus.EXECUTED: frozenset(),
    PayoutStatus.SUPERSEDED: frozenset(),
}


def advance_payout(status: PayoutStatus, to: PayoutStatus) -> PayoutStatus:
    """Return ``to``.

    :raises IllegalMove: a payout does not go from ``status`` to ``to``
    """
    return check_move(NEXT_PAYOUT, status, to)
