"""Stripe is down for an hour: cars charge on, by card of a contract and on a driver's hold; the money follows later."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from apps.core.audit import find_violations
from apps.core.domain.zones import zone
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.payments import gateway
from apps.payments.models import PaymentAttempt, PaymentOperation, SavedMethod
from apps.payments.sandbox import complete_checkout
from apps.payments.services import collection, methods, setups
from apps.sessions import services as sessions
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.models import Cdr
from apps.sessions.services.rating import rate_settled
from tests.factories import make_evse, make_station
from tests.integration.payments.conftest import BACK, CANCEL
from tests.integration.payments.drivers import janitor
from tests.integration.sessions.conftest import BEGIN, KWH, Wire

from .conftest import GOOD, MINUTE, NOW
from .test_progress_page import Charge

pytestmark = pytest.mark.django_db
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def wire(site) -> Wire:
    """Another station of the same seller, at which the fleet's card charges."""
    station = make_station(location=site.location)
    return Wire(replace(site, station=station, evse=make_evse(station=station)))


@pytest.fixture
def down(sandbox, settings) -> Callable[[], None]:
    """Let nobody answer at Stripe's address from now on."""

    def fall() -> None:
        gateway.forget_connections()
        settings.STRIPE_API_BASE = NOBODY

    return fall


@pytest.fixture
def up(sandbox, settings) -> Callable[[], None]:
    def rise() -> None:
        settings.STRIPE_API_BASE = sandbox.url

    return rise


def save_card(site) -> None:
    url = methods.start_method_setup(customer_id=site.customer.pk, success_url=BACK, cancel_url=CANCEL, at=NOW)
    complete_checkout(url, GOOD)
    setups.sync_method(method_id=SavedMethod.objects.get().pk, at=NOW)


def captured(sandbox) -> list[int]:
    return sorted(each["amount_captured"] for each in sandbox.control.objects("charge"))


class TestStripeDown:
    def test_a_contracts_session_starts_runs_stops_and_is_rated(self, wire, down):
        down()

        begun = wire.begin(started_at=NOW)
        sessions.record_readings((wire.readings(begun.transaction_id, (NOW + 20 * MINUTE, BEGIN + 5 * KWH)),))
        session = wire.finish(begun.transaction_id, ended_at=NOW + 40 * MINUTE)
        sessions.settle_sessions(session_ids=[session.pk], at=NOW + 41 * MINUTE)
        record = rate_settled(session_id=session.pk, at=NOW + 41 * MINUTE)

        assert begun.status is AuthorisationStatus.ACCEPTED
        assert str(record.gross) == "€5.00"
        assert PaymentOperation.objects.count() == 0

    def test_a_drivers_session_goes_on_and_its_capture_drains_when_stripe_is_back(
        self, sandbox, site, driver, down, up
    ):
        attempt = driver.pay()
        charge = Charge(attempt, site)
        down()

        charge.begin().deliver(8 * KWH, at=NOW - 5 * MINUTE).end(10 * KWH, at=NOW).price()
        attempt.refresh_from_db()
        meanwhile = attempt.status, captured(sandbox)
        up()
        janitor(NOW + 30 * MINUTE)

        attempt.refresh_from_db()
        assert meanwhile == ("capturing", [0])
        assert (attempt.status, captured(sandbox)) == ("captured", [500])
        assert attempt.receipt.gross == attempt.payment.amount_received

    def test_the_driver_is_told_to_wait_and_not_that_the_payment_failed(self, site, driver, down):
        attempt = driver.pay()
        down()
        Charge(attempt, site).begin().end(10 * KWH, at=NOW).price()

        page = driver.client.get(f"/s/{attempt.token}/").content.decode()

        assert "failed" not in page
        assert "5.00" in page

    def test_a_new_driver_is_told_so_and_holds_nothing(self, sandbox, site, driver, down):
        page = driver.look()
        down()

        response = driver.press(page)

        assert response.status_code == 503
        assert "cannot" in response.content.decode()
        assert sandbox.control.objects("payment_intent") == []
        assert PaymentAttempt.objects.get().status == "created"

    def test_an_invoice_is_issued_and_its_collection_drains_when_stripe_is_back(self, sandbox, site, wire, down, up):
        save_card(site)
        down()
        begun = wire.begin(started_at=NOW - 80 * MINUTE)
        session = wire.finish(begun.transaction_id, ended_at=NOW - 20 * MINUTE)
        sessions.settle_sessions(session_ids=[session.pk], at=NOW - 19 * MINUTE)
        rate_settled(session_id=session.pk, at=NOW - 19 * MINUTE)
        run_billing(seller_id=site.owner.pk, until_date=NOW.astimezone(zone(site.owner.time_zone)).date(), at=NOW)
        invoice = Invoice.objects.get(status="issued")
        collection.collect_invoice(invoice_id=invoice.pk, at=NOW)
        meanwhile = captured(sandbox)

        up()
        for minutes in (30, 60, 90):
            janitor(NOW + minutes * MINUTE)

        assert (meanwhile, captured(sandbox)) == ([], [500])
        assert Cdr.objects.count() == 1
        assert [found for found in find_violations() if found.invariant not in {"I9", "I10"}] == []
