"""What a station reports of itself: its make at boot, and the status of its connectors."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from apps.stations.domain.status import ConnectorStatus, RegistrationStatus
from apps.stations.models import ChargingStation
from apps.stations.wakeups import tell_boards_on_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStatusUpdate:
    """A connector is in ``status`` since ``at``; evse_number 0 is the whole station (OCPP 1.6 §4.9).

    at                by the station's clock, which may run ahead of ours
    received_at       when we heard of it
    connector_number  within the EVSE (OCPP 2.0.1); None: all of the EVSE's, as in 1.6
    """

    station_id: int
    evse_number: int
    status: ConnectorStatus
    at: datetime
    received_at: datetime
    connector_number: int | None = None


@transaction.atomic
def record_boot(
    *, station_id: int, vendor: str, model: str, serial_number: str, firmware_version: str, at: datetime
) -> RegistrationStatus:
    """Store what the station says it is and return how it is registered (OCPP 1.6 §4.2); texts are cut to 50."""
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    station.set_booted(
        vendor=vendor[:50],
        model=model[:50],
        serial_number=serial_number[:50],
        firmware_version=firmware_version[:50],
        at=at,
    )
    return RegistrationStatus(station.registration)


def record_connector_statuses(updates: tuple[ConnectorStatusUpdate, ...]) -> None:
    """Store the newest status of each connector, in one statement.

    Older than what is stored changes nothing, nor does a report on the whole station or on an unknown EVSE. What a
    clock that ran ahead dated into the future gives way to whatever is told next; else it would hide it until then.
    """
    newest: dict[tuple[int, int, int | None], ConnectorStatusUpdate] = {}
    for update in sorted(updates, key=lambda update: min(update.at, update.received_at)):
        if update.evse_number:
            newest[update.station_id, update.evse_number, update.connector_number] = update
    if not newest:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH told AS (
                SELECT * FROM unnest(
                    %s::bigint[], %s::int[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[]
                )
                    AS t (station_id, evse_number, connector_number, status, at, received_at)
            ), locked AS (
                SELECT c.id, told.status, told.at
                FROM told
                JOIN stations_evse e ON e.station_id = told.station_id AND e.number = told.evse_number
                JOIN stations_connector c ON c.evse_id = e.id AND c.number = COALESCE(told.connector_number, c.number)
                WHERE c.status_at IS NULL OR c.status_at <= told.at OR c.status_at > told.received_at
                ORDER BY c.id FOR NO KEY UPDATE OF c
            )
            UPDATE stations_connector c SET status = locked.status, status_at = locked.at
            FROM locked WHERE c.id = locked.id
            """,
            [
                [update.station_id for update in newest.values()],
                [update.evse_number for update in newest.values()],
                [update.connector_number for update in newest.values()],
                [update.status.value for update in newest.values()],
                [update.at for update in newest.values()],
                [update.received_at for update in newest.values()],
            ],
        )
    tell_boards_on_commit(update.station_id for update in newest.values())
