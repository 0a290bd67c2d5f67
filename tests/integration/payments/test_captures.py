"""The receipt is captured to the cent, once, and only when session, charge record and receipt are there."""

import logging
from datetime import timedelta
from decimal import Decimal

import pytest
import stripe
from celery import current_app

from apps.core.clock import now
from apps.invoices.models import Invoice
from apps.invoices.services import receipts
from apps.invoices.services.receipts import issue_receipt
from apps.payments import tasks
from apps.payments.models import PaymentAttempt, PaymentOperation
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.selectors import open_amount, payment_state
from apps.payments.services import attempts
from apps.payments.services.captures import NotCapturable
from apps.payments.waiting import stale_attempt_ids, uncaptured_receipt_ids
from tests.factories import make_owner, make_site
from tests.integration.invoices.world import make_paid_cdr

from .conftest import GOOD, MINUTE, NOON, charges, journals
from .drivers import (
    assert_captured_once,
    calls,
    capture,
    charge,
    janitor,
    live_session,
    make_attempt,
    open_page,
    pay,
    posts,
    receipt_of,
    release,
    sync,
    violations,
)

pytestmark = pytest.mark.django_db

INTENT = "/v1/payment_intents/pi_"
DAY = timedelta(days=1)


@pytest.fixture
def attempt(sandbox, site) -> PaymentAttempt:
    """An attempt of 25.00 EUR that is paid."""
    return pay(make_attempt(site))


@pytest.fixture
def receipt(attempt, site) -> Invoice:
    """20 kWh for 10.00 EUR."""
    return receipt_of(attempt, site)


class TestCapture:
    def test_takes_the_receipt_exactly_and_releases_the_rest(self, sandbox, site, attempt, receipt):
        assert payment_state(receipt).state == "processing"

        captured = capture(receipt)

        (charged,) = sandbox.control.objects("charge")
        assert (charged["amount"], charged["amount_captured"], charged["amount_refunded"]) == (2500, 1000, 1500)
        assert_captured_once(sandbox, captured, receipt)
        state = payment_state(receipt)
        assert (state.state, state.open_amount, state.why) == ("paid", 0, "Paid.")

    def test_is_posted_with_stripes_fee(self, sandbox, site, attempt, receipt):
        """10.00 × 1.5 % = 0.15, and 0.25: a fee of 0.40."""
        capture(receipt)

        pk = attempt.payment.pk
        assert journals(site.owner) == {
            f"invoice:{receipt.pk}:issued": {
                "1200": Decimal("10.00"),
                "2200": Decimal("-1.60"),
                "4000": Decimal("-8.40"),
            },
            f"payment:{pk}:received": {"1020": Decimal("10.00"), "1200": Decimal("-10.00")},
            f"payment:{pk}:fee": {"6000": Decimal("0.40"), "1020": Decimal("-0.40")},
        }

    def test_is_done_once_however_often_it_is_asked_for(self, sandbox, attempt, receipt):
        capture(receipt)
        capture(receipt, at=NOON + MINUTE)
        sync(attempt)

        assert len(posts(sandbox, "/capture")) == 1
        assert_captured_once(sandbox, attempt, receipt)

    def test_in_yen(self, sandbox, db):
        """20 kWh × 60 JPY = 1200 JPY of a hold of 4000; the fee is 18 + 25."""
        elements = [{"price_components": [{"type": "ENERGY", "price": "60", "step_size": 1}]}]
        site = make_site(owner=make_owner(currency="JPY"), tax_included=True, elements=elements)
        attempt = pay(make_attempt(site, Decimal(4000)))
        receipt = receipt_of(attempt, site)

        capture(receipt)

        attempt.refresh_from_db()
        attempt.payment.refresh_from_db()
        assert (attempt.status, attempt.payment.amount_received.amount) == ("captured", Decimal(1200))
        assert charges(sandbox) == [("succeeded", 1200)]
        assert journals(site.owner)[f"payment:{attempt.payment.pk}:fee"] == {
            "6000": Decimal(43),
            "1020": Decimal(-43),
        }
        assert violations() == []

    def test_of_all_that_is_held(self, sandbox, site, attempt):
        """60 kWh would be 30.00; the ceiling line of the rating makes it 25.00."""
        receipt = receipt_of(attempt, site, kwh="60")

        capture(receipt)

        assert_captured_once(sandbox, attempt, receipt, "25.00")

    def test_of_zero_releases_the_hold(self, sandbox, site, attempt):
        receipt = receipt_of(attempt, site, kwh="0")
        assert receipt.gross.amount == 0

        released = capture(receipt)

        assert (released.status, released.release_reason, released.receipt) == ("released", "nothing to pay", receipt)
        assert calls("capture_intent", "cancel_intent") == [("cancel_intent", "done", 1)]
        assert payment_state(receipt).why == "Nothing to pay."
        assert violations() == []

    def test_of_a_free_charge_ends_without_stripe(self, sandbox, db):
        free = [{"price_components": [{"type": "ENERGY", "price": "0", "step_size": 1}]}]
        site = make_site(tax_included=True, elements=free)
        attempt = make_attempt(site, Decimal(0))
        receipt = receipt_of(attempt, site)

        ended = capture(receipt)

        assert (ended.status, ended.receipt) == ("released", receipt)
        assert sandbox.control.requests() == []
        assert violations() == []

    def test_above_the_hold_takes_the_hold_and_alerts(self, sandbox, site, caplog):
        attempt = pay(make_attempt(site, Decimal("6.00")))
        receipt = receipt_of(attempt, site, is_limited=False)
        assert receipt.gross.amount == Decimal("10.00")

        capture(receipt)

        attempt.refresh_from_db()
        assert (attempt.status, open_amount(receipt)) == ("captured", Decimal("4.00"))
        assert charges(sandbox) == [("succeeded", 600)]
        state = payment_state(receipt)
        assert (state.state, state.why) == ("open", "The reserved amount did not suffice.")
        assert "stays receivable" in caplog.text
        assert violations() == []

    def test_is_not_for_a_receipt_without_an_attempt(self, sandbox, site):
        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site).pk, at=NOON)

        assert capture(receipt) is None
        assert sandbox.control.requests() == []


