"""What events of transactions say of their vehicles (OCPP 2.0.1 chargingState), and so of their connectors."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import transaction

from apps.core.rows import insert_rows
from apps.sessions.domain.clocks import believed_at
from apps.sessions.domain.commands import VehicleStateCommand
from apps.sessions.models import ChargingSession, StateChange
from apps.sessions.services.lookup import Transaction, by_transaction
from apps.sessions.services.revising import note_late_evidence
from apps.stations.models import Connector
from apps.stations.services import ConnectorStatusUpdate, record_connector_statuses


@transaction.atomic(savepoint=False)
def record_vehicle_states(commands: tuple[VehicleStateCommand, ...]) -> None:
    """Extend the timelines of sessions, each (session, instant, state) once, and show the state at their connectors."""
    if not commands:
        return
    sessions = by_transaction(
        ChargingSession.objects.select_related("evse"),
        ((command.station_id, command.transaction_id) for command in commands),
    )
    placed = [(sessions[key], command) for command in commands if (key := _key(command)) in sessions]
    if not placed:
        return
    received_at = max(command.received_at for _, command in placed)
    note_late_evidence([session for session, _ in placed], received_at=received_at)
    rows = {
        (session.pk, command.at, command.state): StateChange(
            session_id=session.pk, at=command.at, state=command.state, frame_id=command.frame_id
        )
        for session, command in placed
    }
    insert_rows([rows[key] for key in sorted(rows)], ignore_conflicts=True)
    record_connector_statuses(tuple(_updates(placed)))


def _key(command: VehicleStateCommand) -> Transaction:
    return command.station_id, command.transaction_id


def _updates(placed: Iterable[tuple[ChargingSession, VehicleStateCommand]]) -> Iterable[ConnectorStatusUpdate]:
    """Show each state at the connector that is named, or at the only one there is."""
    only = _only_connectors({session.evse_id for session, command in placed if command.connector_number is None})
    for session, command in placed:
        number = command.connector_number or only.get(session.evse_id)
        if command.connector_status is not None and number is not None:
            yield ConnectorStatusUpdate(
                station_id=command.station_id,
                evse_number=session.evse.number,
                connector_number=number,
                status=command.connector_status,
                at=believed_at(command.at, command.received_at),
                received_at=command.received_at,
            )


def _only_connectors(evse_ids: Iterable[int]) -> Mapping[int, int]:
    """Return the number of the connector of each EVSE that has but one."""
    numbers: defaultdict[int, list[int]] = defaultdict(list)
    for evse_id, number in Connector.objects.filter(evse_id__in=evse_ids).values_list("evse_id", "number"):
        numbers[evse_id].append(number)
    return {evse_id: told[0] for evse_id, told in numbers.items() if len(told) == 1}
