"""Commands down to a station: the row is the truth, the wire follows it, and each one ends (I15)."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.stations.domain.calls import start_call
from apps.stations.domain.redaction import redact
from apps.stations.domain.status import CommandStatus, advance
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.sealing import seal
from apps.stations.services.security_profile import refuse_lower_profile
from apps.stations.wakeups import tell_boards_on_commit, wake_on_commit


@transaction.atomic
def request_command(
    *,
    station_id: int,
    action: str,
    payload: Mapping[str, object],
    requested_at: datetime,
    deadline_at: datetime,
    requested_by: User | None = None,
    reason: str = "",
) -> StationCommand:
    """Ask for a command to be sent; whoever holds the station's socket takes it, now or until the deadline.

    action, payload  of the version that the station speaks, e.g. ``RemoteStopTransaction``, ``{"transactionId": 17}``
    requested_by     None: the system · reason: why the system asks, a sentence

    Secrets in the payload are kept encrypted, and only until the command ends.

    :raises CommandRefused: it would lower the station's security profile
    """
    refuse_lower_profile(station_id=station_id, action=action, payload=payload)
    masked = redact(dict(payload))
    command = StationCommand.objects.create(
        station_id=station_id,
        action=action,
        payload=masked,
        sealed="" if masked == payload else seal(dict(payload)),
        requested_at=requested_at,
        deadline_at=deadline_at,
        requested_by=requested_by,
        reason=reason[:200],
    )
    wake_on_commit(station_id, "station.commands")
    return command


@transaction.atomic
def request_start(
    *,
    station_id: int,
    evse_number: int,
    token: str,
    requested_at: datetime,
    deadline_at: datetime,
    requested_by: User | None = None,
    reason: str = "",
) -> StationCommand:
    """Ask for a start with ``token`` on an EVSE, in the words of the version that the station speaks."""
    action, payload = start_call(
        _protocol_of(station_id),
        evse_number=evse_number,
        token=token,
        remote_start_id=secrets.randbelow(2**31 - 1) + 1,
    )
    return request_command(
        station_id=station_id,
        action=action,
        payload=payload,
        requested_at=requested_at,
        deadline_at=deadline_at,
        requested_by=requested_by,
        reason=reason,
    )


def _protocol_of(station_id: int) -> str:
    return ChargingStation.objects.values_list("protocol", flat=True).get(pk=station_id)


def take_commands(*, station_ids: Collection[int], at: datetime) -> list[StationCommand]:
    """Claim the requested commands of these stations, oldest first: they are sent from now on, by the caller alone.

    Each gets its OCPP-J message id here. One statement; what another process is taking is passed over. Of notices
    one at a time is claimed, and none while a command waits, so that a display never holds up more than one answer.
    """
    if not station_ids:
        return []
    taken = StationCommand.objects.raw(
        """
        UPDATE stations_stationcommand SET status = 'sent', sent_at = %(at)s, message_id = gen_random_uuid()::text
        WHERE id IN (
            SELECT id FROM stations_stationcommand mine
            WHERE station_id = ANY(%(stations)s) AND status = 'requested' AND deadline_at > %(at)s
                AND (topic = '' OR NOT EXISTS (
                    SELECT FROM stations_stationcommand other
                    WHERE other.station_id = mine.station_id AND other.status = 'requested'
                        AND other.deadline_at > %(at)s AND (other.topic = '' OR other.id < mine.id)
                ))
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        )
        RETURNING *
        """,
        {"at": at, "stations": list(station_ids)},
    )
    commands = sorted(taken, key=lambda command: command.pk)
    tell_boards_on_commit(command.station_id for command in commands)
    return commands


@transaction.atomic
def finish_command(
    *, station_id: int, message_id: str, accepted: bool, answer: Mapping[str, object] | None, at: datetime
) -> bool:
    """End a sent command by the station's answer and return whether this very call ended it.

    The first outcome wins: an answer that is late, repeated or to nothing we sent changes nothing and returns False.
    """
    command = (
        StationCommand.objects.select_for_update(no_key=True)
        .filter(station_id=station_id, message_id=message_id, status=CommandStatus.SENT)
        .first()
    )
    if command is None:
        return False
    outcome = CommandStatus.ACCEPTED if accepted else CommandStatus.REJECTED
    command.set_ended(
        status=advance(CommandStatus(command.status), outcome),
        answer=None if answer is None else redact(dict(answer)),
        at=at,
    )
    tell_boards_on_commit([station_id])
    return True


def sweep_commands(*, at: datetime) -> int:
    """Time out the open commands whose deadline has passed and return how many those were."""
    is_open = Q(status__in=[CommandStatus.REQUESTED, CommandStatus.SENT])
    overdue = StationCommand.objects.filter(is_open, deadline_at__lte=at)
    station_ids = set(overdue.values_list("station_id", flat=True))
    count = overdue.update(status=CommandStatus.TIMED_OUT, ended_at=at, sealed="")
    tell_boards_on_commit(station_ids)
    return count
