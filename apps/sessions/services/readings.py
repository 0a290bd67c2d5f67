"""What arrives while a session runs and after: readings, measurements, states; and the stop at a grant's limit."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.core.rows import insert_rows
from apps.sessions.domain.clocks import believed_at, is_plausible
from apps.sessions.domain.commands import (
    ConnectorStateCommand,
    ConnectorStateOutcome,
    Measurand,
    MeasuredSample,
    MeterSample,
    ReadingsCommand,
    ReadingsOutcome,
)
from apps.sessions.domain.settling import asks_for_current, asks_for_power, is_late
from apps.sessions.domain.states import ReportedState
from apps.sessions.domain.status import SessionStatus
from apps.sessions.domain.stops import LONGEST_SESSION
from apps.sessions.models import ChargingSession, Measurement, MeterReading, StateChange
from apps.sessions.services.limits import HAS_LIMIT, stop_at_limits
from apps.sessions.services.lookup import EvseNumber, by_transaction, live_by_evse
from apps.sessions.services.revising import note_late_evidence
from apps.sessions.services.settling import settle_sessions
from apps.sessions.services.signing import Signed, store_signed
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import Connector
from apps.stations.services import ConnectorStatusUpdate, record_connector_statuses
from apps.stations.wakeups import tell_boards_on_commit
from apps.tariffs.models import TariffVersion

STATE_OF: Final[Mapping[ConnectorStatus, ReportedState]] = {
    ConnectorStatus.CHARGING: ReportedState.CHARGING,
    ConnectorStatus.SUSPENDED_EV: ReportedState.IDLE,
    ConnectorStatus.SUSPENDED_EVSE: ReportedState.HELD_BACK,
    ConnectorStatus.FINISHING: ReportedState.PARKED,
    ConnectorStatus.AVAILABLE: ReportedState.GONE,
    ConnectorStatus.RESERVED: ReportedState.UNKNOWN,
    ConnectorStatus.UNAVAILABLE: ReportedState.UNKNOWN,
    ConnectorStatus.FAULTED: ReportedState.UNKNOWN,
}
_NEXT: Final = frozenset({ConnectorStatus.PREPARING, ConnectorStatus.CHARGING})
"""What speaks of another session after a stop: whether the first one's vehicle was there until then, nobody says."""
_PROMPT: Final = timedelta(seconds=30)
"""What is told within this time speaks of the present; no session it can mean is settled yet."""
_STATUS_OF: Final[Mapping[str, ConnectorStatus]] = {status.value: status for status in ConnectorStatus}


@transaction.atomic(savepoint=False)
def record_readings(commands: tuple[ReadingsCommand, ...]) -> tuple[ReadingsOutcome, ...]:
    """Store the readings of sessions, each (session, instant, energy) once; after the end too.

    A command without a transaction, or with an id that is not positive, belongs to its EVSE's live session; another
    station's id never matches. A session whose cost reaches its grant's limit is asked to stop, once. Notes stay with
    the raw frame: what a lost reading leaves open, the register check finds.
    """
    sessions = _sessions_of(commands)
    placed = [(s, command) for s, command in zip(sessions, commands, strict=True) if s is not None]
    if placed:
        received_at = max(command.received_at for _, command in placed)
        note_late_evidence([session for session, _ in placed], received_at=received_at)
    store_samples((session, command.samples, command.frame_id) for session, command in placed)
    store_measurements((session, command.measured, command.frame_id) for session, command in placed)
    store_signed(Signed(session, c.signed, c.received_at, c.frame_id) for session, c in placed)
    tell_boards_on_commit(session.station_id for session, _ in placed)
    limited = [(session, command) for session, command in placed if session.may_run and _has_limit(session)]
    stop_at_limits({session.pk: command.received_at for session, command in limited})
    return tuple(ReadingsOutcome(session_id=session.pk if session else None) for session in sessions)


def _sessions_of(commands: Sequence[ReadingsCommand]) -> list[ChargingSession | None]:
    """Find whose readings these are, in two queries, and whether their cost is to be watched (``has_limit``)."""
    sessions = ChargingSession.objects.order_by().annotate(has_limit=HAS_LIMIT)
    known = by_transaction(sessions, ((command.station_id, command.transaction_id or 0) for command in commands))
    on_evse = live_by_evse(
        sessions, ((command.station_id, command.evse_number) for command in commands if not _has_id(command))
    )
    return [
        known.get((command.station_id, command.transaction_id or 0))
        if _has_id(command)
        else on_evse.get((command.station_id, command.evse_number))
        for command in commands
    ]