class TestTooEarly:
    def test_a_document_that_is_no_receipt_takes_nothing(self, sandbox, site, attempt, invoice):
        assert capture(invoice) is None
        attempt.refresh_from_db()
        assert attempt.status == "authorised"

    def test_a_draft_is_refused(self, sandbox, site, attempt):
        draft = receipts._draft(
            type(charge(attempt, site))
            .objects.select_related("session__station__location", "session__grant", "session__seller")
            .get()
        )

        with pytest.raises(NotCapturable):
            capture(draft)
        attempt.refresh_from_db()
        assert (attempt.status, attempt.receipt) == ("authorised", None)
        assert not PaymentOperation.objects.filter(kind="capture_intent").exists()

    def test_a_session_that_is_not_over_has_no_receipt_to_capture(self, sandbox, site, attempt):
        live_session(attempt, site)

        assert uncaptured_receipt_ids() == []


class TestTrouble:
    @pytest.mark.parametrize(
        ("kind", "keys", "captures"),
        [
            (FaultKind.DROP_ANSWER, 1, [("capture_intent", "done", 2)]),
            (FaultKind.ERROR_AFTER, 1, [("capture_intent", "done", 2)]),
            (FaultKind.ERROR_BEFORE, 2, [("capture_intent", "rejected", 2), ("capture_intent", "done", 1)]),
            (FaultKind.TOO_MANY, 1, [("capture_intent", "done", 2)]),
        ],
    )
    def test_never_captures_twice(self, sandbox, attempt, receipt, kind, keys, captures):
        sandbox.control.fault(kind, method="POST", path=INTENT)

        assert capture(receipt).status == "capturing"
        state = payment_state(receipt)
        assert (state.state, state.why) == ("processing", "The payment is being finalised.")
        janitor(NOON + MINUTE)

        assert calls("capture_intent") == captures
        assert len(set(posts(sandbox, "/capture"))) == keys
        assert_captured_once(sandbox, attempt, receipt)

    def test_a_lost_answer_is_made_up_for_by_a_webhook_and_the_janitor(self, sandbox, attempt, receipt):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=INTENT)
        capture(receipt)

        assert sync(attempt).status == "captured"
        janitor(NOON + MINUTE)

        assert_captured_once(sandbox, attempt, receipt)

    def test_an_old_key_is_looked_into_before_it_is_used_again(self, sandbox, attempt, receipt):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=INTENT)
        capture(receipt)
        sandbox.control.advance_clock(25 * 3600)

        janitor(NOON + timedelta(hours=25))

        assert len(posts(sandbox, "/capture")) == 1
        assert_captured_once(sandbox, attempt, receipt)

    def test_waits_for_a_call_that_is_under_way(self, sandbox, site):
        """The page's own expiry was cut off; the driver had paid. The capture comes after it."""

        attempt = make_attempt(site)
        complete_checkout(open_page(attempt), GOOD)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/checkout")
        attempts.expire_checkout(attempt_id=attempt.pk, at=NOON + 10 * MINUTE)
        sync(attempt)
        receipt = receipt_of(attempt, site)

        assert capture(receipt, at=NOON + 10 * MINUTE).status == "capturing"
        assert calls("capture_intent") == []
        janitor(NOON + 11 * MINUTE)

        assert_captured_once(sandbox, attempt, receipt)

    def test_a_refused_capture_leaves_the_receipt_receivable(self, sandbox, site, attempt, caplog):
        """0.25 EUR is below what Stripe takes, and nobody waived it."""
        receipt = receipt_of(attempt, site, kwh="0.5")

        failed = capture(receipt)

        assert (failed.status, failed.failure_code) == ("capture_failed", "amount_too_small")
        assert failed.failure_message == "The amount could not be taken from the reserved money."
        assert open_amount(receipt) == Decimal("0.25")
        assert payment_state(receipt).state == "open"
        assert "receivable" in caplog.text
        assert violations() == []


