"""What displays are told: one notice a topic, none before a command, nothing twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections, transaction

from apps.stations.domain.display import Display
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import (
    Notice,
    ReportedKey,
    ask_displays,
    finish_command,
    record_boot,
    record_configuration,
    request_command,
    sweep_commands,
    take_commands,
    tell_stations,
)
from tests.factories import NOON, make_station

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def station() -> ChargingStation:
    return make_station(last_seen_at=NOON, connected_at=NOON)


def notice(station, stamp: str, *, topic: str = "cost:1") -> Notice:
    return Notice(station_id=station.pk, topic=topic, stamp=stamp, call=("DataTransfer", {"vendorId": stamp}))


def take(station, at=NOON) -> list[StationCommand]:
    return take_commands(station_ids=[station.pk], at=at)


def answer(command: StationCommand, *, accepted: bool, at=NOON) -> None:
    assert finish_command(
        station_id=command.station_id, message_id=command.message_id, accepted=accepted, answer={}, at=at
    )


def stop(station) -> StationCommand:
    return request_command(
        station_id=station.pk,
        action="RemoteStopTransaction",
        payload={"transactionId": 17},
        requested_at=NOON,
        deadline_at=NOON + MINUTE,
    )


class TestANotice:
    def test_told_twice_is_one_row(self, station):
        assert tell_stations([notice(station, "a")], at=NOON) == 1
        assert tell_stations([notice(station, "a")], at=NOON + SECOND) == 0

        assert StationCommand.objects.get().requested_at == NOON

    def test_takes_the_place_of_the_one_before(self, station):
        tell_stations([notice(station, "a")], at=NOON)
        answer(*take(station), accepted=True)
        tell_stations([notice(station, "b")], at=NOON)
        tell_stations([notice(station, "c")], at=NOON)

        (sent,) = take(station)
        assert (sent.stamp, sent.payload, StationCommand.objects.count()) == ("c", {"vendorId": "c"}, 1)

    def test_leaves_other_topics_and_stations_alone(self, station):
        other = make_station()
        tell_stations([notice(station, "a"), notice(station, "b", topic="price"), notice(other, "a")], at=NOON)
        tell_stations([notice(station, "c")], at=NOON)

        assert sorted(StationCommand.objects.values_list("station_id", "topic", "stamp")) == [
            (station.pk, "cost:1", "c"),
            (station.pk, "price", "b"),
            (other.pk, "cost:1", "a"),
        ]

    def test_waits_for_the_answer_of_the_one_before(self, station):
        tell_stations([notice(station, "a")], at=NOON)
        (sent,) = take(station)

        assert tell_stations([notice(station, "b")], at=NOON + SECOND) == 0

        answer(sent, accepted=True)
        assert StationCommand.objects.get().stamp == "a"

    @pytest.mark.parametrize(
        ("stamp", "spared"), [("a", timedelta(days=1)), ("b", timedelta(minutes=10))], ids=["the same", "another"]
    )
    def test_that_was_refused_is_left_alone_for_a_while(self, station, stamp, spared):
        tell_stations([notice(station, "a")], at=NOON)
        answer(*take(station), accepted=False)

        assert tell_stations([notice(station, stamp)], at=NOON + spared - SECOND) == 0
        assert StationCommand.objects.get().status == "rejected"
        assert tell_stations([notice(station, stamp)], at=NOON + spared) == 1

    def test_that_was_not_answered_is_told_again_after_five_minutes(self, station):
        tell_stations([notice(station, "a")], at=NOON)
        take(station)
        sweep_commands(at=NOON + MINUTE)

        assert tell_stations([notice(station, "a")], at=NOON + 5 * MINUTE) == 0
        assert tell_stations([notice(station, "a")], at=NOON + 6 * MINUTE) == 1


class TestTwoProcessesAtOnce:
    @pytest.mark.django_db(transaction=True)
    def test_tell_the_same_once(self, station):
        tell_stations([notice(station, "a")], at=NOON)
        answer(*take(station), accepted=True)
        together = threading.Barrier(4)

        def tell() -> None:
            together.wait()
            try:
                tell_stations([notice(station, "b"), notice(station, "b", topic="price")], at=NOON)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(tell) for _ in range(4)]:
                done.result()

        assert sorted(StationCommand.objects.values_list("topic", "stamp")) == [("cost:1", "b"), ("price", "b")]


class TestTaking:
    def test_takes_no_notice_while_a_command_waits(self, station):
        tell_stations([notice(station, "a")], at=NOON)
        wanted = stop(station)

        assert take(station) == [wanted]
        assert [taken.topic for taken in take(station)] == ["cost:1"]

    def test_takes_one_notice_at_a_time_the_oldest_first(self, station):
        tell_stations([notice(station, "a", topic="price")], at=NOON)
        tell_stations([notice(station, "a"), notice(station, "b", topic="cost:2")], at=NOON)

        assert [[taken.topic for taken in take(station)] for _ in range(4)] == [["price"], ["cost:1"], ["cost:2"], []]

    def test_takes_each_stations_notice_whatever_waits_at_another(self, station):
        other = make_station()
        tell_stations([notice(other, "a")], at=NOON)
        stop(station)

        taken = take_commands(station_ids=[station.pk, other.pk], at=NOON)

        assert [(each.station_id, each.topic) for each in taken] == [(other.pk, "cost:1"), (station.pk, "")]

    def test_passes_over_one_whose_time_is_up(self, station):
        tell_stations([notice(station, "a")], at=NOON)

        assert take(station, at=NOON + MINUTE) == []


class TestTheDatabase:
    def test_refuses_a_second_notice_of_a_topic(self, station):
        tell_stations([notice(station, "a")], at=NOON)
        row = StationCommand.objects.get()
        row.pk = None

        with pytest.raises(IntegrityError, match="notice_one_a_topic"), transaction.atomic():
            row.save(force_insert=True)

        assert StationCommand.objects.count() == 1

    def test_refuses_a_notice_that_does_not_say_what_it_tells(self, station):
        with pytest.raises(IntegrityError, match="notice_says_what_it_tells"), transaction.atomic():
            tell_stations([notice(station, "")], at=NOON)

        assert not StationCommand.objects.exists()

    def test_refuses_a_decision_that_nobody_knows(self, station):
        with pytest.raises(IntegrityError, match="station_price_display_is_known"), transaction.atomic():
            ChargingStation.objects.update(price_display="maybe")


class TestWhatAStationSays:
    def say(self, station, **settings: str) -> Display:
        entries = [ReportedKey(name=name, value=value) for name, value in settings.items()]
        record_configuration(station_id=station.pk, entries=entries, at=NOON)
        station.refresh_from_db()
        return station.display

    def test_is_known_once_it_has_reported_the_settings(self, station):
        assert self.say(station, CustomDisplayCostAndPrice="true") == Display(cost=True, tariff=True, messages=True)
        assert not self.say(station, CustomDisplayCostAndPrice="false").cost

    def test_is_put_together_from_several_reports(self, station):
        ChargingStation.objects.update(protocol="2.0.1")
        self.say(station, **{"TariffCostCtrlr.Available[Cost]": "true", "TariffCostCtrlr.Currency": "EUR"})

        assert self.say(station, **{"DisplayMessageCtrlr.Available": "true"}) == Display(
            cost=True, messages=True, currency="EUR"
        )

    @pytest.mark.parametrize(("decision", "shows"), [("on", True), ("off", False)])
    def test_is_overruled_by_its_owner(self, station, decision, shows):
        ChargingStation.objects.update(price_display=decision)

        display = self.say(station, CustomDisplayCostAndPrice="true" if decision == "off" else "false")

        assert (display.cost, display.tariff, display.messages) == (shows, shows, shows)


class TestAskDisplays:
    def test_asks_a_station_that_is_online_once_a_make(self, station):
        assert ask_displays(at=NOON) == 1
        (sent,) = take(station)
        answer(sent, accepted=True)

        assert ask_displays(at=NOON + MINUTE) == 0
        assert (sent.action, sent.payload["key"][0]) == ("GetConfiguration", "CustomDisplayCostAndPrice")

        record_boot(
            station_id=station.pk, vendor="V", model="M", serial_number="1", firmware_version="2", at=NOON + MINUTE
        )
        assert ask_displays(at=NOON + MINUTE) == 1

    def test_asks_in_the_stations_own_version(self, station):
        ChargingStation.objects.update(protocol="2.0.1")
        ask_displays(at=NOON)

        (sent,) = take(station)
        assert sent.action == "GetVariables"
        assert sent.payload["getVariableData"][0] == {
            "component": {"name": "TariffCostCtrlr"},
            "variable": {"name": "Available", "instance": "Cost"},
        }

    def test_asks_nobody_who_is_away_or_switched_off(self, station):
        ChargingStation.objects.update(price_display="off")
        make_station(last_seen_at=NOON - timedelta(hours=1))

        assert ask_displays(at=NOON) == 0
        assert not StationCommand.objects.exists()