def _has_limit(session: ChargingSession) -> bool:
    has_limit: bool = session.has_limit  # type: ignore[attr-defined]  # annotated by ``_sessions_of``
    return has_limit


def _has_id(command: ReadingsCommand) -> bool:
    """Tell whether the station knows its transaction's id; −1 says that the answer to its start was lost."""
    return command.transaction_id is not None and command.transaction_id > 0


def store_samples(samples: Iterable[tuple[ChargingSession, Iterable[MeterSample], int]]) -> None:
    """Add readings that are not there yet, in one statement; each item: session, samples, frame id."""
    rows = {
        (session.pk, sample.at, sample.energy_milliwh): MeterReading(
            session_id=session.pk,
            at=sample.at,
            energy_milliwh=sample.energy_milliwh,
            context=sample.context[:24],
            frame_id=frame_id,
        )
        for session, session_samples, frame_id in samples
        for sample in session_samples
    }
    # In one order everywhere: two processes that store the same readings wait for each other at most in a line.
    insert_rows([rows[key] for key in sorted(rows)], ignore_conflicts=True)


def store_measurements(measured: Iterable[tuple[ChargingSession, Iterable[MeasuredSample], int]]) -> None:
    """Add what was measured and is not there yet, where the session's tariff asks for it, in one statement at most."""
    rows = {
        (session.pk, sample.at, sample.kind, sample.value_milli): Measurement(
            session_id=session.pk,
            at=sample.at,
            kind=sample.kind,
            value_milli=sample.value_milli,
            frame_id=frame_id,
        )
        for session, samples, frame_id in measured
        for sample in samples
        if session.tariff_version_id is not None and sample.kind in _asked_of(session.tariff_version_id)
    }
    insert_rows([rows[key] for key in sorted(rows)], ignore_conflicts=True)


@lru_cache(maxsize=10_000)
def _asked_of(version_id: int) -> frozenset[Measurand]:
    """Return what the prices of a tariff version depend on; one that a session uses never changes."""
    terms = TariffVersion.objects.get(pk=version_id).terms()
    asked = {Measurand.POWER: asks_for_power(terms), Measurand.CURRENT: asks_for_current(terms)}
    return frozenset(kind for kind, is_asked in asked.items() if is_asked)


@transaction.atomic(savepoint=False)
def record_connector_states(commands: tuple[ConnectorStateCommand, ...]) -> tuple[ConnectorStateOutcome, ...]:
    """Store what connectors report, extend the timelines of sessions, settle ended ones once Available."""
    if not commands:
        return ()
    record_connector_statuses(
        tuple(
            ConnectorStatusUpdate(
                station_id=command.station_id,
                evse_number=command.evse_number,
                connector_number=command.connector_number,
                status=_STATUS_OF[command.status],
                at=believed_at(command.at, command.received_at),
                received_at=command.received_at,
            )
            for command in commands
            if command.status in _STATUS_OF
        )
    )
    shared = _shared_evses(commands)
    telling = [command for command in commands if (command.station_id, command.evse_number) not in shared]
    sessions = _sessions_on(telling)
    spoken_of = [_whose_state(command, sessions) for command in commands]
    _store_states(commands, spoken_of)
    _settle_where_available(telling, sessions)
    return tuple(ConnectorStateOutcome(session_id=session.pk if session else None) for session in spoken_of)


def _shared_evses(commands: Sequence[ConnectorStateCommand]) -> set[EvseNumber]:
    """Find the EVSEs of which one connector's status says nothing of the vehicle: it may stand at another (OCPP 2.0.1).

    When all are Available it stands at none.
    """
    numbered = [command for command in commands if command.connector_number is not None]
    if not numbered:
        return set()
    statuses: dict[EvseNumber, list[str]] = {}
    for station_id, number, status in Connector.objects.filter(
        evse__station_id__in={command.station_id for command in numbered},
        evse__number__in={command.evse_number for command in numbered},
    ).values_list("evse__station_id", "evse__number", "status"):
        statuses.setdefault((station_id, number), []).append(status)
    return {evse for evse, told in statuses.items() if len(told) > 1 and {*told} != {ConnectorStatus.AVAILABLE}}


