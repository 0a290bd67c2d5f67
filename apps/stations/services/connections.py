"""Who may connect as which station, and which of its sockets is the newest."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction

from apps.stations.domain.status import RegistrationStatus
from apps.stations.models import ChargingStation
from apps.stations.wakeups import wake_on_commit

KEY_BYTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLogin:
    """Which station has shown its key; ``time_zone`` is its location's IANA name.

    only_protocol  the one version of OCPP that it may speak; "": whatever it offers
    """

    station_id: int
    identity: str
    registration: RegistrationStatus
    time_zone: str
    only_protocol: str = ""


def new_station_key() -> str:
    """Return a new random key: 160 bit as 40 hexadecimal digits, the longest that OCPP 1.6 security profile 1 takes."""
    return secrets.token_hex(KEY_BYTES)


def hash_key(key: str) -> str:
    """Return what is stored of a key: its HMAC-SHA-256 under the server's key, hexadecimal.

    No slow hash: the key is random, and a thousand stations may return at once.
    """
    return hmac.new(settings.STATION_KEY_SECRET.encode(), key.encode(), sha256).hexdigest()


@transaction.atomic
def set_station_key(*, station_id: int) -> str:
    """Give a station a new key and return it, the only time it is ever shown; the old one ceases to work."""
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    key = new_station_key()
    station.set_key_hash(hash_key(key))
    return key


def authenticate_station(*, identity: str, key: str) -> StationLogin | None:
    """Return the station if the key is its own; None for an unknown identity and for a wrong key alike. Only reads.

    identity  compared exactly, capitals and all
    """
    station = ChargingStation.objects.select_related("location").filter(identity=identity).first()
    # The same work for an unknown identity, so that the time taken tells nothing either.
    stored = station.key_hash if station else ""
    is_right = hmac.compare_digest(hash_key(key), stored.ljust(64, "-"))
    if station is None or not is_right:
        return None
    return StationLogin(
        station_id=station.pk,
        identity=station.identity,
        registration=RegistrationStatus(station.registration),
        time_zone=station.location.time_zone,
        only_protocol=station.only_protocol,
    )


@transaction.atomic
def connect_station(*, station_id: int, protocol: str, connected_at: datetime) -> int:
    """Count a new authenticated socket and return its number; older ones hear of it and close (the newest wins).

    protocol  "1.6" or "2.0.1"
    """
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    station.set_connected(protocol=protocol, at=connected_at)
    wake_on_commit(station_id, "station.connected", connection_no=station.connection_no)
    return station.connection_no


@transaction.atomic
def disconnect_station(*, station_id: int, connection_no: int, at: datetime) -> bool:
    """Note that a station's newest socket has closed; False if it has another one by now, or an older one closed."""
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    if station.connection_no != connection_no:
        return False
    station.set_disconnected(at=at)
    return True


def touch_stations(seen: Mapping[int, datetime]) -> None:
    """Note when stations were last heard of, in one statement; an older instant than the stored one changes nothing.

    seen  station id → instant
    """
    if not seen:
        return
    with connection.cursor() as cursor:
        # Locked in pk order, so that two processes that hold a station each cannot wait for one another.
        cursor.execute(
            """
            WITH seen AS (
                SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]) AS t (id, at)
            ), locked AS (
                SELECT s.id, seen.at FROM stations_chargingstation s JOIN seen ON seen.id = s.id
                WHERE s.last_seen_at IS NULL OR s.last_seen_at < seen.at
                ORDER BY s.id FOR NO KEY UPDATE OF s
            )
            UPDATE stations_chargingstation s SET last_seen_at = locked.at FROM locked WHERE s.id = locked.id
            """,
            [list(seen.keys()), list(seen.values())],
        )
