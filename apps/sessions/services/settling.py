"""When a session is over: its register is checked, and it is settled or goes to review with the reasons in words."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from apps.core.bells import ring_on_commit
from apps.sessions.domain.settling import QUIET, is_over, prices_idle
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.evidence import Evidence, begin_of, end_of, gather
from apps.sessions.models import ChargingSession, MeterReading
from apps.sessions.services.lookup import locked_sessions
from apps.sessions.services.saving import save_together
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import Connector

UNRESOLVED_FOR: Final = timedelta(hours=72)
"""How long after its start a stop is waited for once the station has gone on to something else."""
GONE_FOR: Final = timedelta(minutes=15)
"""A connector Available for so long holds no session any more."""
SWEPT_AT_ONCE: Final = 200


@transaction.atomic
def settle_sessions(*, session_ids: Collection[int], at: datetime, is_queue_told: bool = False) -> tuple[int, ...]:
    """Settle those of these ended sessions that are over, or send them to review; return the ids of the settled.

    Over: TARIFFS.md "When a session is over". Others are left as they are; so is who asks again.

    is_queue_told  their station has spoken of the present since they ended
    """
    sessions = list(
        locked_sessions()
        .filter(pk__in=session_ids, status=SessionStatus.ENDED)
        .select_related("tariff_version", "station", "evse")
    )
    over = [evidence for evidence in gather(sessions) if _is_over(evidence, at, is_queue_told)] if sessions else []
    for evidence in over:
        session = evidence.session
        session.review_reasons = [*session.review_reasons, *_problems(evidence)]
        to = SessionStatus.REVIEW if session.review_reasons else SessionStatus.SETTLED
        session.status = advance(SessionStatus(session.status), to)
        session.settled_at = at if to is SessionStatus.SETTLED else None
    save_together([evidence.session for evidence in over], fields=["status", "settled_at", "review_reasons"])
    settled = tuple(e.session.pk for e in over if e.session.status == SessionStatus.SETTLED)
    for session_id in settled:
        ring_on_commit("session.settled", id=session_id)
    return settled


def _is_over(evidence: Evidence, at: datetime, is_queue_told: bool) -> bool:
    session = evidence.session
    assert session.ended_at is not None
    assert session.end_received_at is not None
    version = session.tariff_version
    return is_over(
        at=at,
        ended_at=session.ended_at,
        end_received_at=session.end_received_at,
        is_available=evidence.available_at is not None and evidence.available_at >= session.ended_at,
        is_idle_priced=version is not None and prices_idle(version.terms()),
        last_seen_at=session.station.last_seen_at,
        is_queue_told=is_queue_told,
    )


def _problems(evidence: Evidence) -> Iterable[str]:
    """Say what keeps the session from being billed by itself, besides what was said at its start and end."""
    session = evidence.session
    begin, end = begin_of(session), end_of(session)
    if not session.is_billable and not session.review_reasons:
        yield "Nobody agreed to pay for this session."
    # Unreadable anchors and an end before the start have said so already, and leave no register to check.
    if begin is None or end is None or end.at_ms < begin.at_ms:
        return
    for problem in evidence.clean(begin=begin, end=end).problems:
        yield problem.message


def sweep_unsettled(*, at: datetime) -> int:
    """Find by query what no message brought to its end, take it a step further, and return how much that was.

    Ended sessions settle; a live one whose connector is long Available, or which another has displaced, is unresolved;
    an unresolved one goes to review when its stop has not come within 72 h.
    """
    ended = ChargingSession.objects.filter(status=SessionStatus.ENDED, end_received_at__lte=at - QUIET)
    ids = list(ended.order_by("end_received_at").values_list("pk", flat=True))
    for first in range(0, len(ids), SWEPT_AT_ONCE):
        settle_sessions(session_ids=ids[first : first + SWEPT_AT_ONCE], at=at)
    return len(ids) + _resolve_gone(at) + _review_unresolved(at)


@transaction.atomic
def _resolve_gone(at: datetime) -> int:
    """Take the live mark from sessions whose connector has been Available for a while without a word of them since."""
    gone = Connector.objects.filter(status=ConnectorStatus.AVAILABLE, status_at__lte=at - GONE_FOR)
    candidates = locked_sessions().filter(
        Q(evse__connectors__in=gone),
        Q(evse__connectors__status_at__gt=F("started_at")),
        status=SessionStatus.LIVE,
        start_received_at__lte=at - GONE_FOR,
    )
    ids = {session.pk for session in candidates}
    # Readings go on where only the status is wrong: such a session is live, whatever its connector says.
    heard = MeterReading.objects.filter(session_id__in=ids, at__gt=at - GONE_FOR)
    ids -= set(heard.values_list("session_id", flat=True))
    return ChargingSession.objects.filter(pk__in=ids).update(status=SessionStatus.UNRESOLVED)


@transaction.atomic
def _review_unresolved(at: datetime) -> int:
    given_up = locked_sessions().filter(status=SessionStatus.UNRESOLVED, start_received_at__lte=at - UNRESOLVED_FOR)
    count = 0
    for session in given_up:
        session.set_in_review(reasons=["The station never said when this session ended."])
        count += 1
    return count
