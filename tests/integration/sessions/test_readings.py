from datetime import timedelta
from decimal import Decimal

import pytest

from apps.sessions import services
from apps.sessions.models import MeterReading, StateChange
from apps.stations.models import Connector, StationCommand
from tests.factories import NOON, make_evse, make_grant, make_site
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, session_of

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=15)


def sample_readings() -> list[tuple[object, int]]:
    rows = MeterReading.objects.filter(context="Sample.Periodic")
    return list(rows.values_list("at", "energy_milliwh"))


class TestRecordReadings:
    def test_stores_each_reading_once(self, wire):
        begun = wire.begin()
        readings = wire.readings(begun.transaction_id, (LATER, BEGIN + KWH), (LATER, BEGIN + KWH))

        outcomes = services.record_readings((readings, readings))
        services.record_readings((readings,))

        assert [outcome.session_id for outcome in outcomes] == [begun.session_id, begun.session_id]
        assert sample_readings() == [(LATER, BEGIN + KWH)]

    @pytest.mark.parametrize("transaction_id", [None, -1, 0])
    def test_gives_readings_without_an_id_to_the_live_session_of_the_evse(self, wire, site, transaction_id):
        make_evse(station=site.station, number=2)
        begun = wire.begin()

        (here,) = services.record_readings((wire.readings(transaction_id, (LATER, BEGIN + KWH)),))
        (elsewhere,) = services.record_readings((wire.readings(transaction_id, (LATER, 5), evse_number=2),))

        assert here.session_id == begun.session_id
        assert elsewhere.session_id is None
        assert sample_readings() == [(LATER, BEGIN + KWH)]

    def test_never_reaches_another_stations_transaction(self, wire):
        begun = wire.begin()
        stranger = Wire(make_site())
        stranger.begin()

        (outcome,) = services.record_readings((stranger.readings(begun.transaction_id, (LATER, 7 * KWH)),))

        assert outcome.session_id is None
        assert sample_readings() == []

    def test_accepts_readings_after_the_end(self, wire):
        begun = wire.begin()
        wire.finish(begun.transaction_id)

        (outcome,) = services.record_readings((wire.readings(begun.transaction_id, (LATER, BEGIN + KWH)),))

        assert outcome.session_id == begun.session_id
        assert sample_readings() == [(LATER, BEGIN + KWH)]

    def test_takes_a_command_without_samples(self, wire):
        begun = wire.begin()

        assert services.record_readings(()) == ()
        assert services.record_readings((wire.readings(begun.transaction_id),))[0].session_id == begun.session_id


class TestLimit:
    """0.50 EUR net per kWh is 0.595 EUR gross; 10 EUR gross are 16.806 kWh."""

    @pytest.fixture
    def begun(self, wire, site):
        make_grant(site=site, limit_amount=Decimal("10.00"))
        return wire.begin(id_token="ADHOC01")

    def test_requests_the_stop_once_when_the_cost_reaches_it(self, wire, site, begun):
        at = NOON + timedelta(hours=1)
        reached = wire.readings(begun.transaction_id, (at, BEGIN + 17 * KWH))

        services.record_readings((reached,))
        services.record_readings((wire.readings(begun.transaction_id, (at + timedelta(minutes=5), BEGIN + 18 * KWH)),))

        command = StationCommand.objects.get()
        assert (command.station, command.action, command.payload, command.status) == (
            site.station,
            "RemoteStopTransaction",
            {"transactionId": begun.transaction_id},
            "requested",
        )

    def test_lets_a_cheaper_session_run(self, wire, begun):
        services.record_readings((wire.readings(begun.transaction_id, (NOON + timedelta(hours=1), BEGIN + 16 * KWH)),))

        assert not StationCommand.objects.exists()

    def test_asks_again_after_the_station_refused(self, wire, begun):
        at = NOON + timedelta(hours=1)
        services.record_readings((wire.readings(begun.transaction_id, (at, BEGIN + 17 * KWH)),))
        StationCommand.objects.update(status="rejected", ended_at=at)

        services.record_readings((wire.readings(begun.transaction_id, (at + timedelta(minutes=5), BEGIN + 18 * KWH)),))

        assert StationCommand.objects.count() == 2

    def test_keeps_the_readings_when_the_register_cannot_be_priced(self, wire, begun):
        services.record_readings((wire.readings(begun.transaction_id, (LATER, BEGIN - KWH)),))

        assert sample_readings() == [(LATER, BEGIN - KWH)]
        assert not StationCommand.objects.exists()

    def test_ends_with_a_bill_at_the_limit(self, wire, begun):
        session = wire.finish(begun.transaction_id, meter_stop_milliwh=BEGIN + 20 * KWH)
        services.settle_sessions(session_ids=[session.pk], at=NOON + timedelta(hours=2))

        cdr = services.rate_settled(session_id=session.pk, at=NOON + timedelta(hours=2))

        assert cdr.gross.amount == Decimal("10.00")
        assert cdr.document["adjustments"][0]["reason"] == "limited to the amount reserved"


