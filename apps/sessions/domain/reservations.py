"""The life of a reservation, and which of a contract's reservations a charge uses."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move

TOLERANCE: Final = timedelta(minutes=10)
"""Clocks of stations and the walk from the gate to the cable: a start so long after the end still uses it."""
UNHEARD_FOR: Final = timedelta(hours=72)
"""A station that is not heard of for so long after a reservation's end cannot say that it was kept."""


class ReservationStatus(StrEnum):
    """open: the station keeps the connector · used: its driver charged · expired: nobody came · cancelled: given up,
    which costs nothing."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


NEXT: Final[dict[ReservationStatus, frozenset[ReservationStatus]]] = {
    ReservationStatus.OPEN: frozenset({ReservationStatus.USED, ReservationStatus.EXPIRED, ReservationStatus.CANCELLED}),
    # A station that was offline may tell only afterwards that somebody came.
    ReservationStatus.EXPIRED: frozenset({ReservationStatus.USED}),
    ReservationStatus.USED: frozenset(),
    ReservationStatus.CANCELLED: frozenset(),
}


def advance_reservation(status: ReservationStatus, to: ReservationStatus) -> ReservationStatus:
    """Return ``to``.

    :raises IllegalMove: a reservation does not go from ``status`` to ``to``
    """
    return check_move(NEXT, status, to)


def is_used_by(*, started_at: datetime, reserved_at: datetime, expires_at: datetime, is_named: bool) -> bool:
    """Tell whether a charge of the reservation's contract at its connector uses it.

    is_named  the station said so: then a start that is a little late or whose clock is a little slow does too
    """
    slack = TOLERANCE if is_named else timedelta(0)
    return reserved_at - slack <= started_at <= expires_at + slack
