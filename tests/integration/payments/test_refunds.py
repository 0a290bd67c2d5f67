"""A receipt is taken back whole: credit note, refund at Stripe once, and journals that reverse."""

from datetime import timedelta
from decimal import Decimal

import pytest
import stripe

from apps.invoices.errors import NotCreditable
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_amounts
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.outcomes import EventHint
from apps.payments.sandbox import FaultKind
from apps.payments.selectors import open_amount, payment_state
from apps.payments.services import events
from apps.payments.services.refunds import NotRefundable, refund_document
from tests.factories import make_user
from tests.integration.invoices.world import bill, make_cdr

from .conftest import MINUTE, NOON, collect, journals
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


def refund(document: Invoice, at=NOON, reason: str = "The cable was broken.", by=None, **more) -> Refund | None:
    """Give it back, all of it unless told otherwise; return the one refund, if there is one."""
    refunds = refund_document(document_id=document.pk, reason=reason, by=by, at=at, **more)
    assert len(refunds) < 2
    return refunds[0] if refunds else None


def part(document: Invoice, stated: str, **more) -> Refund | None:
    return refund(document, amounts={document.lines.get().pk: Decimal(stated)}, **more)


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
        theirs = Refund.objects.get(origin="elsewhere")
        assert (theirs.status, theirs.invoice, theirs.amount.amount) == ("succeeded", receipt, Decimal("10.00"))
        assert (open_amount(receipt), violations()) == (0, [])


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


class TestInParts:
    def test_gives_back_a_part_with_a_credit_note_of_a_part(self, sandbox, site, receipt):
        done = part(receipt, "2.50")

        assert (done.status, done.amount.amount, done.credit_note.gross.amount) == (
            "succeeded",
            Decimal("2.50"),
            Decimal("-2.50"),
        )
        assert [each["amount"] for each in sandbox.control.objects("refund")] == [250]
        assert (open_amount(receipt), payment_state(receipt).state) == (0, "paid")
        assert violations() == []

    def test_several_come_to_the_whole_and_no_further(self, sandbox, site, receipt):
        for stated in ("3.33", "3.33", "3.34"):
            part(receipt, stated)

        with pytest.raises(NotCreditable):
            part(receipt, "0.01")
        assert sum(each["amount"] for each in sandbox.control.objects("refund")) == 1000
        assert payment_state(receipt).why == "Credited in full; the money was given back."
        assert violations() == []

    def test_a_second_click_is_no_second_refund(self, sandbox, site, receipt):
        part(receipt, "2.00", seen_left=Decimal("10.00"))

        with pytest.raises(NotRefundable, match="meanwhile"):
            part(receipt, "2.00", seen_left=Decimal("10.00"))

        assert (receipt.credit_notes.count(), len(sandbox.control.objects("refund"))) == (1, 1)

    def test_another_waits_until_it_is_known_what_became_of_the_first(self, sandbox, site, receipt):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/refunds")
        part(receipt, "2.00")

        with pytest.raises(NotRefundable, match="under way"):
            part(receipt, "3.00")

        assert receipt.credit_notes.count() == 1
        janitor(NOON + MINUTE)
        part(receipt, "3.00", at=NOON + MINUTE)
        assert sorted(each["amount"] for each in sandbox.control.objects("refund")) == [200, 300]
        assert violations() == []

    def test_one_that_fails_later_reopens_its_part_alone(self, sandbox, site, attempt, receipt):
        part(receipt, "2.00")
        second = part(receipt, "3.00")
        sandbox.control.fail_refund(second.stripe_id)

        sync(attempt)

        assert open_amount(receipt) == Decimal("-3.00")
        assert violations() == []

    def test_one_that_failed_is_not_asked_for_again_while_another_is_under_way(self, sandbox, attempt, receipt):
        first = part(receipt, "4.00")
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/refunds")
        rest = part(receipt, "6.00")
        sandbox.control.fail_refund(first.stripe_id)
        sync(attempt)

        with pytest.raises(NotRefundable, match="under way"):
            refund(receipt)

        assert list(Refund.objects.order_by("pk")) == [first, rest]
        janitor(NOON + MINUTE)
        assert refund(receipt, at=NOON + MINUTE).amount.amount == Decimal("4.00")
        assert (open_amount(receipt), violations()) == (0, [])

    def test_before_the_capture_leaves_that_much_less_to_capture(self, sandbox, site, attempt):
        receipt = receipt_of(attempt, site)
        credit_amounts(
            invoice_id=receipt.pk, amounts={receipt.lines.get().pk: Decimal("2.00")}, reason="x", at=NOON, by=None
        )

        capture(receipt)

        attempt.payment.refresh_from_db()
        assert (attempt.payment.amount_received.amount, open_amount(receipt)) == (Decimal("8.00"), 0)
        assert violations() == []