class TestRecordConnectorStates:
    def test_extends_the_timeline_of_the_live_session(self, wire):
        begun = wire.begin()
        commands = (
            wire.status("Charging", NOON + timedelta(seconds=10)),
            wire.status("SuspendedEV", NOON + timedelta(minutes=40)),
            wire.status("SuspendedEVSE", NOON + timedelta(minutes=50)),
            wire.status("Finishing", NOON + timedelta(minutes=55)),
        )

        outcomes = services.record_connector_states(commands)
        services.record_connector_states(commands)

        assert [outcome.session_id for outcome in outcomes] == [begun.session_id] * 4
        assert list(StateChange.objects.values_list("state", flat=True)) == ["charging", "idle", "held_back", "parked"]
        assert Connector.objects.get().status == "Finishing"

    def test_gives_a_state_told_late_to_the_session_it_was_in(self, wire):
        first = wire.begin()
        wire.finish(first.transaction_id)
        second = wire.begin(started_at=NOON + timedelta(hours=3), received_at=NOON + timedelta(hours=3))

        outcomes = services.record_connector_states(
            (
                wire.status("SuspendedEV", NOON + timedelta(minutes=30)),
                wire.status("Charging", NOON + timedelta(hours=2)),
                wire.status("Charging", NOON + timedelta(hours=4)),
            )
        )

        assert [outcome.session_id for outcome in outcomes] == [first.session_id, first.session_id, second.session_id]
        told = StateChange.objects.order_by("at").values_list("state", flat=True)
        assert list(told) == ["idle", "unknown", "charging"]

    def test_ignores_older_reports_unknown_words_and_the_whole_station(self, wire):
        services.record_connector_states((wire.status("Available", LATER),))

        services.record_connector_states(
            (
                wire.status("Charging", NOON, received_at=LATER),
                wire.status("Dancing", LATER + timedelta(minutes=1)),
                wire.status("Faulted", LATER + timedelta(minutes=1), evse_number=0),
            )
        )

        connector = Connector.objects.get()
        assert (connector.status, connector.status_at) == ("Available", LATER)

    def test_does_not_believe_a_clock_in_the_future(self, wire):
        services.record_connector_states((wire.status("Charging", NOON + timedelta(days=3650), received_at=NOON),))

        services.record_connector_states((wire.status("Available", LATER),))

        assert Connector.objects.get().status == "Available"

    def test_what_a_clock_ahead_dated_into_the_future_hides_nothing_told_since(self, wire):
        wire.begin()
        services.record_connector_states((wire.status("Available", NOON + timedelta(minutes=9), received_at=NOON),))

        services.record_connector_states((wire.status("Charging", NOON + timedelta(seconds=30)),))

        connector = Connector.objects.get()
        assert (connector.status, connector.status_at) == ("Charging", NOON + timedelta(seconds=30))

    def test_settles_the_ended_session_when_the_connector_is_available(self, wire):
        session = wire.finish(wire.begin().transaction_id)
        at = NOON + timedelta(hours=1, seconds=5)

        services.record_connector_states((wire.status("Available", at),))

        session.refresh_from_db()
        assert (session.status, session.settled_at) == ("settled", at)
        assert session.review_reasons == []


class TestRequestStop:
    def test_asks_only_for_a_live_session(self, wire):
        begun = wire.begin()
        wire.finish(begun.transaction_id)

        command = services.request_stop(session_id=begun.session_id, at=NOON)

        assert command is None
        assert session_of(begun).status == "ended"
        assert not StationCommand.objects.exists()
