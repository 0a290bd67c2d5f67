"""The keys by which stations show who they are, and their renewal over OCPP (security whitepaper A01, 2.0.1 A01).

Stored only as HMAC-SHA-256. While a new key is on its way both count: the station may have taken it although nobody
heard so. From the first connection with the new key the old one is nothing.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.stations.domain.calls import key_call
from apps.stations.domain.door import SecurityProfile
from apps.stations.domain.status import CommandStatus
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services.commands import request_command
from apps.stations.services.security_profile import CommandRefused

KEY_BYTES: Final = 20
OPEN: Final = (CommandStatus.REQUESTED, CommandStatus.SENT)
ROTATION_PATIENCE: Final = timedelta(minutes=10)
"""How long a new key waits for a station that is away."""
DOUBT: Final = timedelta(days=30)
"""How long a key counts that was sent and never answered for: the station may have taken it all the same."""


def new_station_key() -> str:
    """Return a new random key: 160 bit as 40 hexadecimal digits, the longest that OCPP 1.6 security profile 1 takes."""
    return secrets.token_hex(KEY_BYTES)


def hash_key(key: str | bytes) -> str:
    """Return what is stored of a key: its HMAC-SHA-256 under the server's key, hexadecimal.

    No slow hash: the key is random, and a thousand stations may return at once.
    """
    text = key.encode() if isinstance(key, str) else key
    return hmac.new(settings.STATION_KEY_SECRET.encode(), text, sha256).hexdigest()


@transaction.atomic
def set_station_key(*, station_id: int) -> str:
    """Give a station a new key and return it, the only time it is ever shown; the old one ceases to work."""
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    key = new_station_key()
    station.set_key_hash(hash_key(key))
    return key


@transaction.atomic
def rotate_station_key(*, station_id: int, at: datetime, requested_by: User | None) -> StationCommand:
    """Send a station a new key, which nobody sees; both count until the station first comes with the new one.

    :raises CommandRefused: a new key is on its way already, or the station comes by certificate
    """
    station = (
        ChargingStation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("new_key_command")
        .get(pk=station_id)
    )
    if station.security_profile == SecurityProfile.CLIENT_CERTIFICATE:
        raise CommandRefused("This station comes by its certificate; it has no key to renew.")
    if station.new_key_command is not None and station.new_key_command.status in OPEN:
        raise CommandRefused("A new key is on its way already. Wait for the station's answer.")
    key = new_station_key()
    action, payload = key_call(station.protocol, key=key)
    command = request_command(
        station_id=station_id,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + ROTATION_PATIENCE,
        requested_by=requested_by,
    )
    station.set_new_key(key_hash=hash_key(key), command=command)
    return command


def has_key(station: ChargingStation, hashes: tuple[str, ...]) -> tuple[bool, bool]:
    """Return whether one of ``hashes`` is the station's key, and whether it is its new one; in constant time."""
    is_old = _is_among(station.key_hash, hashes)
    is_new = _is_among(station.new_key_hash, hashes) and _may_be_held(station.new_key_command)
    return is_old, is_new


def sweep_keys(*, at: datetime) -> int:
    """Forget the new keys that no station holds and return how many those were.

    A station that refused a key, or never saw it, does not hold it. One that was sent a key and did not answer may.
    """
    refused = Q(new_key_command__status=CommandStatus.REJECTED)
    unanswered = Q(new_key_command__status=CommandStatus.TIMED_OUT)
    unseen = unanswered & Q(new_key_command__sent_at__isnull=True)
    doubtful = unanswered & Q(new_key_command__ended_at__lte=at - DOUBT)
    lost = ChargingStation.objects.filter(refused | unseen | doubtful).values_list("pk", "new_key_hash")
    # By its hash, so that a key which is made at this very moment stays.
    return sum(
        ChargingStation.objects.filter(pk=pk, new_key_hash=key_hash).update(new_key_hash="", new_key_command=None)
        for pk, key_hash in lost
    )


def _may_be_held(command: StationCommand | None) -> bool:
    """Say whether the station may hold the key that this command brings; the sweep only tidies up."""
    if command is None or command.status == CommandStatus.REJECTED:
        return False
    return command.status != CommandStatus.TIMED_OUT or command.sent_at is not None


def _is_among(stored: str, hashes: tuple[str, ...]) -> bool:
    # Every comparison is made, whatever the first one says.
    return sum(hmac.compare_digest(shown, stored.ljust(64, "-")) for shown in hashes) > 0
