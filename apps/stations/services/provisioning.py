"""Making stations, EVSEs and connectors many at a time: from an owner's plan, or as a station reports itself."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Lower

from apps.stations.domain.plans import PlannedConnector, Problem
from apps.stations.domain.reported import ReportedConnector, reported_connectors
from apps.stations.models import ChargingStation, Connector, Evse, Location
from apps.stations.services.keys import hash_key, new_station_key


class PlanRefused(Exception):
    """A plan does not fit what is there; nothing was made. ``problems`` says where."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("The plan does not fit what is there.")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStation:
    """A station that was made; ``key`` is shown this once."""

    location: str
    identity: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnector:
    """A connector that a station reports, as its owner confirms it."""

    evse: int
    connector: int
    kind: str
    max_power_w: int


@transaction.atomic
def check_plan(*, owner_id: int, connectors: Sequence[PlannedConnector]) -> tuple[Problem, ...]:
    """Return what of a plan does not fit the owner's sites and stations; empty: it can be carried out."""
    return tuple(_misfits(owner_id, connectors))


@transaction.atomic
def carry_out_plan(*, owner_id: int, connectors: Sequence[PlannedConnector]) -> tuple[NewStation, ...]:
    """Make all that a plan names and that is not there, or nothing; return the new stations with their keys.

    Carrying it out again makes nothing.

    :raises PlanRefused: it does not fit what is there
    """
    # Two imports of one file at once: the second waits, and finds everything there.
    locations = {
        location.name: location
        for location in Location.objects.select_for_update(no_key=True).filter(
            owner_id=owner_id, name__in={one.location for one in connectors}
        )
    }
    if problems := tuple(_misfits(owner_id, connectors)):
        raise PlanRefused(problems)
    made: dict[str, NewStation] = {}
    stations = {station.identity: station for station in _stations(connectors)}
    for one in connectors:
        if one.station not in stations:
            key = new_station_key()
            stations[one.station] = ChargingStation.objects.create(
                location=locations[one.location], identity=one.station, key_hash=hash_key(key)
            )
            made[one.station] = NewStation(location=one.location, identity=one.station, key=key)
        _add_connector(stations[one.station], one)
    return tuple(made.values())


def _misfits(owner_id: int, connectors: Sequence[PlannedConnector]) -> Iterator[Problem]:
    names = set(Location.objects.filter(owner_id=owner_id).values_list("name", flat=True))
    stations = {station.identity.lower(): station for station in _stations(connectors)}
    there = {
        (connector.evse.station_id, connector.evse.number, connector.number): connector
        for connector in Connector.objects.filter(evse__station__in=stations.values()).select_related("evse")
    }
    for one in connectors:
        if one.location not in names:
            yield Problem(line=one.line, column="location", message="You have no location of this name: make it first.")
            continue
        station = stations.get(one.station.lower())
        if station is None:
            continue
        if station.location.owner_id != owner_id or station.identity != one.station:
            yield Problem(line=one.line, column="station", message="A station with this identity exists already.")
        elif station.location.name != one.location:
            message = f"This station is at “{station.location.name}”."
            yield Problem(line=one.line, column="location", message=message)
        elif connector := there.get((station.pk, one.evse, one.connector)):
            for column, has in (("kind", connector.kind), ("max_power_w", connector.max_power_w)):
                if has != getattr(one, column):
                    message = f"This connector is there with {has}: change it on its page."
                    yield Problem(line=one.line, column=column, message=message)


def _stations(connectors: Iterable[PlannedConnector]) -> Iterable[ChargingStation]:
    wanted = {one.station.lower() for one in connectors}
    return ChargingStation.objects.alias(lower=Lower("identity")).filter(lower__in=wanted).select_related("location")


def _add_connector(station: ChargingStation, one: PlannedConnector | NewConnector) -> None:
    evse, _ = Evse.objects.get_or_create(station=station, number=one.evse)
    Connector.objects.get_or_create(
        evse=evse, number=one.connector, defaults={"kind": one.kind, "max_power_w": one.max_power_w}
    )


def missing_connectors(station: ChargingStation) -> tuple[ReportedConnector, ...]:
    """Return the connectors that a station reports of itself and that are not there."""
    told = reported_connectors(dict(station.configuration.filter(is_secret=False).values_list("name", "value")))
    there = set(Connector.objects.filter(evse__station=station).values_list("evse__number", "number"))
    return tuple(one for one in told if (one.evse, one.connector) not in there)


@transaction.atomic
def add_reported_connectors(*, station_id: int, connectors: Sequence[NewConnector]) -> int:
    """Make those of the confirmed connectors that the station still reports and that are not there; return how many."""
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    missing = {(one.evse, one.connector) for one in missing_connectors(station)}
    wanted = [one for one in connectors if (one.evse, one.connector) in missing]
    for one in wanted:
        _add_connector(station, one)
    return len(wanted)
