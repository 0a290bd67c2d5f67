"""What the database refuses of the hardware."""

from datetime import timedelta

import pytest

from apps.stations.models import ChargingStation, Connector, Evse, Location, StationCommand
from tests.factories import NOON, make_evse, make_location, make_station
from tests.refusals import refused_by

pytestmark = pytest.mark.django_db


class TestHardware:
    def test_refuses_two_locations_of_one_name(self):
        location = make_location()

        with refused_by("location_name_unique_per_owner", Location):
            make_location(owner=location.owner, name=location.name)

    @pytest.mark.parametrize(
        ("identity", "name"),
        [("CP-1a", "identity"), ("cp-1A", "station_identity_unique_without_case")],
    )
    def test_refuses_an_identity_twice_also_in_other_capitals(self, identity, name):
        station = make_station(identity="CP-1a")

        with refused_by(name, ChargingStation):
            make_station(location=station.location, identity=identity)

    def test_refuses_an_evse_number_twice(self):
        evse = make_evse()

        with refused_by("evse_number_unique_per_station", Evse, Connector):
            make_evse(station=evse.station, number=1)

    def test_refuses_evse_zero_which_is_the_whole_station(self):
        station = make_station()

        with refused_by("evse_number_starts_at_one", Evse, Connector):
            make_evse(station=station, number=0)

    def test_refuses_a_connector_number_twice(self):
        evse = make_evse()

        with refused_by("connector_number_unique_per_evse", Connector):
            Connector.objects.create(evse=evse, number=1, max_power_w=11_000)

    def test_refuses_a_connector_without_power(self):
        evse = make_evse()

        with refused_by("connector_max_power_is_positive", Connector):
            Connector.objects.create(evse=evse, number=2, max_power_w=0)


class TestCommand:
    @pytest.mark.parametrize(
        "fields",
        [
            {"status": "requested", "sent_at": NOON},
            {"status": "requested", "ended_at": NOON},
            {"status": "sent"},
            {"status": "sent", "sent_at": NOON, "ended_at": NOON},
            {"status": "accepted", "sent_at": NOON},
            {"status": "rejected"},
            {"status": "timed_out"},
            {"status": "lost"},
        ],
    )
    def test_refuses_times_that_contradict_the_status(self, fields):
        station = make_station()

        with refused_by("command_times_match_status", StationCommand):
            StationCommand.objects.create(
                station=station,
                action="Reset",
                payload={},
                requested_at=NOON,
                deadline_at=NOON + timedelta(minutes=1),
                **fields,
            )
