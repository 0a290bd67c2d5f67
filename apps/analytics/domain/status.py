"""States of a tariff trial."""

from enum import StrEnum

from apps.core.domain.moves import check_move


class TrialStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


UNFINISHED = frozenset({TrialStatus.QUEUED, TrialStatus.RUNNING})
NEXT: dict[TrialStatus, frozenset[TrialStatus]] = {
    TrialStatus.QUEUED: frozenset({TrialStatus.RUNNING, TrialStatus.FAILED}),
    TrialStatus.RUNNING: frozenset({TrialStatus.DONE, TrialStatus.FAILED}),
    TrialStatus.DONE: frozenset(),
    TrialStatus.FAILED: frozenset(),
}


def advance(status: TrialStatus, to: TrialStatus) -> TrialStatus:
    """Return ``to``.

    :raises IllegalMove: a trial does not go from ``status`` to ``to``
    """
    return check_move(NEXT, status, to)
