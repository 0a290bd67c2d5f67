"""Who may connect as which station, and which of its sockets is the newest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from apps.stations.domain.door import Certificate, SecurityProfile, shown_profile
from apps.stations.domain.status import RegistrationStatus
from apps.stations.models import ChargingStation
from apps.stations.services.keys import has_key, hash_key
from apps.stations.wakeups import tell_boards_on_commit, wake_on_commit


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """What somebody shows who wants in as a station.

    identity     compared exactly, capitals and all
    key          as the header has it: the key's text, or the bytes whose hexadecimal text it is (OCPP-J 1.6 §6.2.2)
    certificate  of the client, verified
    """

    identity: str
    key: str | bytes | None = field(repr=False)
    is_encrypted: bool = False
    certificate: Certificate | None = None


def authenticate_stations(knocks: Sequence[Knock]) -> list[StationLogin | None]:
    """Return, in order, whose key or certificate was shown; None for an unknown identity and for wrong ones alike.

    Only reads, in one query. Whether the profile suffices says ``is_let_in``.
    """
    stations = ChargingStation.objects.select_related("location__owner", "new_key_command")
    known = {station.identity: station for station in stations.filter(identity__in={one.identity for one in knocks})}
    return [_authenticate(known.get(knock.identity), knock) for knock in knocks]


def _authenticate(station: ChargingStation | None, knock: Knock) -> StationLogin | None:
    hashes = _hashes(knock.key)
    # The same work for an unknown identity, so that the time taken tells nothing either.
    is_old, is_new = has_key(station or ChargingStation(), hashes)
    if station is None:
        return None
    profile = shown_profile(
        is_encrypted=knock.is_encrypted,
        has_key=is_old or is_new,
        has_certificate=knock.certificate is not None
        and knock.certificate.fits(
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A station that is let in by a new socket.

    protocol      "1.6" or "2.0.1"
    new_key_hash  ``StationLogin.new_key_hash``: from now on that is the only key
    """

    station_id: int
    protocol: str
    connected_at: datetime
    profile: SecurityProfile = SecurityProfile.BASIC
    new_key_hash: str = field(default="", repr=False)


@transaction.atomic
def connect_stations(entries: Sequence[Entry], *, wait: bool = True) -> list[int | None]:
    """Count new authenticated sockets and return their numbers; older ones hear of it and close (the newest wins).

    None: the station is no more; or, unless ``wait``, somebody holds its row, and so it would hold up all the others.
    """
    rows = ChargingStation.objects.select_for_update(no_key=True, skip_locked=not wait)
    stations = {row.pk: row for row in rows.filter(pk__in={one.station_id for one in entries}).order_by("pk")}
    numbers: list[int | None] = []
    for entry in entries:
        station = stations.get(entry.station_id)
        numbers.append(None if station is None else _connect(station, entry))
    _save_connected(list(stations.values()))
    for station in stations.values():
        wake_on_commit(station.pk, "station.connected", connection_no=station.connection_no)
    return numbers


def _connect(station: ChargingStation, entry: Entry) -> int:
    # Another one may have been made since the door looked.
    if entry.new_key_hash and station.new_key_hash == entry.new_key_hash:
        station.set_key_hash(entry.new_key_hash)
    station.count_connection(protocol=entry.protocol, profile=entry.profile, at=entry.connected_at)
    return station.connection_no


def _save_connected(stations: Sequence[ChargingStation]) -> None:
    """Write what ``count_connection`` has set, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE stations_chargingstation s
            SET connection_no = t.connection_no, protocol = t.protocol, used_profile = t.used_profile,
                connected_at = t.at, last_seen_at = t.at, disconnected_at = NULL
            FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::smallint[], %s::timestamptz[])
                AS t (id, connection_no, protocol, used_profile, at)
            WHERE s.id = t.id
            """,
            [
                [station.pk for station in stations],
                [station.connection_no for station in stations],
                [station.protocol for station in stations],
                [station.used_profile for station in stations],
                [station.connected_at for station in stations],
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A socket that has closed."""

    station_id: int
    connection_no: int
    at: datetime


@transaction.atomic
def disconnect_stations(exits: Sequence[Exit]) -> list[bool]:
    """Note that stations' newest sockets have closed; False for one that is not its station's newest."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH closed AS (
                SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS t (id, connection_no, at)
            ), locked AS (
                SELECT s.id, closed.at FROM stations_chargingstation s
                JOIN closed ON closed.id = s.id AND closed.connection_no = s.connection_no
                ORDER BY s.id FOR NO KEY UPDATE OF s
            )
            UPDATE stations_chargingstation s SET disconnected_at = locked.at FROM locked WHERE s.id = locked.id
            RETURNING s.id, s.connection_no
            """,
            [[one.station_id for one in exits], [one.connection_no for one in exits], [one.at for one in exits]],
        )
        noted = set(cursor.fetchall())
    tell_boards_on_commit(station_id for station_id, _ in noted)
    return [(one.station_id, one.connection_no) in noted for one in exits]


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
