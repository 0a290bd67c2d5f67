"""What else makes a price: the discount of a membership tier, and a reservation used or expired."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.contracts.models import Contract
from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession, StartGrant
from apps.sessions.selectors import live_session
from tests.factories import NOON, make_grant, make_session, make_site, make_tier
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, violations

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)


def rate(session: ChargingSession) -> Cdr:
    services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=1))
    return services.rate_settled(session_id=session.pk, at=END + timedelta(minutes=1))


class TestDiscount:
    def test_of_the_contracts_tier_is_taken_off_every_component(self, wire, site):
        tier = make_tier(seller=site.owner, discount_percent=Decimal("12.5"))
        Contract.objects.filter(pk=site.contract.pk).update(tier=tier)

        cdr = rate(wire.finish(wire.begin().transaction_id))

        # 10 kWh × 0.50 = 5.00; 12.5 % of it is 0.625, 4.375 rounds to 4.38.
        assert StartGrant.objects.get().discount_percent == Decimal("12.5")
        assert cdr.net.amount == Decimal("4.38")
        assert [(line["kind"], line["reason"]) for line in cdr.document["adjustments"]] == [
            ("discount", "membership discount of 12.5 %")
        ]
        assert violations() == []

    def test_of_a_grant_counts_while_its_limit_is_watched(self, wire, site):
        grant = make_grant(site=site, limit_amount=Decimal("10.00"), discount_percent=Decimal(50))
        begun = wire.begin(id_token="ADHOC01")
        at = NOON + timedelta(hours=1)

        services.record_readings((wire.readings(begun.transaction_id, (at, BEGIN + 20 * KWH)),))

        # 20 kWh × 0.25 × 1.19 = 5.95; without the discount it would be above the limit.
        live = live_session(grant.pk, at)
        assert live is not None
        assert live.running_gross == Decimal("5.95")


KEPT = {"price_components": [{"type": "FLAT", "price": "2.00"}], "restrictions": {"reservation": "RESERVATION"}}
EXPIRED = {
    "price_components": [{"type": "TIME", "price": "12.00"}],
    "restrictions": {"reservation": "RESERVATION_EXPIRES"},
}
ENERGY = {"price_components": [{"type": "ENERGY", "price": "0.50"}]}


class TestReservation:
    @pytest.fixture
    def wire(self, db) -> Wire:
        return Wire(make_site(elements=[KEPT, EXPIRED, ENERGY]))

    def test_that_was_used_is_priced_beside_the_charge(self, wire):
        begun = wire.begin()
        ChargingSession.objects.update(reserved_from=NOON - timedelta(minutes=20))

        cdr = rate(wire.finish(begun.transaction_id))

        assert cdr.net.amount == Decimal("7.00")
        assert violations() == []

    def test_that_expired_is_a_session_without_energy(self, wire):
        session = make_session(
            site=wire.site,
            kind="reservation",
            status="ended",
            reserved_from=NOON - timedelta(minutes=15),
            ended_at=NOON,
            end_received_at=NOON,
            meter_start_milliwh=None,
        )

        cdr = rate(session)

        # 15 min × 12.00, and the flat price of a reservation, which the one for expired ones does not replace.
        assert (cdr.net.amount, cdr.energy_milliwh) == (Decimal("5.00"), 0)
        assert (cdr.started_at, cdr.ended_at) == (NOON, NOON)
        assert violations() == []
