"""Sessions that their station speaks of no more: they block nobody, and end by rule at their last reading.

What ended by rule says so (``ended_by_rule``). Its station's own word of the end, however late, still replaces it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery

from apps.core.sweeps import one_by_one
from apps.sessions.domain.clocks import MOST_AHEAD
from apps.sessions.domain.orphans import SILENT, SILENT_WHILE_ONLINE, is_forgotten, is_given_up
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession, MeterReading, StateChange
from apps.sessions.services.limits import request_stop
from apps.sessions.services.lookup import locked_sessions
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import ChargingStation, Connector

GONE_FOR: Final = timedelta(minutes=15)
"""A connector Available for so long holds no session any more."""
GIVEN_UP: Final = "The station never said when this session ended."
"""Why a session that somebody can still be asked for waits for a person; the stop, when it comes, answers it."""


@transaction.atomic
def end_session(*, session_id: int, reason: str, at: datetime) -> ChargingSession:
    """End a session at its last reading, without its station's word, and flag it; it settles as any other.

    One that is still live is asked to stop. One that waits for a person for other reasons than a missing stop stays
    with them. A session that has ended is left as it is; so is who asks again.

    reason  why it is not waited for, a sentence of at most 200 characters
    """
    session = locked_sessions().select_related("station").get(pk=session_id)
    if session.ended_at is None:
        request_stop(session_id=session.pk, at=at, reason=reason)
        _end_by_rule(session, rule=reason, at=at)
    elif session.review_reasons == [GIVEN_UP]:
        session.set_reopened(rule=reason)
    return session


def _end_by_rule(session: ChargingSession, *, rule: str, at: datetime, reasons: Iterable[str] = ()) -> None:
    """End a locked session at its last reading; a clock that runs ahead does not end it in the future."""
    last = session.readings.filter(at__lte=at + MOST_AHEAD).order_by("at", "energy_milliwh").last()
    session.set_ended_by_rule(
        ended_at=session.started_at if last is None else max(session.started_at, last.at),
        meter_stop_milliwh=None if last is None else last.energy_milliwh,
        rule=rule,
        reasons=reasons,
        at=at,
    )


def resolve_orphans(*, at: datetime) -> int:
    """Take the live mark from sessions that are over by all signs, end those given up; return how many these were."""
    return _resolve_gone(at) + _resolve_forgotten(at) + _give_up(at)


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
def _resolve_forgotten(at: datetime) -> int:
    """Take the live mark from sessions that nothing has been said of for long."""
    old = locked_sessions().filter(status=SessionStatus.LIVE, start_received_at__lte=at - SILENT_WHILE_ONLINE)
    forgotten = [
        session.pk
        for session in _with_last_word(old)
        if is_forgotten(at=at, last_word_at=_last_word_at(session, at), online_since=_online_since(session.station, at))
    ]
    return ChargingSession.objects.filter(pk__in=forgotten).update(status=SessionStatus.UNRESOLVED)


def _give_up(at: datetime) -> int:
    """End unresolved sessions whose stop is no longer waited for, each by itself.

    An anonymous driver's settles: its hold ends some day, and what is evidenced is the least that was delivered. What a
    contract pays can be billed later just as well, so that a person looks at it first.
    """
    old = ChargingSession.objects.filter(status=SessionStatus.UNRESOLVED, start_received_at__lte=at - SILENT)
    ended: list[int] = []

    def give_up(session_id: int) -> None:
        if _is_given_up(session_id, at):
            ended.append(session_id)

    one_by_one(old.order_by("pk").values_list("pk", flat=True), give_up)
    return len(ended)


def _is_given_up(session_id: int, at: datetime) -> bool:
    """End a session by rule if its stop is no longer waited for; return whether it was."""
    unresolved = locked_sessions().filter(pk=session_id, status=SessionStatus.UNRESOLVED)
    for session in _with_last_word(unresolved):
        if is_given_up(
            at=at,
            last_word_at=_last_word_at(session, at),
            online_since=_online_since(session.station, at),
            is_final=session.is_anonymous,
        ):
            reasons = [GIVEN_UP] if session.contract_id is not None else []
            _end_by_rule(session, rule=GIVEN_UP, at=at, reasons=reasons)
            return True
    return False


def _with_last_word(sessions: "QuerySet[ChargingSession]") -> "QuerySet[ChargingSession]":
    """Add when a session's last reading and state were, by its station's clock."""
    return sessions.select_related("station").annotate(
        read_at=_latest(MeterReading.objects.filter(session=OuterRef("pk"))),
        state_at=_latest(StateChange.objects.filter(session=OuterRef("pk"))),
    )


def _latest(told: "QuerySet[MeterReading] | QuerySet[StateChange]") -> Subquery:
    return Subquery(told.order_by().values("session").annotate(latest=Max("at")).values("latest"))


def _last_word_at(session: ChargingSession, at: datetime) -> datetime:
    """Return when a session was last spoken of; a station's clock that runs ahead says nothing of the future."""
    told = (session.start_received_at, session.read_at, session.state_at)  # type: ignore[attr-defined]
    return max(min(word, at) for word in told if word is not None)


def _online_since(station: ChargingStation, at: datetime) -> datetime | None:
    return station.connected_at if station.is_online(at) else None
