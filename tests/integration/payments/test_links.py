"""What is open of a document can be paid on a hosted page: one page a document, for exactly what is open."""

from datetime import timedelta
from decimal import Decimal

import pytest
import stripe

from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.payments.models import Payment, PaymentAttempt, Refund
from apps.payments.payable import outdated_link_ids
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.selectors import open_amount, payment_state, surplus_payment_ids
from apps.payments.services import events, paying, syncing
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.links import NotPayable
from apps.payments.services.refunds import refund_document, refund_surplus
from apps.payments.waiting import stale_payment_ids
from tests.integration.invoices.world import bill, make_cdr

from .conftest import MINUTE, NOON, collect, journals
from .drivers import CANCELED, SUCCESS, capture, janitor, make_attempt, pay, posts, receipt_of, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(sandbox, site) -> PaymentAttempt:
    return pay(make_attempt(site))


@pytest.fixture
def receipt(sandbox, attempt, site) -> Invoice:
    """10.00 EUR, whose hold ended before it was captured."""
    receipt = receipt_of(attempt, site)
    client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
    client.v1.payment_intents.cancel(attempt.payment.stripe_id)
    assert capture(receipt).status == "hold_expired"
    return receipt


def open_page(document: Invoice, at=NOON) -> str:
    return paying.open_pay_page(document_id=document.pk, success_url=SUCCESS, cancel_url=CANCELED, at=at)


def come_back(document: Invoice, at=NOON) -> None:
    paying.sync_links(document_id=document.pk, at=at)


def link_of(document: Invoice) -> Payment:
    return Payment.objects.filter(invoice=document, kind="link").latest("pk")


def sessions(sandbox) -> list[tuple[int, str]]:
    """Return amount and status of the pages of links, oldest first."""
    pages = sandbox.control.objects("checkout.session")
    links = [each for each in pages if each["metadata"].get("wattledger_invoice")]
    return [(each["amount_total"], each["status"]) for each in sorted(links, key=lambda each: each["created"])]


def credit_part(document: Invoice, stated: str) -> None:
    amounts = {document.lines.get().pk: Decimal(stated)}
    credit_amounts(invoice_id=document.pk, amounts=amounts, reason="x", at=NOON, by=None)


class TestPayLink:
    def test_takes_what_is_open_at_once_and_settles_the_receipt(self, sandbox, site, receipt):
        complete_checkout(open_page(receipt), "4242424242424242")
        come_back(receipt)

        paid = link_of(receipt)
        assert (paid.status, paid.amount_received.amount, paid.page_url) == ("succeeded", Decimal("10.00"), "")
        assert [(a.invoice, a.amount.amount) for a in paid.allocations.all()] == [(receipt, Decimal("10.00"))]
        assert journals(site.owner)[f"payment:{paid.pk}:received"] == {
            "1020": Decimal("10.00"),
            "1200": Decimal("-10.00"),
        }
        assert (open_amount(receipt), payment_state(receipt).state) == (0, "paid")
        assert violations() == []

    def test_is_one_page_however_often_it_is_opened(self, sandbox, receipt):
        assert open_page(receipt) == open_page(receipt)

        assert sessions(sandbox) == [(1000, "open")]

    def test_for_another_amount_is_closed_and_replaced(self, sandbox, receipt):
        first = open_page(receipt)
        credit_part(receipt, "3.00")

        assert open_page(receipt) != first

        assert sorted(sessions(sandbox)) == [(700, "open"), (1000, "expired")]
        assert [p.status for p in Payment.objects.filter(kind="link").order_by("pk")] == ["canceled", "new"]

    def test_of_a_settled_document_is_closed_by_the_sweep(self, sandbox, receipt):
        open_page(receipt)
        credit_invoice(invoice_id=receipt.pk, reason="x", at=NOON, by=None)

        (payment_id,) = outdated_link_ids()
        paying.close_outdated_page(payment_id=payment_id, at=NOON)

        assert (sessions(sandbox), outdated_link_ids()) == ([(1000, "expired")], [])

    def test_that_nobody_paid_on_in_time_is_replaced(self, sandbox, receipt):
        first = open_page(receipt)
        sandbox.control.advance_clock(2 * 3600)

        assert open_page(receipt, at=NOON + timedelta(hours=2)) != first

        assert [p.status for p in Payment.objects.filter(kind="link").order_by("pk")] == ["canceled", "new"]

    def test_is_found_paid_by_the_webhook_of_its_page(self, sandbox, receipt):
        complete_checkout(open_page(receipt), "4242424242424242")
        page = link_of(receipt).page_id

        events._follow({"object": "checkout.session", "id": page}, at=NOON)

        assert open_amount(receipt) == 0

    def test_is_found_paid_by_the_webhook_of_its_intent(self, sandbox, receipt):
        complete_checkout(open_page(receipt), "4242424242424242")
        (intent,) = [each for each in sandbox.control.objects("payment_intent") if each["status"] == "succeeded"]

        events._follow(intent, at=NOON)

        assert open_amount(receipt) == 0

    def test_is_found_paid_by_the_hourly_look(self, sandbox, receipt):
        complete_checkout(open_page(receipt), "4242424242424242")
        later = NOON + timedelta(minutes=61)

        (payment_id,) = stale_payment_ids(at=later)
        syncing.sync_payment(payment_id=payment_id, at=later)

        assert open_amount(receipt) == 0

    def test_a_declined_card_leaves_the_page_open(self, sandbox, receipt):
        url = open_page(receipt)
        with pytest.raises(Exception, match="declined"):
            complete_checkout(url, "4000000000000002")

        assert open_page(receipt) == url
        complete_checkout(url, "4242424242424242")
        come_back(receipt)
        assert (open_amount(receipt), violations()) == (0, [])

    @pytest.mark.parametrize("kind", [FaultKind.DROP_ANSWER, FaultKind.ERROR_BEFORE, FaultKind.TOO_MANY])
    def test_without_an_answer_is_finished_by_the_janitor(self, sandbox, receipt, kind):
        sandbox.control.fault(kind, method="POST", path="/v1/checkout/sessions")

        with pytest.raises(CheckoutUnavailable):
            open_page(receipt)
        janitor(NOON + MINUTE)

        complete_checkout(open_page(receipt, at=NOON + MINUTE), "4242424242424242")
        come_back(receipt)
        assert (open_amount(receipt), Payment.objects.filter(kind="link").count()) == (0, 1)