def _sessions_on(commands: Sequence[ConnectorStateCommand]) -> dict[EvseNumber, list[ChargingSession]]:
    """Load the sessions that may be spoken of, by EVSE, the latest begun first: those that are not settled.

    What comes late may speak of one that is: of those the sessions are loaded that began not long before it.
    """
    is_open = Q(status__in=[SessionStatus.LIVE, SessionStatus.UNRESOLVED, SessionStatus.ENDED])
    rows = list(_of_evses(commands).filter(is_open))
    late = [command for command in commands if command.received_at - command.at > _PROMPT]
    if late:
        since, until = min(command.at for command in late) - LONGEST_SESSION, max(command.at for command in late)
        rows += _of_evses(late).filter(~is_open, started_at__gte=since, started_at__lte=until)
    on_evses: dict[EvseNumber, list[ChargingSession]] = {}
    for session in sorted(rows, key=lambda session: (session.started_at, session.pk), reverse=True):
        on_evses.setdefault((session.station_id, session.evse.number), []).append(session)
    return on_evses


def _of_evses(commands: Iterable[ConnectorStateCommand]) -> "QuerySet[ChargingSession]":
    evses = {(command.station_id, command.evse_number) for command in commands}
    return ChargingSession.objects.filter(
        kind=ChargingSession.Kind.CHARGE,
        station_id__in={station_id for station_id, _ in evses},
        evse__number__in={number for _, number in evses},
    ).select_related("evse")


def _whose_state(
    command: ConnectorStateCommand, sessions: Mapping[EvseNumber, list[ChargingSession]]
) -> ChargingSession | None:
    """Find the session whose vehicle was at the connector at that instant of the station's clock.

    That of the latest session begun before, also after its stop: until it is gone nobody else can be there.
    """
    for session in sessions.get((command.station_id, command.evse_number), []):
        if session.started_at <= command.at:
            is_told = _is_running(session, command) or _may_still_stand_there(session, command)
            return session if is_told and _state_of(command, session) is not None else None
    return None


def _is_running(session: ChargingSession, command: ConnectorStateCommand) -> bool:
    return session.ended_at is None or command.at < session.ended_at


def _state_of(command: ConnectorStateCommand, session: ChargingSession) -> ReportedState | None:
    """Return what the status says of the session's vehicle; None: nothing."""
    status = _STATUS_OF.get(command.status)
    if status is None:
        return None
    if status in _NEXT and not _is_running(session, command):
        return ReportedState.UNKNOWN
    return STATE_OF.get(status)


def _may_still_stand_there(session: ChargingSession, command: ConnectorStateCommand) -> bool:
    """Tell whether the time after the stop is still open, and the station's clock can be believed about it."""
    is_open = session.status == SessionStatus.ENDED
    is_of_before = session.settled_at is not None and command.at <= session.settled_at
    return (is_open or is_of_before) and is_plausible(command.at, command.received_at)


def _store_states(commands: Sequence[ConnectorStateCommand], spoken_of: Sequence[ChargingSession | None]) -> None:
    placed = [(s, command) for s, command in zip(spoken_of, commands, strict=True) if s is not None]
    if not placed:
        return
    received_at = max(command.received_at for _, command in placed)
    note_late_evidence([session for session, _ in placed], received_at=received_at)
    rows = {
        (session.pk, command.at, state): StateChange(
            session_id=session.pk, at=command.at, state=state, frame_id=command.frame_id
        )
        for session, command in placed
        if (state := _state_of(command, session)) is not None
    }
    insert_rows([rows[key] for key in sorted(rows)], ignore_conflicts=True)


def _settle_where_available(
    commands: Iterable[ConnectorStateCommand], sessions: Mapping[EvseNumber, list[ChargingSession]]
) -> None:
    ended: dict[bool, dict[int, datetime]] = {True: {}, False: {}}
    for command in commands:
        if command.status == ConnectorStatus.AVAILABLE:
            is_of_now = not is_late(told_of=command.at, received_at=command.received_at)
            for session in sessions.get((command.station_id, command.evse_number), []):
                if session.status == SessionStatus.ENDED:
                    ended[is_of_now][session.pk] = command.received_at
    for is_of_now, received in ended.items():
        if received:
            settle_sessions(session_ids=sorted(received), at=max(received.values()), is_queue_told=is_of_now)