class TestOfACustomersInvoice:
    @pytest.fixture
    def paid(self, sandbox, site, save_card) -> Invoice:
        make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
        save_card(of=site.customer)
        (invoice,) = bill(site, until_date=NOON.date(), at=NOON)
        collect(invoice)
        return invoice

    def test_gives_back_to_the_card_it_was_collected_from(self, sandbox, site, paid):
        line = paid.lines.get()
        half = (line.net.amount / 2).quantize(Decimal("0.01"))

        done = part(paid, str(half))

        assert (done.status, done.invoice, done.amount.amount) == ("succeeded", paid, -done.credit_note.gross.amount)
        assert done.credit_note.net.amount == -half
        assert journals(site.owner)[f"refund:{done.pk}:paid"] == {
            "1200": done.amount.amount,
            "1020": -done.amount.amount,
        }
        assert (open_amount(paid), violations()) == (0, [])

    def test_of_what_is_still_owed_is_the_credit_note_alone(self, sandbox, site):
        make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
        (invoice,) = bill(site, until_date=NOON.date(), at=NOON)

        assert part(invoice, "1.00") is None

        assert open_amount(invoice) == invoice.gross.amount + invoice.credit_notes.get().gross.amount
        assert posts(sandbox, "/refunds") == []


class TestMadeElsewhere:
    def elsewhere(self, sandbox, attempt, amount: int):
        client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
        return client.v1.refunds.create({"payment_intent": attempt.payment.stripe_id, "amount": amount})

    def test_is_written_down_posted_and_told(self, sandbox, site, attempt, receipt, caplog):
        theirs = self.elsewhere(sandbox, attempt, 400)

        sync(attempt)
        sync(attempt)

        row = Refund.objects.get()
        assert (row.origin, row.stripe_id, row.status, row.credit_note) == ("elsewhere", theirs.id, "succeeded", None)
        assert journals(site.owner)[f"refund:{row.pk}:paid"] == {"1200": Decimal("4.00"), "1020": Decimal("-4.00")}
        assert open_amount(receipt) == Decimal("4.00")
        assert caplog.text.count("was refunded elsewhere") == 1
        assert violations() == []

    def test_is_papered_by_a_credit_note_without_another_refund(self, sandbox, site, attempt, receipt):
        self.elsewhere(sandbox, attempt, 400)
        sync(attempt)

        assert part(receipt, "4.00") is None

        assert (open_amount(receipt), len(sandbox.control.objects("refund"))) == (0, 1)
        assert violations() == []

    def test_is_heard_of_by_webhook(self, sandbox, site, attempt, receipt):
        theirs = self.elsewhere(sandbox, attempt, 1000)
        told = [each for each in sandbox.control.objects("event") if each["type"] == "refund.created"]
        event = events.receive_event(
            hint=EventHint(
                stripe_id=told[0]["id"], type=told[0]["type"], livemode=False, api_version="", payload=told[0]
            ),
            at=NOON,
        )

        events.process_event(event_id=event.pk, at=NOON)

        assert Refund.objects.get().stripe_id == theirs.id
