"""What each event of a named transaction (OCPP 2.0.1) adds to its session, in whatever order the events come.

A transaction may begin before anybody asks to charge, as the cable goes in: its session waits, and the first event that
brings an id token claims it. The first that is heard of one may be any event; what Started says is filled in when it
comes. What a session has become depends on the events, not on their order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from django.db import transaction

from apps.contracts.domain.tokens import normalise_uid
from apps.core.rows import update_rows
from apps.sessions.domain.commands import AuthorisationStatus, Phase, StartCommand, StartOutcome
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.domain.tokens import mask_token
from apps.sessions.models import ChargingSession
from apps.sessions.services.lookup import by_ref, locked_sessions
from apps.sessions.services.settling import DERIVED_REASONS, settle_sessions
from apps.sessions.services.starting import PLACE_UNTOLD, claim, displace, outcome_of, start_sessions
from apps.stations.models import Evse

_FIELDS: Final = (
    "evse",
    "id_token",
    "token",
    "contract",
    "vehicle",
    "cost_centre",
    "home_charger",
    "authorisation",
    "tariff_version",
    "status",
    "started_at",
    "begun_at",
    "claimed_at",
    "meter_start_milliwh",
    "reserved_from",
    "settled_at",
    "review_reasons",
)
_ORDER: Final = (Phase.STARTED, Phase.UPDATED, Phase.ENDED)


@transaction.atomic(savepoint=False)
def follow_transactions(commands: tuple[StartCommand, ...]) -> tuple[StartOutcome, ...]:
    """Find or begin the session of each event's transaction, and take over what it says of the beginning.

    Natural key: station and transaction_ref, which every command has. An event that says nothing new costs one query.
    """
    if not commands:
        return ()
    known = by_ref(ChargingSession.objects.all(), map(_key, commands))
    telling = [command for command in commands if _adds(command, known.get(_key(command)))]
    if telling:
        ordered = sorted(telling, key=lambda command: _ORDER.index(command.phase))
        start_sessions(tuple(ordered))
        _complete([command for command in ordered if _key(command) in known])
        known = by_ref(ChargingSession.objects.all(), map(_key, commands))
    sessions = [known[_key(command)] for command in commands]
    return tuple(replace(outcome_of(session), ended_at=session.ended_at) for session in sessions)


def _key(command: StartCommand) -> tuple[int, str]:
    assert command.transaction_ref is not None
    return command.station_id, command.transaction_ref


def _adds(command: StartCommand, session: ChargingSession | None) -> bool:
    """Tell whether the event may say something of the beginning that its session does not know."""
    if session is None:
        return True
    if _is_closed(session):
        return False
    return (
        (command.phase is Phase.STARTED and session.begun_at is None)
        or _claims(command, session)
        or _begins_lower(command, session)
        or (command.evse_number > 0 and PLACE_UNTOLD in session.review_reasons)
    )


def _is_closed(session: ChargingSession) -> bool:
    """Tell whether nothing is taken over any more; one that settled because nobody claimed it may yet be claimed."""
    return session.status == SessionStatus.SETTLED and (session.is_claimed or bool(session.review_reasons))


def _claims(command: StartCommand, session: ChargingSession) -> bool:
    token = normalise_uid(command.id_token)
    if not token:
        return False
    if command.phase is Phase.ENDED:
        return not session.id_token
    if token == session.id_token:
        return session.claimed_at is None or command.started_at < session.claimed_at
    return session.authorisation != AuthorisationStatus.ACCEPTED or session.claimed_at is None


def _begins_lower(command: StartCommand, session: ChargingSession) -> bool:
    """Tell whether the event's begin reading is the first, or below the one that was told."""
    told, known = command.meter_start_milliwh, session.meter_start_milliwh
    return told is not None and (known is None or told < known)


def _complete(commands: Sequence[StartCommand]) -> None:
    sessions = by_ref(
        locked_sessions().select_related("evse", "station__location"), [_key(command) for command in commands]
    )
    changed: dict[int, ChargingSession] = {}
    for command in commands:
        session = sessions[_key(command)]
        # Looked at again under the lock: another process may have said it meanwhile.
        if _adds(command, session):
            _take_over(command, session)
            changed[session.pk] = session
    reopened = [session for session in changed.values() if _reopens(session)]
    update_rows(list(changed.values()), fields=_FIELDS)
    if reopened:
        settle_sessions(
            session_ids=[session.pk for session in reopened], at=max(command.received_at for command in commands)
        )


def _take_over(command: StartCommand, session: ChargingSession) -> None:
    """Write down what the event says of its transaction's beginning; the caller saves."""
    if command.evse_number and PLACE_UNTOLD in session.review_reasons:
        _move(session, command.evse_number)
    if command.phase is Phase.STARTED and session.begun_at is None:
        session.begun_at = command.started_at
        _add_reasons(session, command.notes)
    if _begins_lower(command, session):
        session.meter_start_milliwh = command.meter_start_milliwh
    if _claims(command, session):
        _claim(command, session)
    session.started_at = session.claimed_at or session.begun_at or session.started_at
    if session.reserved_from is not None:
        # An event that comes late may begin the charge before the reservation that it was taken to use.
        session.reserved_from = min(session.reserved_from, session.started_at)


def _move(session: ChargingSession, evse_number: int) -> None:
    """Put a session at the EVSE that it turns out to be at."""
    evse = Evse.objects.filter(station_id=session.station_id, number=evse_number).first()
    if evse is None:
        return
    session.review_reasons = [reason for reason in session.review_reasons if reason != PLACE_UNTOLD]
    if evse.pk != session.evse_id:
        session.evse = evse
        displace([session])


def _claim(command: StartCommand, session: ChargingSession) -> None:
    token = normalise_uid(command.id_token)
    if token != session.id_token:
        if session.id_token and session.authorisation == AuthorisationStatus.ACCEPTED:
            # Its end was told before its beginning, with another card: whose it is, a person must say.
            _add_reasons(
                session, [f"Card {mask_token(token)} began it and card {mask_token(session.id_token)} ended it."]
            )
        else:
            _forget_refusal(session)
            claim(session, token=token, command=command)
    if command.phase is not Phase.ENDED:
        session.claimed_at = min(filter(None, (session.claimed_at, command.started_at)))


def _forget_refusal(session: ChargingSession) -> None:
    """Let go of what was said of a card that was refused before this one was shown."""
    if session.id_token:
        refused = f"Card {mask_token(session.id_token)} was "
        session.review_reasons = [reason for reason in session.review_reasons if not reason.startswith(refused)]


def _add_reasons(session: ChargingSession, reasons: Iterable[str]) -> None:
    session.review_reasons = [*session.review_reasons, *reasons]


def _reopens(session: ChargingSession) -> bool:
    """Give back to settling a session that was set aside only because its events had not all come."""
    if session.ended_at is None or session.status not in (SessionStatus.REVIEW, SessionStatus.SETTLED):
        return False
    if any(reason not in DERIVED_REASONS for reason in session.review_reasons):
        return False
    if session.status == SessionStatus.SETTLED:
        session.status = advance(SessionStatus.SETTLED, SessionStatus.REVIEW)
    session.status = advance(SessionStatus.REVIEW, SessionStatus.ENDED)
    session.review_reasons, session.settled_at = [], None
    return True