class TestWhatCannotBePaid:
    def refuse(self, document: Invoice, match: str) -> None:
        with pytest.raises(NotPayable, match=match):
            open_page(document)
        assert not Payment.objects.filter(kind="link").exists()

    def test_a_captured_receipt(self, sandbox, site, attempt):
        receipt = receipt_of(attempt, site)
        capture(receipt)

        self.refuse(receipt, "nothing to pay")

    def test_a_receipt_whose_capture_is_not_known(self, sandbox, site, attempt):
        receipt = receipt_of(attempt, site)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents/pi_")
        capture(receipt)

        self.refuse(receipt, "finalised")

    def test_a_credit_note(self, sandbox, receipt):
        self.refuse(credit_invoice(invoice_id=receipt.pk, reason="x", at=NOON, by=None), "no document")


class TestOfACustomersInvoice:
    @pytest.fixture
    def billed(self, sandbox, site) -> Invoice:
        make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
        (invoice,) = bill(site, until_date=NOON.date(), at=NOON)
        return invoice

    def test_settles_it_and_cancels_what_was_to_be_collected(self, sandbox, site, billed, save_card):
        save_card("4000000000000341", of=site.customer)
        assert collect(billed).status == "requires_payment_method"

        complete_checkout(open_page(billed), "4242424242424242")
        come_back(billed)

        assert (collect(billed).status, open_amount(billed)) == ("canceled", 0)
        assert violations() == []

    def test_paid_by_two_ways_gives_the_second_back(self, sandbox, site, billed, save_card):
        url = open_page(billed)
        save_card(of=site.customer)
        assert collect(billed).status == "succeeded"
        complete_checkout(url, "4242424242424242")
        come_back(billed)

        (payment_id,) = surplus_payment_ids()
        assert "of which a surplus is given back to nobody" in self.problems_when_late(payment_id)
        done = refund_surplus(payment_id=payment_id, at=NOON)

        assert (done.origin, done.status, done.payment) == ("surplus", "succeeded", link_of(billed))
        assert done.amount.amount == billed.gross.amount
        assert refund_surplus(payment_id=payment_id, at=NOON) is None
        assert (open_amount(billed), surplus_payment_ids()) == (0, [])
        assert len(posts(sandbox, "/refunds")) == 1
        assert violations() == []

    @staticmethod
    def problems_when_late(payment_id: int) -> str:
        """Return what the audit says of a payment that is two hours old."""
        Payment.objects.filter(pk=payment_id).update(succeeded_at=NOON - timedelta(hours=2))
        return " ".join(each.problem for each in violations())


class TestRefundOfWhatWasPaidByLink:
    def test_goes_back_to_the_card_of_the_link(self, sandbox, receipt):
        complete_checkout(open_page(receipt), "4242424242424242")
        come_back(receipt)

        (done,) = refund_document(document_id=receipt.pk, reason="x", by=None, at=NOON)

        assert (done.payment, done.amount.amount, done.status) == (link_of(receipt), Decimal("10.00"), "succeeded")
        assert (open_amount(receipt), Refund.objects.count()) == (0, 1)
        assert violations() == []
