"""What no message brings to its end, found by query and taken a step further."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from apps.core.sweeps import one_by_one
from apps.sessions.domain.settling import QUIET
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.sessions.services.ending import end_waiting
from apps.sessions.services.orphans import resolve_orphans
from apps.sessions.services.settling import settle_sessions

SWEPT_AT_ONCE: Final = 200


def sweep_unsettled(*, at: datetime) -> int:
    """Find by query what no message brought to its end, take it a step further, and return how much that was.

    Stops whose start came after them are carried out; sessions that their station speaks of no more are resolved
    (``orphans``); ended ones settle.
    """
    count = end_waiting(at=at) + resolve_orphans(at=at)
    ended = ChargingSession.objects.filter(status=SessionStatus.ENDED, end_received_at__lte=at - QUIET)
    ids = list(ended.order_by("end_received_at").values_list("pk", flat=True))
    for first in range(0, len(ids), SWEPT_AT_ONCE):
        _settle(ids[first : first + SWEPT_AT_ONCE], at)
    return count + len(ids)


def _settle(session_ids: Sequence[int], at: datetime) -> None:
    """Settle many at once; where one breaks, each by itself."""
    if not one_by_one([session_ids], lambda ids: settle_sessions(session_ids=ids, at=at)):
        one_by_one(session_ids, lambda session_id: settle_sessions(session_ids=[session_id], at=at))
