"""When a session is over: its register is checked, and it is settled or goes to review with the reasons in words."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.core.bells import ring_on_commit
from apps.core.rows import update_rows
from apps.sessions.domain.settling import is_late, is_over
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.evidence import Evidence, begin_of, end_of, gather
from apps.sessions.models import ChargingSession
from apps.sessions.running import CannotBePriced, idle_amount_until
from apps.sessions.services.lookup import locked_sessions
from apps.sessions.services.news import tell_settled
from apps.tariffs.domain.terms import SETTLE_AFTER_S

START_UNTOLD: Final = "The station never told when this session began."
BEGIN_UNTOLD: Final = "The station never told the register at the beginning."
CLAIMED_AT_END: Final = "Its card was told only with its end."
END_UNTOLD: Final = "The station never told the register at the end."
UNPAID: Final = "Nobody agreed to pay for this session."
DERIVED_REASONS: Final = frozenset({START_UNTOLD, BEGIN_UNTOLD, END_UNTOLD, CLAIMED_AT_END, UNPAID})
"""What an event that comes late may still answer (OCPP 2.0.1)."""


@transaction.atomic
def settle_sessions(
    *, session_ids: Collection[int], at: datetime, is_queue_told: bool = False, is_urgent: bool = False
) -> tuple[int, ...]:
    """Settle those of these ended sessions that are over, or send them to review; return the ids of the settled.

    Over: TARIFFS.md "When a session is over". Others are left as they are; so is who asks again.

    is_queue_told  their station has spoken of the present since they ended
    is_urgent      what is known now must do: a vehicle that stands there is billed for until ``at``
    """
    sessions = list(
        locked_sessions()
        .filter(pk__in=session_ids, status=SessionStatus.ENDED)
        .select_related("tariff_version", "station", "evse")
    )
    _find_end_readings(sessions)
    succeeded = _succeeded(sessions)
    over = []
    for evidence in gather(sessions) if sessions else []:
        until = _left_at(evidence, at, is_queue_told=is_queue_told, is_succeeded=evidence.session.pk in succeeded)
        if until is None and is_urgent:
            stood = evidence.occupancy()
            until = max(stood.until, at) if stood.is_said_to_stand else stood.until
        if until is not None:
            _close(evidence, until=until, at=at)
            over.append(evidence)
    update_rows(
        [evidence.session for evidence in over],
        fields=["status", "settled_at", "occupied_until", "meter_stop_milliwh", "review_reasons"],
    )
    settled_now = [e.session for e in over if e.session.status == SessionStatus.SETTLED]
    tell_settled(settled_now, at=at)
    settled = tuple(session.pk for session in settled_now)
    for session_id in settled:
        ring_on_commit("session.settled", id=session_id)
    return settled


def _find_end_readings(sessions: Iterable[ChargingSession]) -> None:
    """Take the end reading from another event where a 2.0.1 station did not send it with the end; the caller saves."""
    for session in sessions:
        if session.meter_stop_milliwh is None and session.transaction_ref is not None:
            told = session.readings.filter(context="Transaction.End").order_by("at").last()
            session.meter_stop_milliwh = told.energy_milliwh if told is not None else None


def _succeeded(sessions: Sequence[ChargingSession]) -> set[int]:
    """Find those at whose EVSE another session has begun since, so that their vehicle is gone."""
    waiting = [session.pk for session in sessions]
    later = ChargingSession.objects.filter(evse=OuterRef("evse"), started_at__gte=OuterRef("ended_at"))
    return set(
        ChargingSession.objects.filter(Exists(later.exclude(pk=OuterRef("pk"))), pk__in=waiting).values_list(
            "pk", flat=True
        )
    )


def _left_at(evidence: Evidence, at: datetime, *, is_queue_told: bool, is_succeeded: bool) -> datetime | None:
    """Return until when the vehicle of an ended session stood there, if the session is over; else None."""
    session = evidence.session
    assert session.ended_at is not None
    assert session.end_received_at is not None
    stood = evidence.occupancy()
    is_told_late = is_late(told_of=session.ended_at, received_at=session.end_received_at)
    may_idle = evidence.prices_idle and not (stood.is_gone or is_succeeded or is_told_late)
    is_capped = may_idle and stood.is_said_to_stand and _is_capped(evidence, at)
    if not is_over(
        at=at,
        ended_at=session.ended_at,
        end_received_at=session.end_received_at,
        is_available=evidence.available_at is not None and evidence.available_at >= session.ended_at,
        is_idle_open=may_idle and not is_capped,
        is_said_to_stand=stood.is_said_to_stand,
        settle_after=timedelta(seconds=evidence.terms.settle_after_s if evidence.terms else SETTLE_AFTER_S),
        last_seen_at=session.station.last_seen_at,
        is_queue_told=is_queue_told,
    ):
        return None
    # Capped, it costs the same until whenever: the vehicle stands there now, since its station would say if it left.
    return max(stood.until, at) if is_capped else stood.until


def _is_capped(evidence: Evidence, at: datetime) -> bool:
    """Tell whether idling costs its most if the vehicle stands there until ``at``."""
    cap = evidence.terms.idle.max_amount if evidence.terms else None
    if cap is None:
        return False
    try:
        return idle_amount_until(evidence, until=at) >= cap
    except CannotBePriced:
        return False


def _close(evidence: Evidence, *, until: datetime, at: datetime) -> None:
    session = evidence.session
    session.review_reasons = [*session.review_reasons, *_problems(evidence)]
    to = SessionStatus.REVIEW if session.review_reasons else SessionStatus.SETTLED
    session.status = advance(SessionStatus(session.status), to)
    session.settled_at = at if to is SessionStatus.SETTLED else None
    session.occupied_until = until


def _problems(evidence: Evidence) -> Iterable[str]:
    """Say what keeps the session from being billed by itself, besides what was said at its start and end."""
    session = evidence.session
    if _came_to_nothing(evidence):
        return
    begin, end = begin_of(session), end_of(session)
    if not session.is_billable and not session.review_reasons:
        yield UNPAID
    if session.transaction_ref is not None:
        yield from _untold(session)
        if session.begun_at is None:
            return
    # Unreadable anchors and an end before the start have said so already, and leave no register to check.
    if begin is None or end is None or end.at_ms < begin.at_ms:
        return
    for problem in evidence.clean(begin=begin, end=end).problems:
        yield problem.message


def _came_to_nothing(evidence: Evidence) -> bool:
    """Tell whether a cable was in and out again, nobody asked to charge, and the register stood still (OCPP 2.0.1)."""
    session, energies = evidence.session, [reading.energy_milliwh for reading in evidence.readings]
    stood_still = not energies or (len(energies) > 1 and min(energies) == max(energies))
    return not session.is_claimed and session.begun_at is not None and stood_still


def _untold(session: ChargingSession) -> Iterable[str]:
    """Say what no event of a named transaction (OCPP 2.0.1) has told."""
    if session.begun_at is None:
        yield START_UNTOLD
    if session.meter_start_milliwh is None:
        yield BEGIN_UNTOLD
    if session.meter_stop_milliwh is None:
        yield END_UNTOLD
    if session.id_token and session.claimed_at is None:
        yield CLAIMED_AT_END
