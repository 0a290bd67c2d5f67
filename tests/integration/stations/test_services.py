from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction

from apps.core.audit import find_violations
from apps.core.clock import now
from apps.stations import services
from apps.stations.domain.status import ConnectorStatus, RegistrationStatus
from apps.stations.models import ChargingStation, Connector, StationCommand
from apps.stations.services import ConnectorStatusUpdate, StationLogin
from tests.factories import NOON, STATION_KEY, make_evse, make_station

pytestmark = pytest.mark.django_db


def log_in(identity: str, key: str):
    (login,) = services.authenticate_stations([services.Knock(identity=identity, key=key)])
    return login


def entry(station, **fields) -> services.Entry:
    return services.Entry(**{"station_id": station.pk, "protocol": "1.6", "connected_at": NOON, **fields})


def connect(station) -> int | None:
    (number,) = services.connect_stations([entry(station)])
    return number


class TestAuthenticateStations:
    def test_knows_a_station_by_identity_and_key(self):
        station = make_station()

        login = log_in(station.identity, STATION_KEY)

        assert login == StationLogin(
            station_id=station.pk,
            identity=station.identity,
            registration=RegistrationStatus.ACCEPTED,
            time_zone="Europe/Berlin",
        )

    @pytest.mark.parametrize(
        ("identity", "key"),
        [("CP-1", "wrong"), ("CP-1", ""), ("cp-1", STATION_KEY), ("CP-2", STATION_KEY), ("", "")],
    )
    def test_answers_none_to_the_wrong_and_to_the_unknown(self, identity, key):
        make_station(identity="CP-1")

        assert log_in(identity, key) is None

    def test_refuses_a_station_without_a_key(self):
        station = make_station(key_hash="")

        assert log_in(station.identity, "") is None
        assert log_in(station.identity, "-" * 64) is None

    def test_tells_many_apart_in_the_order_in_which_they_knock(self):
        mine, other = make_station(key="mine"), make_station(key="other")
        shown = [(mine, "mine"), (other, "mine"), (other, "other"), (mine, "other"), (mine, "mine")]

        logins = services.authenticate_stations(
            [services.Knock(identity=station.identity, key=key) for station, key in shown]
        )

        assert [login and login.station_id for login in logins] == [mine.pk, None, other.pk, None, mine.pk]

    def test_costs_one_query_and_writes_nothing(self, django_assert_num_queries):
        station = make_station()
        before = ChargingStation.objects.values().get()

        with django_assert_num_queries(1):
            log_in(station.identity, STATION_KEY)

        assert ChargingStation.objects.values().get() == before


class TestSetStationKey:
    def test_returns_the_new_key_once_and_stores_only_its_hash(self):
        station = make_station()

        key = services.set_station_key(station_id=station.pk)

        station.refresh_from_db()
        assert len(key) == 40
        assert station.key_hash == services.hash_key(key) != key
        assert log_in(station.identity, key)
        assert log_in(station.identity, STATION_KEY) is None


