"""Find pay codes: by what a driver scanned, and by the site whose stickers are printed; and the keys of meters."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.stations.domain.calls import START_ACTIONS
from apps.stations.domain.status import CommandStatus
from apps.stations.models import ONLINE_FOR, Location, MeterKey, PayCode, StationCommand

LONGEST_RESERVATION: Final = timedelta(days=31)


def find_pay_code(code: str) -> PayCode | None:
    """Return the code with its connector, station and site; None for an unknown and for a revoked one alike."""
    codes = PayCode.objects.select_related("connector__evse__station__location__owner")
    return codes.filter(code=code, revoked_at__isnull=True).first()


def find_location_of_code(code: str) -> Location | None:
    """Return the site whose sticker bears or once bore a code, with its owner: an old sticker too says whose it is."""
    found = Location.objects.filter(stations__evses__connectors__pay_codes__code=code).select_related("owner")
    return found.first() if code else None


def connector_number_of(code: str) -> int:
    """Return the number, within its EVSE, of the connector that bears or bore a code."""
    return PayCode.objects.values_list("connector__number", flat=True).get(code=code)


def find_start_commands(*, station_id: int, evse_number: int) -> QuerySet[StationCommand]:
    """Return the commands by which a station was asked to start at one of its EVSEs, whatever version it speaks."""
    here = Q(payload__connectorId=evse_number) | Q(payload__evseId=evse_number)
    return StationCommand.objects.filter(here, station_id=station_id, action__in=START_ACTIONS)


def find_remote_starts(started: Collection[tuple[int, int]]) -> dict[tuple[int, int], StationCommand]:
    """Return which command each remote start of OCPP 2.0.1 was asked by: the newest of its number.

    started  (station id, remoteStartId)
    """
    if not started:
        return {}
    commands = StationCommand.objects.filter(
        station_id__in={station_id for station_id, _ in started},
        action="RequestStartTransaction",
        payload__remoteStartId__in=sorted({number for _, number in started}),
    ).order_by("pk")
    return {(command.station_id, command.payload["remoteStartId"]): command for command in commands}


def codes_to_print(codes: QuerySet[PayCode]) -> QuerySet[PayCode]:
    """Return the codes that are good, in the order in which somebody walks along the connectors."""
    return (
        codes.filter(revoked_at__isnull=True)
        .select_related("connector__evse__station__location__owner")
        .order_by(
            "connector__evse__station__location__name",
            "connector__evse__station__identity",
            "connector__evse__number",
            "connector__number",
            "pk",
        )
    )


def meter_keys_at(*, station_id: int, evse_id: int, at: datetime) -> "QuerySet[MeterKey]":
    """Return the adopted keys that may have signed what the EVSE's meter measured at an instant, the newest first."""
    return MeterKey.objects.filter(
        Q(evse_id=evse_id) | Q(evse__isnull=True),
        Q(valid_from__isnull=True) | Q(valid_from__lte=at),
        Q(valid_to__isnull=True) | Q(valid_to__gt=at),
        station_id=station_id,
        adopted_at__isnull=False,
    ).order_by("-adopted_at", "-pk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a station keeps for a card."""

    reservation_id: int
    evse_number: int
    token: str
    expires_at: datetime


def kept_reservations(station_id: int, *, at: datetime) -> list[Reservation]:
    """Return the reservations that a station accepted, that are not over and were not given up."""
    commands = StationCommand.objects.filter(station_id=station_id, status=CommandStatus.ACCEPTED)
    given_up = set(commands.filter(action="CancelReservation").values_list("payload__reservationId", flat=True))
    made = commands.filter(action="ReserveNow", requested_at__gt=at - LONGEST_RESERVATION).order_by("pk")
    found = [read_reservation(command.payload) for command in made]
    return [one for one in found if one.expires_at > at and one.reservation_id not in given_up]


def read_reservation(payload: Mapping[str, Any]) -> Reservation:
    """Read a ReserveNow of either version; EVSE number 0: any of the station's."""
    expires_at = datetime.fromisoformat(payload.get("expiryDate") or payload["expiryDateTime"])
    return Reservation(
        reservation_id=payload.get("reservationId", payload.get("id", 0)),
        evse_number=payload.get("connectorId", payload.get("evseId", 0)) or 0,
        token=payload["idTag"] if "idTag" in payload else payload["idToken"]["idToken"],
        expires_at=expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC),
    )


def online(at: datetime) -> Q:
    """Return the condition that a station holds a socket; see ``ChargingStation.is_online``."""
    return Q(disconnected_at__isnull=True, last_seen_at__gt=at - ONLINE_FOR)
