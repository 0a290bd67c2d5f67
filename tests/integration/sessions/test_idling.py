"""A vehicle that has charged and stands there, at 0.50 EUR per kWh and 6.00 EUR per idle hour net: 0.10 a minute."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession
from apps.stations.models import ChargingStation
from tests.factories import NOON, Site, make_site
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, violations

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ELEMENTS = [{"price_components": [{"type": "ENERGY", "price": "0.50"}, {"type": "PARKING_TIME", "price": "6.00"}]}]


def after(minutes: float) -> datetime:
    return END + minutes * MINUTE


@pytest.fixture
def site(db) -> Site:
    return make_site(elements=ELEMENTS)


def finished(wire: Wire, **end) -> ChargingSession:
    """Charge 10 kWh from noon to one o'clock."""
    begun = wire.begin()
    services.record_connector_states((wire.status("Charging", NOON + timedelta(seconds=5)),))
    return wire.finish(begun.transaction_id, **end)


def say(wire: Wire, *told: tuple[str, datetime], received_at: datetime | None = None) -> None:
    for status, at in told:
        services.record_connector_states((wire.status(status, at, received_at=received_at or at),))


def heard_of(at: datetime) -> None:
    ChargingStation.objects.update(last_seen_at=at)


def status_of(session: ChargingSession) -> str:
    session.refresh_from_db()
    return session.status


def rated(session: ChargingSession) -> Cdr:
    cdr = services.rate_settled(session_id=session.pk, at=after(600))
    assert violations() == []
    return cdr


class TestIdling:
    def test_costs_until_the_connector_is_available(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", END + timedelta(seconds=5)))
        services.sweep_unsettled(at=after(5))
        before = status_of(session)

        say(wire, ("Available", after(40)))

        # 10 kWh × 0.50 and 40 min × 0.10.
        assert (before, status_of(session)) == ("ended", "settled")
        cdr = rated(session)
        assert (cdr.net.amount, cdr.ended_at, session.occupied_until) == (Decimal("9.00"), after(40), after(40))
        last = cdr.document["periods"][-1]
        assert (last["state"], last["idle_ms"], last["energy_milliwh"]) == ("idle", 2_400_000, 0)
        assert [part["dimension"] for part in last["parts"]] == ["PARKING_TIME"]

    def test_costs_nothing_where_no_message_says_that_the_vehicle_stands_there(self, wire):
        session = finished(wire)
        heard_of(after(15))

        services.sweep_unsettled(at=after(14))
        before = status_of(session)
        services.sweep_unsettled(at=after(15))
        say(wire, ("Available", after(60)))

        assert (before, status_of(session)) == ("ended", "settled")
        cdr = rated(session)
        assert (cdr.net.amount, cdr.ended_at) == (Decimal("5.00"), END)

    def test_costs_as_long_as_it_was_said_where_the_station_falls_silent(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", END + timedelta(seconds=5)), ("Finishing", after(10)))
        heard_of(after(20))

        services.sweep_unsettled(at=after(34))
        before = status_of(session)
        services.sweep_unsettled(at=after(35))
        say(wire, ("Available", after(180)))

        assert (before, status_of(session)) == ("ended", "settled")
        assert rated(session).net.amount == Decimal("6.00")
        assert services.sweep_late_evidence(at=after(600)) == 0

    @pytest.mark.parametrize("status", ["Faulted", "Unavailable", "Preparing", "Charging"])
    def test_costs_nothing_more_once_nobody_knows(self, wire, status):
        session = finished(wire)

        say(wire, ("Finishing", after(0.1)), (status, after(10)))
        services.sweep_unsettled(at=after(11))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("6.00")

    def test_costs_nothing_after_a_stop_by_unplugging(self, wire):
        session = finished(wire, reason="EVDisconnected")

        services.sweep_unsettled(at=after(1))
        say(wire, ("Available", after(2)))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("5.00")

    def test_ends_where_the_next_session_begins(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", after(0.1)), ("Finishing", after(10)))
        wire.begin(started_at=after(30))
        heard_of(after(30))

        services.sweep_unsettled(at=after(30))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("6.00")

    def test_is_not_inferred_from_what_a_station_says_that_was_offline(self, wire):
        back = after(180)
        session = finished(wire, received_at=back)

        say(wire, ("Available", back + MINUTE))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("5.00")

    def test_counts_what_the_queue_of_a_station_tells_that_was_offline(self, wire):
        back = after(180)
        session = finished(wire, received_at=back)
        say(wire, ("Finishing", after(0.1)), ("Available", after(10)), received_at=back)

        say(wire, ("Available", back + MINUTE))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("6.00")

    def test_does_not_believe_a_clock_that_has_jumped(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", after(0.1)))

        say(wire, ("Available", after(60 * 24 * 30)), received_at=after(10))
        services.sweep_unsettled(at=after(25))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("5.01")

    def test_is_not_what_comes_before_the_first_watt_hour(self, wire):
        begun = wire.begin()
        say(wire, ("SuspendedEV", NOON), ("Charging", NOON + 10 * MINUTE), ("SuspendedEV", NOON + 50 * MINUTE))
        session = wire.finish(begun.transaction_id, reason="EVDisconnected")

        services.sweep_unsettled(at=after(1))

        # The last ten minutes alone.
        cdr = rated(session)
        assert (status_of(session), cdr.net.amount) == ("settled", Decimal("6.00"))
        assert [period["state"] for period in cdr.document["periods"]] == ["held_back", "charging", "idle"]


class TestCap:
    @pytest.fixture
    def site(self, db) -> Site:
        return make_site(elements=ELEMENTS, rules={"idle": {"max_amount": "2.00"}, "settle_after": 120})

    def test_lets_the_session_settle_while_the_vehicle_still_stands_there(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", after(0.1)))
        heard_of(after(19))
        services.sweep_unsettled(at=after(19))
        before = status_of(session)

        heard_of(after(21))
        services.sweep_unsettled(at=after(21))

        assert (before, status_of(session)) == ("ended", "settled")
        cdr = rated(session)
        assert (cdr.net.amount, cdr.ended_at) == (Decimal("7.00"), after(21))
        assert [line["kind"] for line in cdr.document["adjustments"]] == ["idle_cap"]

    def test_is_the_most_it_costs_whenever_the_vehicle_leaves(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", after(0.1)), ("Available", after(90)))

        assert status_of(session) == "settled"
        assert rated(session).net.amount == Decimal("7.00")

    def test_waits_only_as_long_for_a_silent_station_as_the_tariff_says(self, wire):
        session = finished(wire)
        say(wire, ("Finishing", after(0.5)))
        heard_of(after(1))

        services.sweep_unsettled(at=after(2.9))
        before = status_of(session)
        services.sweep_unsettled(at=after(3))

        assert (before, status_of(session)) == ("ended", "settled")
        assert rated(session).net.amount == Decimal("5.05")


class TestWithoutAnIdlePrice:
    def test_ends_with_the_stop_whatever_is_said_after_it(self, db):
        wire = Wire(make_site())
        session = finished(wire)

        say(wire, ("Finishing", after(0.1)), ("Available", after(40)))

        assert status_of(session) == "settled"
        cdr = rated(session)
        assert (cdr.net.amount, cdr.ended_at, session.occupied_until) == (Decimal("5.00"), END, after(40))
        assert cdr.inputs["register"]["energy_milliwh"] == [BEGIN, BEGIN + 10 * KWH]
