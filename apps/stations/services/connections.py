"""Who may connect as which station, and which of its sockets is the newest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from apps.stations.domain.door import Certificate, SecurityProfile, shown_profile
from apps.stations.domain.status import RegistrationStatus
from apps.stations.models import ChargingStation
from apps.stations.services.keys import has_key, hash_key
from apps.stations.wakeups import wake_on_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLogin:
    """Which station has shown who it is; ``time_zone`` is its location's IANA name.

    only_protocol     the one version of OCPP that it may speak; "": whatever it offers
    profile           by which it comes · required_profile: below which it is not let in
    new_key_hash      of the key it showed, where that is the new one
    """

    station_id: int
    identity: str
    registration: RegistrationStatus
    time_zone: str
    only_protocol: str = ""
    profile: SecurityProfile = SecurityProfile.BASIC
    required_profile: SecurityProfile = SecurityProfile.BASIC
    new_key_hash: str = field(default="", repr=False)

    @property
    def is_let_in(self) -> bool:
        """Whether it comes by the profile that is asked of it, or a higher one."""
        return self.profile >= self.required_profile


def authenticate_station(
    *, identity: str, key: str | bytes | None, is_encrypted: bool = False, certificate: Certificate | None = None
) -> StationLogin | None:
    """Return the station if key or certificate are its own; None for an unknown identity and for wrong ones alike.

    identity     compared exactly, capitals and all
    key          as the header has it: the key's text, or the bytes whose hexadecimal text it is (OCPP-J 1.6 §6.2.2)
    certificate  of the client, verified

    Only reads. Whether the profile suffices says ``is_let_in``.
    """
    stations = ChargingStation.objects.select_related("location__owner", "new_key_command")
    station = stations.filter(identity=identity).first()
    hashes = _hashes(key)
    # The same work for an unknown identity, so that the time taken tells nothing either.
    is_old, is_new = has_key(station or ChargingStation(), hashes)
    if station is None:
        return None
    profile = shown_profile(
        is_encrypted=is_encrypted,
        has_key=is_old or is_new,
        has_certificate=certificate is not None
        and certificate.fits(
            serial=station.certificate_serial,
            operator=station.certificate_operator or station.location.owner.name,
        ),
    )
    if profile is None:
        return None
    return StationLogin(
        station_id=station.pk,
        identity=station.identity,
        registration=RegistrationStatus(station.registration),
        time_zone=station.location.time_zone,
        only_protocol=station.only_protocol,
        profile=profile,
        required_profile=SecurityProfile(station.security_profile),
        new_key_hash=station.new_key_hash if is_new else "",
    )


def _hashes(key: str | bytes | None) -> tuple[str, ...]:
    if key is None:
        return ()
    raw = key.encode() if isinstance(key, str) else key
    return hash_key(raw), hash_key(raw.hex())


@transaction.atomic
def connect_station(
    *,
    station_id: int,
    protocol: str,
    connected_at: datetime,
    profile: SecurityProfile = SecurityProfile.BASIC,
    new_key_hash: str = "",
) -> int:
    """Count a new authenticated socket and return its number; older ones hear of it and close (the newest wins).

    protocol      "1.6" or "2.0.1"
    new_key_hash  ``StationLogin.new_key_hash``: from now on that is the only key
    """
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    # Another one may have been made since the door looked.
    if new_key_hash and station.new_key_hash == new_key_hash:
        station.set_key_hash(new_key_hash)
    station.set_connected(protocol=protocol, profile=profile, at=connected_at)
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
