"""The rules of keys and profiles, apart from any socket."""

from datetime import timedelta

import pytest

from apps.stations import services
from apps.stations.domain.door import Certificate, SecurityProfile
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import CommandRefused
from apps.stations.services.adopting import CannotAdopt, adopt_station
from tests.factories import NOON, STATION_KEY, make_location, make_station

pytestmark = pytest.mark.django_db
FITTING = Certificate(common_names=("SN-1",), organisations=("Nordstrom",))


def log_in(station, **how):
    knock = services.Knock(identity=station.identity, **{"key": STATION_KEY, **how})
    (login,) = services.authenticate_stations([knock])
    return login


class TestRotateStationKey:
    def test_is_refused_while_one_is_on_its_way(self):
        station = make_station()
        services.rotate_station_key(station_id=station.pk, at=NOON, requested_by=None)

        with pytest.raises(CommandRefused, match="on its way already"):
            services.rotate_station_key(station_id=station.pk, at=NOON, requested_by=None)

        assert StationCommand.objects.count() == 1

    def test_is_refused_for_a_station_with_a_certificate(self):
        station = make_station(security_profile=3, certificate_serial="SN-1")

        with pytest.raises(CommandRefused, match="certificate"):
            services.rotate_station_key(station_id=station.pk, at=NOON, requested_by=None)

        assert not StationCommand.objects.exists()

    def test_ends_when_a_person_sets_a_key(self):
        station = make_station()
        command = services.rotate_station_key(station_id=station.pk, at=NOON, requested_by=None)
        sent = command.wire_payload()["value"]

        key = services.set_station_key(station_id=station.pk)

        assert log_in(station, key=sent) is None
        assert log_in(station, key=STATION_KEY) is None
        assert log_in(station, key=key) is not None

    def test_keeps_a_newer_key_when_an_older_login_comes_late(self):
        station = make_station()
        first = services.rotate_station_key(station_id=station.pk, at=NOON, requested_by=None)
        login = log_in(station, key=first.wire_payload()["value"])
        services.sweep_commands(at=NOON + timedelta(hours=1))
        second = services.rotate_station_key(station_id=station.pk, at=NOON, requested_by=None)

        entry = services.Entry(
            station_id=station.pk, protocol="1.6", connected_at=NOON, new_key_hash=login.new_key_hash
        )
        services.connect_stations([entry])

        station.refresh_from_db()
        assert station.new_key_command == second
        assert log_in(station) is not None


class TestTheProfileOfALogin:
    @pytest.mark.parametrize(
        ("how", "profile"),
        [
            ({}, SecurityProfile.BASIC),
            ({"is_encrypted": True}, SecurityProfile.BASIC_OVER_TLS),
            ({"is_encrypted": True, "certificate": FITTING}, SecurityProfile.CLIENT_CERTIFICATE),
            ({"is_encrypted": True, "certificate": FITTING, "key": None}, SecurityProfile.CLIENT_CERTIFICATE),
            ({"is_encrypted": False, "certificate": FITTING}, SecurityProfile.BASIC),
        ],
    )
    @pytest.mark.parametrize("required", SecurityProfile)
    def test_is_let_in_from_the_required_one_upwards(self, how, profile, required):
        station = make_station(
            security_profile=required.value, certificate_serial="SN-1", certificate_operator="Nordstrom"
        )

        login = log_in(station, **how)

        assert (login.profile, login.is_let_in) == (profile, profile >= required)

    @pytest.mark.parametrize(
        "certificate",
        [
            Certificate(common_names=("SN-2",), organisations=("Nordstrom",)),
            Certificate(common_names=("SN-1",), organisations=("Südstrom",)),
            Certificate(common_names=("SN-1", "SN-2"), organisations=("Nordstrom",)),
            Certificate(common_names=("SN-1",), organisations=()),
            Certificate(common_names=(), organisations=()),
        ],
    )
    def test_is_nothing_with_a_certificate_of_another(self, certificate):
        station = make_station(certificate_serial="SN-1", certificate_operator="Nordstrom")

        assert log_in(station, key=None, is_encrypted=True, certificate=certificate) is None

    def test_is_nothing_with_any_certificate_where_the_station_names_none(self):
        station = make_station(certificate_operator="Nordstrom")

        for names in ((), ("",), ("SN-1",)):
            certificate = Certificate(common_names=names, organisations=("Nordstrom",))
            assert log_in(station, key=None, is_encrypted=True, certificate=certificate) is None


class TestASecurityProfile:
    @pytest.mark.parametrize("fields", [{"security_profile": 2}, {"used_profile": 2}])
    def test_is_not_lowered_over_ocpp_below_what_the_door_knows(self, fields):
        station = make_station(**fields)

        with pytest.raises(CommandRefused, match="never lowered"):
            services.request_command(
                station_id=station.pk,
                action="ChangeConfiguration",
                payload={"key": "SecurityProfile", "value": "1"},
                requested_at=NOON,
                deadline_at=NOON + timedelta(minutes=1),
            )

        assert not StationCommand.objects.exists()


class TestAdoptStation:
    def test_makes_a_station_that_gets_in_with_its_key(self):
        location = make_location()

        station, key = adopt_station(location_id=location.pk, identity="DE*ABC:1")

        assert station.location == location
        assert log_in(station, key=key).identity == "DE*ABC:1"

    @pytest.mark.parametrize("identity", ["CP-1", "cp-1", "CP 1", "", "../CP-2", "CP-2\n", "СР-2", "X" * 49])
    def test_refuses_what_is_taken_or_no_identity(self, identity):
        make_station(identity="CP-1")
        location = make_location()

        with pytest.raises(CannotAdopt):
            adopt_station(location_id=location.pk, identity=identity)

        assert ChargingStation.objects.count() == 1
