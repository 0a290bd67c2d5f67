"""The life of a charging session (OCPP 1.6 and 2.0.1 alike)."""

from enum import StrEnum

from apps.core.domain.moves import check_move


class SessionStatus(StrEnum):
    """live: charging or plugged · unresolved: its station no longer says · ended: stop known · settled: nothing can
    still be priced · review: a person must look first."""

    LIVE = "live"
    UNRESOLVED = "unresolved"
    ENDED = "ended"
    SETTLED = "settled"
    REVIEW = "review"


NEXT: dict[SessionStatus, frozenset[SessionStatus]] = {
    SessionStatus.LIVE: frozenset({SessionStatus.UNRESOLVED, SessionStatus.ENDED, SessionStatus.REVIEW}),
    SessionStatus.UNRESOLVED: frozenset({SessionStatus.LIVE, SessionStatus.ENDED, SessionStatus.REVIEW}),
    SessionStatus.ENDED: frozenset({SessionStatus.SETTLED, SessionStatus.REVIEW}),
    SessionStatus.SETTLED: frozenset({SessionStatus.REVIEW}),
    SessionStatus.REVIEW: frozenset({SessionStatus.SETTLED, SessionStatus.ENDED}),
}


def advance(status: SessionStatus, to: SessionStatus) -> SessionStatus:
    """Return ``to``.

    :raises IllegalMove: a session does not go from ``status`` to ``to``
    """
    return check_move(NEXT, status, to)
