"""What arrives while a session runs: meter readings, vehicle states, and the stop when a grant's limit is reached."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from apps.sessions.domain.clocks import believed_at
from apps.sessions.domain.commands import (
    ConnectorStateCommand,
    ConnectorStateOutcome,
    MeterSample,
    ReadingsCommand,
    ReadingsOutcome,
)
from apps.sessions.domain.settling import is_late
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession, MeterReading, StateChange
from apps.sessions.services.limits import stop_at_limits
from apps.sessions.services.lookup import EvseNumber, by_transaction, live_by_evse
from apps.sessions.services.settling import settle_sessions
from apps.stations.domain.status import ConnectorStatus
from apps.stations.services import ConnectorStatusUpdate, record_connector_statuses
from apps.tariffs.domain.facts import VehicleState

STATE_OF: Final[Mapping[ConnectorStatus, VehicleState]] = {
    ConnectorStatus.CHARGING: VehicleState.CHARGING,
    ConnectorStatus.SUSPENDED_EV: VehicleState.IDLE,
    ConnectorStatus.SUSPENDED_EVSE: VehicleState.HELD_BACK,
}
_STATUS_OF: Final[Mapping[str, ConnectorStatus]] = {status.value: status for status in ConnectorStatus}


@transaction.atomic
def record_readings(commands: tuple[ReadingsCommand, ...]) -> tuple[ReadingsOutcome, ...]:
    """Store the readings of sessions, each (session, instant, energy) once; after the end too.

    A command without a transaction, or with an id that is not positive, belongs to its EVSE's live session; another
    station's id never matches. A session whose cost reaches its grant's limit is asked to stop, once. Notes stay with
    the raw frame: what a lost reading leaves open, the register check finds.
    """
    sessions = _sessions_of(commands)
    store_samples(
        (session, command.samples, command.frame_id)
        for session, command in zip(sessions, commands, strict=True)
        if session is not None
    )
    received = {
        session.pk: command.received_at
        for session, command in zip(sessions, commands, strict=True)
        if session is not None and session.status == SessionStatus.LIVE
    }
    stop_at_limits(received)
    return tuple(ReadingsOutcome(session_id=session.pk if session else None) for session in sessions)


def _sessions_of(commands: Sequence[ReadingsCommand]) -> list[ChargingSession | None]:
    """Find whose readings these are, in two queries."""
    sessions = ChargingSession.objects.all()
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
    MeterReading.objects.bulk_create([rows[key] for key in sorted(rows)], ignore_conflicts=True)


@transaction.atomic
def record_connector_states(commands: tuple[ConnectorStateCommand, ...]) -> tuple[ConnectorStateOutcome, ...]:
    """Store what connectors report, extend the timelines of sessions, settle ended ones once Available."""
    if not commands:
        return ()
    record_connector_statuses(
        tuple(
            ConnectorStatusUpdate(
                station_id=command.station_id,
                evse_number=command.evse_number,
                status=_STATUS_OF[command.status],
                at=believed_at(command.at, command.received_at),
            )
            for command in commands
            if command.status in _STATUS_OF
        )
    )
    sessions = _sessions_on({(command.station_id, command.evse_number) for command in commands})
    spoken_of = [_whose_state(command, sessions) for command in commands]
    _store_states(zip(commands, spoken_of, strict=True))
    _settle_where_available(commands, sessions)
    return tuple(ConnectorStateOutcome(session_id=session.pk if session else None) for session in spoken_of)


def _sessions_on(evses: set[EvseNumber]) -> dict[EvseNumber, list[ChargingSession]]:
    """Load the sessions of these EVSEs that are not settled, the latest begun first."""
    on_evses: dict[EvseNumber, list[ChargingSession]] = {}
    rows = ChargingSession.objects.filter(
        Q(status__in=[SessionStatus.LIVE, SessionStatus.UNRESOLVED, SessionStatus.ENDED]),
        station_id__in={station_id for station_id, _ in evses},
        evse__number__in={number for _, number in evses},
    )
    for session in rows.select_related("evse").order_by("-started_at", "-pk"):
        on_evses.setdefault((session.station_id, session.evse.number), []).append(session)
    return on_evses


def _whose_state(
    command: ConnectorStateCommand, sessions: Mapping[EvseNumber, list[ChargingSession]]
) -> ChargingSession | None:
    """Find the session that the connector's vehicle was in at that instant of the station's clock."""
    if _STATUS_OF.get(command.status) not in STATE_OF:
        return None
    for session in sessions.get((command.station_id, command.evse_number), []):
        if session.started_at <= command.at:
            is_running = session.ended_at is None or command.at < session.ended_at
            return session if is_running else None
    return None


def _store_states(pairs: Iterable[tuple[ConnectorStateCommand, ChargingSession | None]]) -> None:
    rows = {
        (session.pk, command.at, command.status): StateChange(
            session_id=session.pk,
            at=command.at,
            state=STATE_OF[_STATUS_OF[command.status]],
            frame_id=command.frame_id,
        )
        for command, session in pairs
        if session is not None
    }
    StateChange.objects.bulk_create([rows[key] for key in sorted(rows)], ignore_conflicts=True)


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
