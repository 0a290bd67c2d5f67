"""A receipt is taken back whole: credit note, refund at Stripe once, and journals that reverse."""

from datetime import timedelta
from decimal import Decimal

import pytest
import stripe

from apps.invoices.errors import NotCreditable
from apps.invoices.models import Invoice
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.sandbox import FaultKind
from apps.payments.selectors import open_amount, payment_state
from apps.payments.services.refunds import NotRefundable, refund_receipt
from tests.factories import make_user

from .conftest import MINUTE, NOON, journals
from .drivers import calls, capture, janitor, make_attempt, pay, posts, receipt_of, sync, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(sandbox, site) -> PaymentAttempt:
    return pay(make_attempt(site))


@pytest.fixture
def receipt(attempt, site) -> Invoice:
    """10.00 EUR, captured."""
    receipt = receipt_of(attempt, site)
    capture(receipt)
    return receipt


def refund(receipt: Invoice, at=NOON, reason: str = "The cable was broken.", by=None) -> Refund | None:
    return refund_receipt(invoice_id=receipt.pk, reason=reason, by=by, at=at)


def assert_refunded_once(sandbox, site, receipt) -> None:
    done = Refund.objects.get()
    assert (done.status, done.amount.amount, done.invoice) == ("succeeded", Decimal("10.00"), receipt)
    assert [(r["amount"], r["status"]) for r in sandbox.control.objects("refund")] == [(1000, "succeeded")]
    assert journals(site.owner)[f"refund:{done.pk}:paid"] == {"1200": Decimal("10.00"), "1020": Decimal("-10.00")}
    assert open_amount(receipt) == 0
    state = payment_state(receipt)
    assert (state.state, state.why) == ("credited", "Credited in full; the money was given back.")
    assert violations() == []


class TestRefund:
    def test_gives_back_what_was_captured_with_credit_note_and_journals(self, sandbox, site, receipt):
        person = make_user()

        done = refund(receipt, by=person)

        note = done.credit_note
        assert (note.kind, note.credits, note.gross.amount) == ("credit_note", receipt, Decimal("-10.00"))
        assert (note.reason, done.reason, done.requested_by) == (
            "The cable was broken.",
            "The cable was broken.",
            person,
        )
        assert journals(site.owner)[f"invoice:{note.pk}:issued"] == {
            "1200": Decimal("-10.00"),
            "2200": Decimal("1.60"),
            "4000": Decimal("8.40"),
        }
        assert_refunded_once(sandbox, site, receipt)

    def test_is_done_once_however_often_it_is_asked_for(self, sandbox, site, receipt):
        assert refund(receipt) == refund(receipt, reason="Again.")

        assert len(posts(sandbox, "/refunds")) == 1
        assert_refunded_once(sandbox, site, receipt)

    def test_waits_for_the_capture(self, sandbox, site, attempt):
        receipt = receipt_of(attempt, site)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents/pi_")
        capture(receipt)

        with pytest.raises(NotRefundable, match="finalised"):
            refund(receipt)

        assert not Refund.objects.exists()
        assert not receipt.credit_notes.exists()

    def test_needs_a_reason(self, sandbox, receipt):
        with pytest.raises(NotCreditable):
            refund(receipt, reason="  ")

        assert not Refund.objects.exists()
        assert posts(sandbox, "/refunds") == []

    def test_is_not_for_an_invoice(self, sandbox, invoice):
        with pytest.raises(NotRefundable, match="no receipt"):
            refund(invoice)
        assert not invoice.credit_notes.exists()

    def test_of_a_receipt_that_nothing_was_captured_for_is_the_credit_note_alone(self, sandbox, site, attempt):
        receipt = receipt_of(attempt, site)
        sandbox.control.advance_clock(8 * 24 * 3600)
        assert capture(receipt).status == "hold_expired"

        assert refund(receipt) is None

        assert (open_amount(receipt), posts(sandbox, "/refunds")) == (0, [])
        assert violations() == []


class TestTrouble:
    @pytest.mark.parametrize(
        ("kind", "keys", "refunds"),
        [
            (FaultKind.DROP_ANSWER, 1, [("create_refund", "done", 2)]),
            (FaultKind.ERROR_AFTER, 1, [("create_refund", "done", 2)]),
            (FaultKind.ERROR_BEFORE, 2, [("create_refund", "rejected", 2), ("create_refund", "done", 1)]),
            (FaultKind.TOO_MANY, 1, [("create_refund", "done", 2)]),
        ],
    )
    def test_never_refunds_twice(self, sandbox, site, receipt, kind, keys, refunds):
        sandbox.control.fault(kind, method="POST", path="/v1/refunds")

        assert refund(receipt).status == "requested"
        assert payment_state(receipt).why == "Credited in full after it was paid; the money is to be given back."
        janitor(NOON + MINUTE)

        assert calls("create_refund") == refunds
        assert len(set(posts(sandbox, "/refunds"))) == keys
        assert_refunded_once(sandbox, site, receipt)

    def test_an_old_key_is_never_used_without_looking_for_our_reference(self, sandbox, site, receipt):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/refunds")
        refund(receipt)
        sandbox.control.advance_clock(25 * 3600)

        janitor(NOON + timedelta(hours=25))

        assert len(posts(sandbox, "/refunds")) == 1
        assert_refunded_once(sandbox, site, receipt)

    def test_asked_for_elsewhere_too_is_refused_and_told(self, sandbox, site, attempt, receipt, caplog):
        client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
        client.v1.refunds.create({"payment_intent": attempt.payment.stripe_id})

        done = refund(receipt)

        assert (done.status, done.failure_message) == ("failed", "charge_already_refunded")
        assert "was refunded elsewhere" in caplog.text


class TestFailsLater:
    def test_reopens_and_may_be_asked_for_again(self, sandbox, site, attempt, receipt, caplog):
        first = refund(receipt)
        sandbox.control.fail_refund(first.stripe_id)

        sync(attempt)

        first.refresh_from_db()
        assert (first.status, first.failure_message) == ("failed", "expired_or_canceled_card")
        assert journals(site.owner)[f"refund:{first.pk}:failed"] == {
            "1020": Decimal("10.00"),
            "1200": Decimal("-10.00"),
        }
        assert open_amount(receipt) == Decimal("-10.00")
        assert "still to be given back" in caplog.text
        assert violations() == []

        second = refund(receipt)

        assert (second.status, second.pk != first.pk) == ("succeeded", True)
        assert receipt.credit_notes.count() == 1
        assert open_amount(receipt) == 0
        assert violations() == []