class TestConnectStations:
    def test_lets_many_in_with_one_lock_and_one_write_each_by_its_own_number(self, django_assert_num_queries):
        stations = [make_station() for _ in range(3)]
        connect(stations[1])
        entries = [entry(station, protocol="2.0.1") for station in (*stations, stations[0])]

        # Beside the savepoint of the test.
        with django_assert_num_queries(4):
            numbers = services.connect_stations(entries)

        assert numbers == [1, 2, 1, 2]
        rows = ChargingStation.objects.order_by("pk")
        assert [(row.connection_no, row.protocol, row.is_online(NOON)) for row in rows] == [
            (number, "2.0.1", True) for number in (2, 2, 1)
        ]

    def test_answers_none_for_a_station_that_is_no_more(self):
        station = make_station()
        gone = entry(station)
        station.delete()
        other = make_station()

        assert services.connect_stations([gone, entry(other)]) == [None, 1]

    def test_counts_sockets_so_that_the_newest_is_known(self):
        station = make_station()

        first = connect(station)
        second = connect(station)

        station.refresh_from_db()
        assert (first, second) == (1, 2)
        assert (station.connection_no, station.connected_at, station.last_seen_at) == (2, NOON, NOON)

    @pytest.mark.django_db(transaction=True)
    def test_gives_two_sockets_at_once_two_numbers(self, at_once):
        station = make_station()

        numbers = at_once(*[lambda: connect(station)] * 4)

        assert sorted(numbers) == [1, 2, 3, 4]

    @pytest.mark.django_db(transaction=True)
    def test_passes_over_a_station_whose_row_somebody_holds_unless_it_waits(self, at_once):
        held, free = make_station(), make_station()
        is_locked, may_go = Event(), Event()

        def hold() -> None:
            with transaction.atomic():
                ChargingStation.objects.select_for_update(no_key=True).get(pk=held.pk)
                is_locked.set()
                assert may_go.wait(10)

        def come() -> list[int | None]:
            assert is_locked.wait(10)
            numbers = services.connect_stations([entry(held), entry(free)], wait=False)
            may_go.set()
            return [*numbers, connect(held)]

        _, numbers = at_once(hold, come)

        assert numbers == [None, 1, 1]


class TestDisconnectStations:
    def test_notes_the_end_of_newest_sockets_and_of_no_older_one(self):
        left, came_back = make_station(), make_station()
        connect(left)
        connect(came_back)
        connect(came_back)

        noted = services.disconnect_stations(
            [services.Exit(station_id=station.pk, connection_no=1, at=NOON) for station in (came_back, left)]
        )

        assert noted == [False, True]
        left.refresh_from_db()
        came_back.refresh_from_db()
        assert (left.disconnected_at, came_back.disconnected_at) == (NOON, None)


class TestTouchStations:
    def test_moves_last_seen_forward_only_in_one_statement(self, django_assert_num_queries):
        one, two = make_station(last_seen_at=NOON), make_station()

        with django_assert_num_queries(1):
            services.touch_stations({one.pk: NOON - timedelta(seconds=1), two.pk: NOON})

        one.refresh_from_db()
        two.refresh_from_db()
        assert (one.last_seen_at, two.last_seen_at) == (NOON, NOON)


class TestRecordBoot:
    def test_stores_what_the_station_says_it_is_cut_to_the_columns(self):
        station = make_station(registration=RegistrationStatus.PENDING)

        status = services.record_boot(
            station_id=station.pk,
            vendor="V" * 60,
            model="M1",
            serial_number="S1",
            firmware_version="1.2",
            at=NOON,
        )

        station.refresh_from_db()
        assert status is RegistrationStatus.PENDING
        assert (station.vendor, station.model, station.firmware_version) == ("V" * 50, "M1", "1.2")


class TestRecordConnectorStatuses:
    def test_keeps_the_newest_of_each_connector_in_one_statement(self, django_assert_num_queries):
        evse = make_evse()
        make_evse(station=evse.station, number=2)
        other = make_evse()

        def update(status: ConnectorStatus, number: int = 1, seconds: int = 0) -> ConnectorStatusUpdate:
            at, received_at = NOON + timedelta(seconds=seconds), NOON + timedelta(seconds=9)
            return ConnectorStatusUpdate(
                station_id=evse.station_id, evse_number=number, status=status, at=at, received_at=received_at
            )

        with django_assert_num_queries(1):
            services.record_connector_statuses(
                (
                    update(ConnectorStatus.CHARGING, seconds=2),
                    update(ConnectorStatus.PREPARING, seconds=1),
                    update(ConnectorStatus.FAULTED, number=2),
                    update(ConnectorStatus.UNAVAILABLE, number=0, seconds=9),
                    update(ConnectorStatus.AVAILABLE, number=3),
                )
            )
        services.record_connector_statuses((update(ConnectorStatus.AVAILABLE, seconds=1),))

        rows = Connector.objects.order_by("evse__station", "evse__number").values_list("status", "status_at")
        assert list(rows) == [("Charging", NOON + timedelta(seconds=2)), ("Faulted", NOON), ("Unknown", None)]
        assert other.connectors.get().status == "Unknown"


