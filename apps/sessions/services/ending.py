"""How a session ends: by its station's word, once."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from apps.core.rows import update_rows
from apps.core.sweeps import one_by_one
from apps.sessions.domain.clocks import is_plausible
from apps.sessions.domain.commands import AuthorisationStatus, EndCommand, EndOutcome, MeterSample
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.domain.stops import Begun, may_end
from apps.sessions.models import ChargingSession
from apps.sessions.services.lookup import by_transaction, locked_sessions
from apps.sessions.services.orphans import GIVEN_UP
from apps.sessions.services.readings import store_measurements, store_samples
from apps.sessions.services.revising import note_late_evidence
from apps.sessions.services.settling import DERIVED_REASONS, settle_sessions
from apps.sessions.services.signing import Signed, store_signed
from apps.sessions.services.waiting import begun, due_stops, keep_stops, key_of, sessions_of_kept, take_stops, told_stop
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import Connector
from apps.stations.wakeups import tell_boards_on_commit

_END_FIELDS = (
    "status",
    "ended_at",
    "end_received_at",
    "end_frame_id",
    "meter_stop_milliwh",
    "stop_reason",
    "occupied_until",
    "review_reasons",
)


@transaction.atomic(savepoint=False)
def end_sessions(commands: tuple[EndCommand, ...]) -> tuple[EndOutcome, ...]:
    """End the session of each stop; a repeated stop gets the same answer and changes nothing.

    Natural key: station and transaction. A stop without a valid id (−1: the start's answer was lost) belongs to the
    station's live session if exactly one fits; else session_id is None, and it waits for its start (``waiting``).
    """
    if not commands:
        return ()
    known = by_transaction(locked_sessions(), ((command.station_id, command.transaction_id) for command in commands))
    unnamed = _UnnamedStops([c for c in commands if (c.station_id, c.transaction_id) not in known])
    ended: dict[int, tuple[ChargingSession, EndCommand]] = {}
    outcomes = []
    unplaced = []
    for command in commands:
        session = known.get((command.station_id, command.transaction_id)) or unnamed.find(command)
        if session is None:
            unplaced.append(command)
        contradicts = session is not None and not session.awaits_end and _is_other_end(session, command)
        if session is not None and session.awaits_end:
            _take_end(session, command)
            ended[session.pk] = (session, command)
        outcomes.append(_outcome(session, contradicts=contradicts))
    update_rows([session for session, _ in ended.values()], fields=_END_FIELDS)
    store_samples((session, _samples(command), command.frame_id) for session, command in ended.values())
    store_measurements((session, command.measured, command.frame_id) for session, command in ended.values())
    store_signed(Signed(session, c.signed, c.received_at, c.frame_id) for session, c in ended.values())
    tell_boards_on_commit(session.station_id for session, _ in ended.values())
    priced = [session for session, _ in ended.values() if session.status == SessionStatus.SETTLED]
    if priced:
        note_late_evidence(priced, received_at=max(command.received_at for command in commands))
    _settle_where_available([session for session, _ in ended.values()])
    keep_stops(unplaced)
    return tuple(outcomes)


def end_waiting(*, at: datetime) -> int:
    """Carry out the kept stops whose session is known by now; return how many those were."""
    ended: list[EndCommand] = []

    def end_at(station_id: int) -> None:
        taken = [command for _, command in take_stops(station_id=station_id)]
        end_sessions(tuple(taken))
        ended.extend(taken)

    one_by_one(sorted(due_stops(at)), end_at)
    return len(ended)


class _UnnamedStops:
    """The sessions that stops without a transaction of ours may mean, loaded and locked at once."""

    def __init__(self, commands: Sequence[EndCommand]) -> None:
        unnamed = [command for command in commands if command.transaction_id <= 0]
        self._kept = sessions_of_kept(commands)
        self._ended: list[ChargingSession] = []
        self._live: dict[int, ChargingSession] = {}
        self._begun: list[tuple[int, Begun]] = []
        if unnamed:
            of_stations = locked_sessions().filter(station_id__in={command.station_id for command in unnamed})
            self._ended = list(of_stations.filter(ended_at__in={command.ended_at for command in unnamed}))
            self._live = {session.pk: session for session in of_stations.filter(status=SessionStatus.LIVE)}
            live = begun(ChargingSession.objects.filter(pk__in=self._live))
            self._begun = [(self._live[one.key].station_id, one) for one in live]

    def find(self, command: EndCommand) -> ChargingSession | None:
        """Return the session this stop ended before, or the one live session that fits; None if not exactly one."""
        if command.meter_stop_milliwh is not None and key_of(command) in self._kept:
            return self._kept[key_of(command)]
        if command.transaction_id > 0:
            return None
        for session in self._ended:
            if _is_same_end(session, command):
                return session
        stop = told_stop(0, command)
        fitting = [one for station_id, one in self._begun if station_id == command.station_id and may_end(stop, one)]
        fitting = [one for one in fitting if self._live[one.key].status == SessionStatus.LIVE]
        return self._live[fitting[0].key] if len(fitting) == 1 else None


def _is_same_end(session: ChargingSession, command: EndCommand) -> bool:
    return (
        session.station_id == command.station_id
        and session.ended_at == command.ended_at
        and session.meter_stop_milliwh == command.meter_stop_milliwh
    )


def _is_other_end(session: ChargingSession, command: EndCommand) -> bool:
    told = command.meter_stop_milliwh
    return told is not None and session.end_frame_id is not None and told != session.meter_stop_milliwh


def _take_end(session: ChargingSession, command: EndCommand) -> None:
    """Write down what the station says of the end; the caller saves.

    A session that waits for a person only because nobody told its end waits no more. One that ended by rule and was
    priced keeps its record until what is told now is priced too, or goes to a person where it contradicts itself.
    """
    told = [*_reasons(session, command)]
    known = [reason for reason in session.review_reasons if reason != GIVEN_UP]
    if set(known) <= DERIVED_REASONS:
        known = []
    status, to = SessionStatus(session.status), SessionStatus.ENDED
    if status is SessionStatus.SETTLED:
        to = SessionStatus.REVIEW if told else status
    elif status is SessionStatus.REVIEW and known:
        to = status
    session.set_end(command, status=to if to is status else advance(status, to), reasons=[*known, *told])


def _reasons(session: ChargingSession, command: EndCommand) -> Iterable[str]:
    """Say what about this end a person must look at before the session is billed."""
    yield from command.notes
    if command.meter_stop_milliwh is None and session.transaction_ref is None:
        yield "The end reading could not be read."
    if command.ended_at < session.started_at:
        yield (
            f"The session ends ({command.ended_at:%Y-%m-%d %H:%M:%S} UTC) before it starts "
            f"({session.started_at:%Y-%m-%d %H:%M:%S} UTC)."
        )
    elif not is_plausible(command.ended_at, command.received_at):
        yield (
            f"The station's clock said {command.ended_at:%Y-%m-%d %H:%M} UTC for a stop received at "
            f"{command.received_at:%Y-%m-%d %H:%M} UTC."
        )


def _samples(command: EndCommand) -> Iterable[MeterSample]:
    yield from command.samples
    if command.meter_stop_milliwh is not None:
        yield MeterSample(at=command.ended_at, energy_milliwh=command.meter_stop_milliwh, context="Transaction.End")


def _outcome(session: ChargingSession | None, *, contradicts: bool) -> EndOutcome:
    if session is None:
        return EndOutcome(session_id=None, status=AuthorisationStatus.ACCEPTED)
    status = AuthorisationStatus(session.authorisation)
    return EndOutcome(session_id=session.pk, status=status, contradicts=contradicts)


def _settle_where_available(sessions: Sequence[ChargingSession]) -> None:
    """Settle at once where the connector is Available already: some stations report it before the stop."""
    if not sessions:
        return
    evse_ids = {session.evse_id for session in sessions}
    available = Connector.objects.filter(evse_id__in=evse_ids, status=ConnectorStatus.AVAILABLE).order_by()
    free = set(available.values_list("evse_id", flat=True))
    over = [session for session in sessions if session.evse_id in free]
    if over:
        settle_sessions(
            session_ids=[session.pk for session in over],
            at=max(session.end_received_at for session in over if session.end_received_at),
        )