class TestHoldExpired:
    def test_before_the_capture_leaves_the_receipt_receivable(self, sandbox, site, attempt, receipt, caplog):
        sandbox.control.advance_clock(8 * 24 * 3600)

        late = capture(receipt, at=NOON + 8 * DAY)

        assert (late.status, late.receipt) == ("hold_expired", receipt)
        assert calls("capture_intent") == [("capture_intent", "rejected", 1)]
        assert open_amount(receipt) == Decimal("10.00")
        state = payment_state(receipt)
        assert (state.state, state.why) == ("open", "The reserved amount could not be taken.")
        assert list(journals(site.owner)) == [f"invoice:{receipt.pk}:issued"]
        assert "stays receivable" in caplog.text
        assert violations() == []

    def test_and_heard_of_before_the_receipt_is_the_same(self, sandbox, site, attempt, caplog):
        sandbox.control.advance_clock(8 * 24 * 3600)
        assert stale_attempt_ids(at=NOON + 8 * DAY) == [attempt.pk]
        assert sync(attempt, at=NOON + 8 * DAY).status == "hold_expired"
        # A grant was open all the while, as it is when the station was offline.
        attempt.refresh_from_db()
        with pytest.raises(Exception, match="pays for no start"):
            charge(attempt, site)
        assert calls("capture_intent") == []


class TestElsewhere:
    def test_a_capture_at_stripe_itself_is_taken_over_with_an_alert(self, sandbox, site, attempt, receipt, caplog):
        client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
        client.v1.payment_intents.capture(attempt.payment.stripe_id, {"amount_to_capture": 1000})
        with caplog.at_level(logging.ERROR):
            assert sync(attempt).status == "captured"
        assert [each.problem for each in violations()] == ["captured without a receipt"]

        capture(receipt)

        assert "without our asking" in caplog.text
        assert payment_state(receipt).state == "paid"
        assert violations() == []

    def test_a_cancellation_at_stripe_itself_leaves_it_receivable(self, sandbox, site, attempt, receipt):
        client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
        client.v1.payment_intents.cancel(attempt.payment.stripe_id)

        assert capture(receipt).status == "hold_expired"
        assert violations() == []


class TestLateStart:
    def test_after_the_release_is_receivable_and_told_by_the_audit(self, sandbox, site, attempt):
        cdr = charge(attempt, site)
        release(attempt)

        receipt = issue_receipt(cdr_id=cdr.pk, at=NOON)
        assert capture(receipt).status == "released"

        assert [each.problem for each in violations()] == ["released and 10.000000 is receivable"]


@pytest.fixture
def _at_once():
    """Run what is handed out at once, in this process."""

    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = True
    yield
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = False


@pytest.mark.usefixtures("_at_once")
class TestSweeper:
    def test_captures_what_no_bell_told_of(self, sandbox, attempt, receipt):
        assert uncaptured_receipt_ids() == [receipt.pk]

        tasks.sweep_attempts()

        assert uncaptured_receipt_ids() == []
        assert_captured_once(sandbox, attempt, receipt)

    def test_closes_old_pages_and_looks_at_open_ones(self, sandbox, site):
        old = make_attempt(site, at=now() - 11 * MINUTE)
        open_page(old)
        paid = make_attempt(site, at=now() - 2 * MINUTE)
        complete_checkout(open_page(paid, at=now() - 2 * MINUTE), GOOD)

        tasks.sweep_attempts()

        old.refresh_from_db()
        paid.refresh_from_db()
        assert (old.status, paid.status) == ("checkout_expired", "authorised")