def request(station: ChargingStation, **fields: object) -> StationCommand:
    values = {
        "station_id": station.pk,
        "action": "Reset",
        "payload": {"type": "Soft"},
        "requested_at": NOON,
        "deadline_at": NOON + timedelta(minutes=1),
    }
    return services.request_command(**{**values, **fields})


class TestCommands:
    def test_are_taken_once_oldest_first_with_a_message_id_each(self, django_assert_num_queries):
        station, other = make_station(), make_station()
        first, second = request(station), request(station)
        request(other)

        with django_assert_num_queries(1):
            taken = services.take_commands(station_ids=[station.pk], at=NOON)
        again = services.take_commands(station_ids=[station.pk], at=NOON)

        assert [command.pk for command in taken] == [first.pk, second.pk]
        assert {command.status for command in taken} == {"sent"}
        assert len({command.message_id for command in taken}) == 2
        assert all(len(command.message_id) == 36 for command in taken)
        assert again == []

    def test_are_not_taken_after_their_deadline(self):
        station = make_station()
        request(station)

        assert services.take_commands(station_ids=[station.pk], at=NOON + timedelta(minutes=1)) == []

    @pytest.mark.django_db(transaction=True)
    def test_are_taken_by_one_of_two_processes(self, at_once):
        station = make_station()
        for _ in range(20):
            request(station)

        one, two = at_once(*[lambda: services.take_commands(station_ids=[station.pk], at=NOON)] * 2)

        assert len(one) + len(two) == 20
        assert not {command.pk for command in one} & {command.pk for command in two}

    def test_end_by_their_first_answer(self):
        station = make_station()
        request(station)
        (sent,) = services.take_commands(station_ids=[station.pk], at=NOON)

        def answer(accepted: bool, message_id: str = sent.message_id, station_id: int = station.pk) -> bool:
            return services.finish_command(
                station_id=station_id,
                message_id=message_id,
                accepted=accepted,
                answer={"status": "Accepted" if accepted else "Rejected"},
                at=NOON + timedelta(seconds=2),
            )

        stranger = answer(accepted=False, station_id=make_station().pk)
        unsolicited = answer(accepted=False, message_id="never-sent")
        first, late = answer(accepted=True), answer(accepted=False)

        command = StationCommand.objects.get()
        assert (stranger, unsolicited, first, late) == (False, False, True, False)
        assert (command.status, command.answer) == ("accepted", {"status": "Accepted"})

    def test_time_out_after_their_deadline_whether_sent_or_not(self):
        station = make_station()
        request(station)
        services.take_commands(station_ids=[station.pk], at=NOON)
        request(station)
        request(station, deadline_at=NOON + timedelta(hours=1))

        swept = services.sweep_commands(at=NOON + timedelta(minutes=1))
        (late,) = StationCommand.objects.filter(sent_at__isnull=False)
        answered = services.finish_command(
            station_id=station.pk, message_id=late.message_id, accepted=True, answer=None, at=NOON
        )

        statuses = StationCommand.objects.order_by("pk").values_list("status", flat=True)
        assert swept == 2
        assert answered is False
        assert list(statuses) == ["timed_out", "timed_out", "requested"]

    def test_are_a_violation_when_open_15_minutes_after_the_deadline(self):
        station = make_station()
        command = request(station, deadline_at=now() - timedelta(minutes=16))
        request(station, deadline_at=now() - timedelta(minutes=14))

        found = [(violation.invariant, violation.subject) for violation in find_violations()]

        assert found == [("I15", f"station command {command.pk}")]
