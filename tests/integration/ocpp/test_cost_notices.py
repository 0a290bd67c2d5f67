"""Which display is told which cost, and when: by query, at the bill's own price."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core.domain.exact_json import dump_exact
from apps.ocpp.cost_notices import tell_costs
from apps.sessions import services as sessions
from apps.sessions.models import Cdr, ChargingSession, MeterReading, StateChange
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import finish_command, take_commands
from tests.factories import NOON, make_evse, make_session, make_site

pytestmark = pytest.mark.django_db
BEGIN, KWH = 1_000_000_000, 1_000_000
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
GROSS = [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]
IDLE = [{"price_components": [{"type": "ENERGY", "price": "0.50"}, {"type": "PARKING_TIME", "price": "6.00"}]}]


def make_shown(*, elements=GROSS, **station):
    """Make a site whose display shows costs; prices are gross."""
    site = make_site(elements=elements, tax_included=True)
    shown = {"shows_cost": True, "last_seen_at": NOON + timedelta(hours=12), "connected_at": NOON, **station}
    ChargingStation.objects.filter(pk=site.station.pk).update(**shown)
    return site


def read(session, minutes: int, kwh: int) -> None:
    MeterReading.objects.create(
        session=session,
        at=NOON + minutes * MINUTE,
        energy_milliwh=BEGIN + kwh * KWH,
        context="Sample.Periodic",
        frame_id=2,
    )


def say(session, minutes: int, state: str) -> None:
    StateChange.objects.create(session=session, at=NOON + minutes * MINUTE, state=state, frame_id=3)


def end(session, minutes: int, kwh: int, *, told_after: timedelta = SECOND) -> None:
    at = NOON + minutes * MINUTE
    ChargingSession.objects.filter(pk=session.pk).update(
        status="ended",
        ended_at=at,
        end_received_at=at + told_after,
        end_frame_id=9,
        meter_stop_milliwh=BEGIN + kwh * KWH,
        stop_reason="Local",
    )


def told(topic: str = "cost:1") -> dict:
    """Return what a 1.6 display was told last."""
    return json.loads(StationCommand.objects.get(topic=topic).payload["data"], parse_float=Decimal)


def take_and_answer(site, at) -> None:
    for sent in take_commands(station_ids=[site.station.pk], at=at):
        finish_command(station_id=site.station.pk, message_id=sent.message_id, accepted=True, answer={}, at=at)


class TestARunningSession:
    def test_is_told_its_cost_as_of_the_last_reading(self):
        session = make_session(site=make_shown())
        read(session, 10, 3)
        read(session, 20, 7)

        assert tell_costs(at=NOON + 21 * MINUTE) == 1

        assert told() == {
            "transactionId": session.transaction_id,
            "timestamp": "2026-06-01T12:20:00Z",
            "meterValue": 1_007_000,
            "cost": Decimal("3.50"),
            "state": "Charging",
            "chargingPrice": {},
        }

    def test_is_told_again_once_something_was_heard_and_thirty_seconds_are_over(self):
        site = make_shown()
        session = make_session(site=site)
        assert tell_costs(at=NOON) == 1
        take_and_answer(site, NOON)
        assert tell_costs(at=NOON + MINUTE) == 0

        ChargingSession.objects.update(started_at=NOON - timedelta(hours=1))
        read(session, 0, 1)
        assert tell_costs(at=NOON + 29 * SECOND) == 0
        assert tell_costs(at=NOON + 30 * SECOND) == 1

        assert (told()["cost"], StationCommand.objects.count()) == (Decimal("0.50"), 1)

    def test_that_idles_is_told_so(self):
        session = make_session(site=make_shown(elements=IDLE))
        read(session, 10, 4)
        say(session, 10, "idle")
        read(session, 40, 4)

        tell_costs(at=NOON + 41 * MINUTE)

        # 4 kWh × 0.50 + 0.5 h × 6.00
        assert (told()["state"], told()["cost"]) == ("Idle", Decimal("5.00"))

    def test_of_two_zero_one_is_named_as_its_station_does(self):
        site = make_shown(protocol="2.0.1")
        session = make_session(site=site, transaction_ref="T-1", begun_at=NOON, claimed_at=NOON)
        read(session, 10, 3)

        tell_costs(at=NOON + 11 * MINUTE)

        notice = StationCommand.objects.get()
        assert notice.action == "CostUpdated"
        assert dump_exact(notice.payload) in (
            '{"totalCost":1.50,"transactionId":"T-1"}',
            '{"transactionId":"T-1","totalCost":1.50}',
        )

    @pytest.mark.parametrize(
        "station",
        [
            {"shows_cost": False},
            {"price_display": "off"},
            {"display_currency": "USD"},
            {"last_seen_at": NOON - timedelta(hours=1)},
            {"disconnected_at": NOON},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_is_not_told_where_the_display_cannot_show_it(self, station):
        make_session(site=make_shown(**station))

        assert tell_costs(at=NOON) == 0
        assert not StationCommand.objects.exists()

    @pytest.mark.parametrize(
        "fields",
        [
            {"authorisation": "Invalid"},
            {"tariff_version": None},
            {"meter_start_milliwh": None},
            {"kind": "reservation", "status": "ended", "reserved_from": NOON, "meter_start_milliwh": None},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_that_nobody_can_price_is_not_told(self, fields):
        over = {"ended_at": NOON, "end_received_at": NOON} if "kind" in fields else {}
        make_session(site=make_shown(), **fields, **over)

        assert tell_costs(at=NOON) == 0
        assert not StationCommand.objects.exists()

    def test_each_of_a_station_has_a_notice_of_its_own(self):
        site = make_shown()
        second = make_evse(station=site.station, number=2)
        read(make_session(site=site), 10, 1)
        read(make_session(site=site, evse=second), 10, 2)

        assert tell_costs(at=NOON + 11 * MINUTE) == 2
        assert (told("cost:1")["cost"], told("cost:2")["cost"]) == (Decimal("0.50"), Decimal("1.00"))


class TestAnEndedSession:
    def test_is_told_what_its_charge_record_will_say(self):
        site = make_shown()
        session = make_session(site=site)
        read(session, 10, 3)
        end(session, 20, 7)

        assert tell_costs(at=NOON + 21 * MINUTE) == 1

        sessions.sweep_unsettled(at=NOON + 30 * MINUTE)
        record = sessions.rate_settled(session_id=session.pk, at=NOON + 30 * MINUTE)
        assert told("final:1") == {
            "transactionId": session.transaction_id,
            "cost": record.gross.amount,
            "priceText": "7.000 kWh: 3.50 EUR",
        }
        take_and_answer(site, NOON + 30 * MINUTE)
        assert tell_costs(at=NOON + 31 * MINUTE) == 0

    def test_waits_for_its_charge_record_where_idling_may_be_added(self):
        site = make_shown(elements=IDLE)
        session = make_session(site=site)
        read(session, 10, 4)
        end(session, 20, 4)
        assert tell_costs(at=NOON + 21 * MINUTE) == 0

        say(session, 50, "gone")

        assert tell_costs(at=NOON + 51 * MINUTE) == 1
        sessions.sweep_unsettled(at=NOON + 60 * MINUTE)
        record = sessions.rate_settled(session_id=session.pk, at=NOON + 60 * MINUTE)
        assert told("final:1")["cost"] == record.gross.amount > Decimal("2.00")

    def test_that_was_told_late_says_nothing_before_it_is_rated(self):
        session = make_session(site=make_shown())
        end(session, 20, 7, told_after=timedelta(minutes=11))

        assert tell_costs(at=NOON + 32 * MINUTE) == 0
        assert not StationCommand.objects.exists()

    def test_that_a_person_must_look_at_says_nothing(self):
        session = make_session(site=make_shown(), review_reasons=["Its meter was changed."])
        end(session, 20, 7)

        assert tell_costs(at=NOON + 21 * MINUTE) == 0

    def test_under_calibration_law_says_nothing_before_its_signatures_are_verified(self):
        session = make_session(site=make_shown(), is_under_calibration_law=True)
        end(session, 20, 7)

        assert tell_costs(at=NOON + 21 * MINUTE) == 0
        assert not Cdr.objects.exists()

    def test_is_of_no_interest_after_an_hour_or_once_the_next_has_begun(self):
        site = make_shown()
        session = make_session(site=site)
        end(session, 20, 7)
        assert tell_costs(at=NOON + timedelta(hours=1, minutes=21)) == 0

        later = make_session(site=site, started_at=NOON + 25 * MINUTE)
        tell_costs(at=NOON + 30 * MINUTE)

        assert [row.topic for row in StationCommand.objects.all()] == ["cost:1"]
        assert told()["transactionId"] == later.transaction_id

    def test_of_two_zero_one_has_its_cost_in_the_answer_and_hears_no_more(self):
        site = make_shown(protocol="2.0.1")
        session = make_session(site=site, transaction_ref="T-1", begun_at=NOON, claimed_at=NOON)
        end(session, 20, 7)

        assert tell_costs(at=NOON + 21 * MINUTE) == 0


class TestASweep:
    def test_asks_as_much_of_ten_stations_as_of_one(self, django_assert_max_num_queries):
        for number in range(10):
            read(make_session(site=make_shown()), 60, number)

        # Found, told before; priced: three and the taxes of each seller; told: looked up, locked, deleted, written.
        with django_assert_max_num_queries(10 + 10 + 12):
            assert tell_costs(at=NOON + 61 * MINUTE) == 10
        with django_assert_max_num_queries(3):
            assert tell_costs(at=NOON + 62 * MINUTE) == 0
