"""An issued invoice is collected from the saved card."""

from decimal import Decimal

import pytest

from apps.invoices.models import Invoice
from apps.payments.models import Allocation, Payment, PaymentOperation
from apps.payments.selectors import due_invoice_ids, open_amount, payment_state

from .conftest import (
    DECLINES_LATER,
    GOOD,
    MINUTE,
    NOON,
    assert_clean,
    charges,
    collect,
    journals,
    make_customer,
    make_invoice,
)

pytestmark = pytest.mark.django_db


class TestGoodCard:
    def test_pays_the_invoice_and_posts_to_the_cent(self, sandbox, seller, invoice, card):
        payment = collect(invoice)

        # 119.00 gross; Stripe keeps 1.5 % (1.785 → 1.79) + 0.25 = 2.04.
        assert payment.status == "succeeded"
        assert payment.amount_received.amount == Decimal("119.00")
        assert [(a.invoice, a.amount.amount) for a in payment.allocations.all()] == [(invoice, Decimal("119.00"))]
        assert journals(seller) == {
            f"payment:{payment.pk}:received": {"1020": Decimal("119.00"), "1200": Decimal("-119.00")},
            f"payment:{payment.pk}:fee": {"6000": Decimal("2.04"), "1020": Decimal("-2.04")},
        }
        assert payment_state(invoice).state == "paid"
        assert open_amount(invoice) == 0
        assert charges(sandbox) == [("succeeded", 11900)]
        assert_clean()

    def test_makes_the_intent_unconfirmed_and_confirms_it_by_a_call_of_its_own(self, sandbox, invoice, card):
        payment = collect(invoice)

        operations = PaymentOperation.objects.filter(payment=payment).order_by("pk")
        assert [(o.kind, o.status, o.attempts) for o in operations] == [
            ("create_intent", "done", 1),
            ("confirm_intent", "done", 1),
        ]
        assert payment.stripe_id == sandbox.control.objects("payment_intent")[0]["id"]

    def test_is_charged_once_when_collected_again(self, sandbox, seller, invoice, card):
        first = collect(invoice)
        again = collect(invoice, at=NOON + MINUTE)

        assert again == first
        assert charges(sandbox) == [("succeeded", 11900)]
        assert len(journals(seller)) == 2

    def test_is_found_by_the_sweeper_until_paid(self, sandbox, invoice, card):
        assert due_invoice_ids(at=NOON) == [invoice.pk]

        collect(invoice)

        assert due_invoice_ids(at=NOON) == []

    def test_pays_in_a_currency_without_decimals(self, sandbox, customer, card):
        invoice = make_invoice(customer, "5000", currency="JPY")

        payment = collect(invoice)

        assert payment.amount_received.amount == Decimal(5000)
        assert charges(sandbox) == [("succeeded", 5000)]


class TestDecliningCard:
    def test_leaves_the_invoice_open_and_says_why_and_posts_nothing(self, sandbox, seller, invoice, save_card):
        save_card(DECLINES_LATER)

        payment = collect(invoice)

        state = payment_state(invoice)
        assert (payment.status, payment.failure_code) == ("requires_payment_method", "insufficient_funds")
        assert (state.state, state.open_amount) == ("failed", Decimal("119.00"))
        assert state.why == "There were not enough funds."
        assert journals(seller) == {}
        assert not Allocation.objects.exists()
        assert_clean()

    def test_is_tried_once_only(self, sandbox, invoice, save_card):
        save_card(DECLINES_LATER)
        collect(invoice)

        collect(invoice, at=NOON + MINUTE)

        assert charges(sandbox) == [("failed", 0)]
        assert due_invoice_ids(at=NOON) == []

    def test_is_followed_by_one_try_with_the_next_saved_card_on_the_same_intent(self, sandbox, invoice, save_card):
        save_card(DECLINES_LATER)
        declined = collect(invoice)
        save_card(GOOD)

        assert due_invoice_ids(at=NOON) == [invoice.pk]
        payment = collect(invoice, at=NOON + MINUTE)

        assert (payment, payment.status, payment.failure_message) == (declined, "succeeded", "")
        assert charges(sandbox) == [("failed", 0), ("succeeded", 11900)]
        assert payment_state(invoice).state == "paid"
        assert_clean()


class TestNothingToCollect:
    def test_says_so_when_no_card_is_saved(self, sandbox, invoice):
        payment = collect(invoice)

        state = payment_state(invoice)
        assert payment is None
        assert (state.state, state.open_amount) == ("open", Decimal("119.00"))
        assert state.why == "No card is saved to collect it from."
        assert sandbox.control.requests() == []
        assert due_invoice_ids(at=NOON) == []

    def test_calls_nobody_for_an_invoice_credited_in_full(self, sandbox, customer, invoice, card):
        make_invoice(customer, "-119.00", crediting=invoice)
        calls = len(sandbox.control.requests())

        assert collect(invoice) is None
        assert len(sandbox.control.requests()) == calls
        assert payment_state(invoice).state == "credited"

    def test_never_takes_another_customers_card(self, sandbox, seller, card):
        stranger = make_invoice(make_customer(seller, "C-2"))

        assert collect(stranger) is None
        assert charges(sandbox) == []

    def test_closes_a_payment_that_stripe_will_not_make(self, sandbox, customer, card):
        invoice = make_invoice(customer, "0.20")

        payment = collect(invoice)
        collect(invoice, at=NOON + MINUTE)

        assert (payment.status, payment.stripe_id) == ("canceled", None)
        assert payment_state(invoice).why == "The amount is too small to be collected by card."
        assert Payment.objects.count() == 1
        assert_clean()


class TestCreditedInvoice:
    def test_is_collected_for_what_is_left(self, sandbox, customer, invoice, card):
        make_invoice(customer, "-19.00", crediting=invoice)

        payment = collect(invoice)

        assert payment.amount_received.amount == Decimal("100.00")
        assert payment_state(invoice).state == "paid"

    def test_lowers_the_amount_of_an_open_intent_before_the_next_try(self, sandbox, customer, invoice, save_card):
        save_card(DECLINES_LATER)
        collect(invoice)
        make_invoice(customer, "-19.00", crediting=invoice)
        save_card(GOOD)

        payment = collect(invoice, at=NOON + MINUTE)

        assert [o.kind for o in payment.operations.order_by("pk")] == [
            "create_intent",
            "confirm_intent",
            "update_amount",
            "confirm_intent",
        ]
        assert charges(sandbox)[-1] == ("succeeded", 10000)

    def test_cancels_its_open_intent_when_its_credit_note_is_handed_in(self, sandbox, customer, invoice, save_card):
        save_card(DECLINES_LATER)
        collect(invoice)
        note = make_invoice(customer, "-119.00", crediting=invoice)

        assert due_invoice_ids(at=NOON) == [invoice.pk]
        payment = collect(note, at=NOON + MINUTE)

        assert payment.status == "canceled"
        assert sandbox.control.objects("payment_intent")[0]["status"] == "canceled"
        assert payment_state(invoice).state == "credited"
        assert payment_state(note).state == "credited"
        assert due_invoice_ids(at=NOON) == []

    def test_says_that_money_is_to_be_given_back_when_it_was_paid_before(self, sandbox, customer, invoice, card):
        collect(invoice)
        make_invoice(customer, "-119.00", crediting=invoice)

        state = payment_state(Invoice.objects.get(pk=invoice.pk))
        assert (state.state, state.open_amount) == ("credited", Decimal(0))
        assert open_amount(invoice) == Decimal("-119.00")
