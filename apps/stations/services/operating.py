"""What a person asks of a station: once, however often the button was hit."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.accounts.models import User
from apps.stations.domain.calls import StationCall
from apps.stations.domain.redaction import redact
from apps.stations.domain.status import CommandStatus
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services.commands import request_command

PATIENCE: Final = timedelta(seconds=60)
"""Long enough for a station that reconnects, short enough that nobody is surprised by a late start."""

_OF_ITS_OWN: Final[Mapping[str, frozenset[str]]] = {
    "GetBaseReport": frozenset({"requestId"}),
    "RequestStartTransaction": frozenset({"remoteStartId"}),
    "ReserveNow": frozenset({"id", "reservationId", "expiryDate", "expiryDateTime"}),
}
"""What differs between two hits of the same button."""


@transaction.atomic
def ask_station(
    *, station_id: int, call: StationCall, at: datetime, requested_by: User | None, patience: timedelta = PATIENCE
) -> StationCommand:
    """Ask a station for something; the same thing asked again while the first is still open is the first.

    :raises CommandRefused: it must not be asked
    """
    ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    same = _open_twin(station_id, call, at)
    if same is not None:
        return same
    action, payload = call
    return request_command(
        station_id=station_id,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + patience,
        requested_by=requested_by,
    )


def _open_twin(station_id: int, call: StationCall, at: datetime) -> StationCommand | None:
    """Return the open command that asks for the same, numbers drawn for each aside."""
    action, payload = call
    if redact(dict(payload)) != payload:
        # What holds a secret is asked anew: the mask does not tell whether it is the same one.
        return None
    open_ones = StationCommand.objects.filter(
        station_id=station_id,
        action=action,
        status__in=[CommandStatus.REQUESTED, CommandStatus.SENT],
        deadline_at__gt=at,
    )
    wanted = _without_own(action, payload)
    return next((one for one in open_ones if _without_own(action, one.payload) == wanted), None)


def _without_own(action: str, payload: Mapping[str, object]) -> dict[str, object]:
    own = _OF_ITS_OWN.get(action, frozenset())
    return {name: value for name, value in payload.items() if name not in own}
