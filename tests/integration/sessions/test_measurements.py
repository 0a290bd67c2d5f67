"""Power and current as facts of a session: kept where its tariff asks for them, power inferred where it is missing."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.sessions import services
from apps.sessions.domain.commands import Measurand, MeasuredSample
from apps.sessions.models import Cdr, Measurement
from tests.factories import NOON, make_site
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, violations

pytestmark = pytest.mark.django_db

HALF = NOON + timedelta(minutes=30)
END = NOON + timedelta(hours=1)


def elements(restriction: str, least: str) -> list[dict[str, object]]:
    """0.80 EUR per kWh from ``least`` on, else 0.40."""
    return [
        {"price_components": [{"type": "ENERGY", "price": "0.80"}], "restrictions": {restriction: least}},
        {"price_components": [{"type": "ENERGY", "price": "0.40"}]},
    ]


def measured(*samples: tuple[Measurand, object, int]) -> tuple[MeasuredSample, ...]:
    return tuple(MeasuredSample(at=at, kind=kind, value_milli=value) for kind, at, value in samples)


def charge(wire: Wire, *samples: tuple[Measurand, object, int]) -> Cdr:
    """Draw 2.5 kWh in the first half hour and 7.5 kWh in the second."""
    begun = wire.begin()
    told = wire.readings(begun.transaction_id, (HALF, BEGIN + 2_500_000), measured=measured(*samples))
    services.record_readings((told, told))
    session = wire.finish(begun.transaction_id)
    services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=1))
    return services.rate_settled(session_id=session.pk, at=END + timedelta(minutes=1))


def reasons(cdr: Cdr) -> list[str]:
    return [part["reason"] for period in cdr.document["periods"] for part in period["parts"]]


class TestPower:
    @pytest.fixture
    def wire(self, db) -> Wire:
        return Wire(make_site(elements=elements("min_power", "10")))

    def test_prices_what_was_drawn_while_it_was_measured(self, wire):
        cdr = charge(wire, (Measurand.POWER, NOON, 5_000_000), (Measurand.POWER, HALF, 11_000_000))

        # 2.5 × 0.40 + 7.5 × 0.80.
        assert cdr.net.amount == Decimal("7.00")
        assert Measurement.objects.count() == 2
        assert cdr.inputs["register"]["energy_milliwh"] == [BEGIN, BEGIN + 2_500_000, BEGIN + 10 * KWH]
        assert violations() == []

    def test_is_inferred_where_it_was_not_measured_and_says_so(self, wire):
        cdr = charge(wire)

        assert cdr.net.amount == Decimal("7.00")
        assert "inferred" in reasons(cdr)[-1]
        assert violations() == []

    def test_holds_from_its_first_value_on(self, wire):
        # 5 kW on average until half past, then measured: 4 kW, whatever the register says.
        cdr = charge(wire, (Measurand.POWER, HALF, 4_000_000))

        assert cdr.net.amount == Decimal("4.00")

    def test_arriving_after_the_rating_makes_a_revision(self, wire):
        cdr = charge(wire)
        late = wire.readings(
            cdr.session.transaction_id,
            measured=measured((Measurand.POWER, NOON, 11_000_000)),
            received_at=END + timedelta(hours=1),
        )

        services.record_readings((late,))
        services.sweep_late_evidence(at=END + timedelta(hours=1))

        assert cdr.session.cdrs.get(revision=2).net.amount == Decimal("8.00")


class TestCurrent:
    def test_prices_what_was_drawn_while_it_was_measured(self, db):
        wire = Wire(make_site(elements=elements("min_current", "24")))

        cdr = charge(wire, (Measurand.CURRENT, NOON, 23_999), (Measurand.CURRENT, HALF, 24_000))

        assert cdr.net.amount == Decimal("7.00")

    def test_is_never_inferred(self, db):
        wire = Wire(make_site(elements=elements("min_current", "24")))

        assert charge(wire).net.amount == Decimal("4.00")


class TestKeeping:
    def test_keeps_nothing_that_no_price_depends_on(self, wire):
        charge(wire, (Measurand.POWER, NOON, 5_000_000), (Measurand.CURRENT, NOON, 16_000))

        assert not Measurement.objects.exists()

    def test_keeps_what_comes_with_the_stop(self, db):
        wire = Wire(make_site(elements=elements("min_power", "10")))
        begun = wire.begin()

        wire.finish(begun.transaction_id, measured=measured((Measurand.POWER, HALF, 7), (Measurand.CURRENT, HALF, 8)))

        assert list(Measurement.objects.values_list("kind", "at", "value_milli")) == [("power", HALF, 7)]
