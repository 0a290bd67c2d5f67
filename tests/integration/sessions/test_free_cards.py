"""A staff card charges free: its session is rated to nothing, and the record says why."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.sessions import services
from apps.sessions.driver_prices import driver_prices
from apps.sessions.explanation import explain_cdr
from apps.sessions.models import StartGrant
from tests.factories import NOON, make_site
from tests.integration.sessions.conftest import KWH, Wire, violations
from tests.refusals import refused_by

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=2)


def rated(site):
    wire = Wire(site)
    session = wire.finish(wire.begin().transaction_id)
    services.settle_sessions(session_ids=[session.pk], at=LATER)
    return services.rate_settled(session_id=session.pk, at=LATER)


def make_staff_site(**version):
    site = make_site(**version)
    site.token.free_reason = "Staff"
    site.token.save()
    return site


class TestAFreeCard:
    def test_costs_nothing_and_its_record_says_why(self):
        cdr = rated(make_staff_site())

        explained = explain_cdr(cdr, readings=())
        # 10 kWh × 0.50 = 5.00 net, 5.95 gross; the discount takes all of it off.
        assert cdr.gross.amount == cdr.net.amount == Decimal(0)
        assert cdr.energy_milliwh == 10 * KWH
        assert explained.free_reason == "Staff"
        assert [(line.reason, Decimal(line.gross)) for line in explained.adjustments] == [("Staff", Decimal("-5.95"))]
        assert violations() == []

    def test_costs_nothing_under_a_minimum_price_either(self):
        cdr = rated(make_staff_site(rules={"min_price": {"excl_vat": "2.00"}}))

        assert cdr.gross.amount == Decimal(0)

    def test_is_told_its_price_before(self):
        site = make_staff_site()

        (price,) = driver_prices(token=site.token.uid, station=site.station, at=NOON)

        assert price.discount_percent == Decimal(100)

    def test_is_listed_on_an_invoice_over_nothing(self):
        site = make_staff_site()
        rated(site)

        run_billing(seller_id=site.owner.pk, until_date=LATER.date(), at=LATER + timedelta(days=1))

        invoice = Invoice.objects.get(seller=site.owner)
        assert invoice.gross.amount == Decimal(0)
        assert [band["text"] for band in invoice.lines.get().prices] == ["at all times", "Staff"]

    def test_that_is_free_no_more_pays_from_its_next_start_on(self):
        site = make_staff_site()
        wire = Wire(site)
        begun = wire.begin()
        site.token.free_reason = ""
        site.token.save()

        wire.finish(begun.transaction_id)

        assert StartGrant.objects.get().free_reason == "Staff"
        later = wire.begin(started_at=LATER)
        assert StartGrant.objects.get(used_by_session=later.session_id).discount_percent is None


class TestAGrant:
    def test_that_is_free_takes_off_everything(self):
        site = make_staff_site()
        Wire(site).begin()

        with refused_by("grant_for_free_takes_off_everything", StartGrant):
            StartGrant.objects.update(discount_percent=Decimal(50))


class TestAGuestsCard:
    @pytest.mark.parametrize(
        ("minutes", "answer"), [(-1, "Expired"), (0, "Accepted"), (59, "Accepted"), (60, "Expired")]
    )
    def test_charges_within_its_own_time_only(self, minutes, answer):
        site = make_site()
        site.token.valid_from, site.token.valid_to = NOON, NOON + timedelta(hours=1)
        site.token.save()
        at = NOON + timedelta(minutes=minutes)

        assert services.authorise(token=site.token.uid, station_id=site.station.pk, at=at) == answer
        assert Wire(site).begin(started_at=at).status == answer
