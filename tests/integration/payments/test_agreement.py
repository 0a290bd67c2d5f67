"""I12: a difference between Stripe and our payments is made elsewhere, found by the audit, and explained."""

from io import StringIO

import pytest
from django.core.management import call_command

from apps.core.audit import find_violations
from apps.payments import gateway
from apps.payments.models import Payment
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.services import disputes
from apps.payments.services.projection import StripeUnreachable

from .conftest import DECLINES_LATER, NOON, collect
from .drivers import capture, make_attempt, open_page, pay, receipt_of, sync

pytestmark = pytest.mark.django_db


def found() -> list[str]:
    return [each.problem for each in find_violations(with_remote=True) if each.invariant == "I12"]


@pytest.fixture
def payment(sandbox, site) -> Payment:
    attempt = pay(make_attempt(site))
    capture(receipt_of(attempt, site))
    return Payment.objects.get(attempt=attempt)


class TestAPaymentThatStandsAsAtStripe:
    def test_violates_nothing(self, payment):
        assert found() == []

    def test_needs_no_network_unless_wished(self, payment, sandbox):
        before = len(sandbox.control.requests())

        assert not [each for each in find_violations() if each.invariant == "I12"]

        assert len(sandbox.control.requests()) == before


class TestWhatIsFound:
    def test_captured_elsewhere(self, sandbox, site):
        attempt = pay(make_attempt(site))
        gateway.capture_intent(stripe_id=attempt.payment.stripe_id, params={"amount_to_capture": 900}, key="dashboard")

        assert found() == [
            "Stripe says succeeded, we say requires_capture: captured or paid at Stripe, not by us",
        ]
        sync(attempt)
        assert found() == []

    def test_a_capture_whose_webhook_is_missing(self, sandbox, site):
        attempt = pay(make_attempt(site))
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents")
        capture(receipt_of(attempt, site))

        assert found() == [
            "Stripe says succeeded, we say requires_capture: its webhook is missing; the hourly look will bring it"
        ]

    def test_a_page_that_was_paid_and_nobody_told_us(self, sandbox, site):
        complete_checkout(open_page(make_attempt(site)), "4242424242424242")

        assert found() == ["Stripe says requires_capture, we say nothing: the page's webhook is missing"]

    def test_canceled_elsewhere(self, sandbox, site):
        attempt = pay(make_attempt(site))
        gateway.cancel_intent(stripe_id=attempt.payment.stripe_id, key="dashboard")

        [problem] = found()
        assert problem.startswith("Stripe says canceled, we say requires_capture: canceled at Stripe")

    def test_refunded_elsewhere(self, payment):
        gateway.create_refund(params={"payment_intent": payment.stripe_id, "amount": 300}, key="dashboard")

        assert found() == [
            "Stripe says 3, we say 0 is refunded: refunded at Stripe, not here, or its webhook is missing"
        ]

    def test_an_amount_that_was_changed(self, sandbox, invoice, save_card):
        save_card(DECLINES_LATER)
        open_payment = collect(invoice)
        gateway.update_intent(stripe_id=open_payment.stripe_id, params={"amount": 10_000}, key="dashboard")

        assert found() == ["Stripe says 100, we say 119 is asked for: the amount was changed at Stripe"]

    def test_a_dispute_nobody_told_of(self, sandbox, payment):
        stripe_id = sandbox.control.open_dispute(payment.latest_charge)

        assert found() == ["Stripe says 10, we say 0 is disputed: the dispute's webhook is missing"]
        disputes.sync_dispute(stripe_id=stripe_id, payment_id=payment.pk, at=NOON)
        assert found() == []

    def test_an_intent_of_another_account(self, sandbox, payment):
        sandbox.control.reset()

        [problem] = found()
        assert problem == f"Stripe knows no {payment.stripe_id}: made for another account or mode"

    def test_nothing_when_stripe_is_silent_but_says_so(self, sandbox, payment):
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="GET", path="/v1/payment_intents")

        with pytest.raises(StripeUnreachable):
            found()


class TestTheCommand:
    def test_leaves_with_1_and_a_line(self, sandbox, payment):
        gateway.create_refund(params={"payment_intent": payment.stripe_id, "amount": 300}, key="dashboard")
        out = StringIO()

        with pytest.raises(SystemExit) as left:
            call_command("audit", "--stripe", stdout=out)

        assert left.value.code == 1
        assert f"I12 payment {payment.pk}: Stripe says 3, we say 0 is refunded" in out.getvalue()
