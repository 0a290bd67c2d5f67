"""What a person asks of a station: once, however often the button was hit."""

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


@transaction.atomic
def ask_station(
    *, station_id: int, call: StationCall, at: datetime, requested_by: User | None, patience: timedelta = PATIENCE
) -> StationCommand:
    """Ask a station for something; the same thing asked again while the first is still open is the first.

    :raises CommandRefused: it must not be asked
    """
    ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    action, payload = call
    masked = redact(dict(payload))
    # What holds a secret is asked anew: the mask does not tell whether it is the same one.
    same = StationCommand.objects.filter(
        station_id=station_id,
        action=action,
        payload=payload,
        sealed="",
        status__in=[CommandStatus.REQUESTED, CommandStatus.SENT],
        deadline_at__gt=at,
    ).first()
    if same is not None and masked == payload:
        return same
    return request_command(
        station_id=station_id,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + patience,
        requested_by=requested_by,
    )
