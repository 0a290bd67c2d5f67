"""Fees of reminders on the invoice's page: the sum shown is the sum charged, and settles what it was asked for."""

from decimal import Decimal

import pytest

from apps.accounts.models import Organisation
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance
from apps.payments.models import DunningStep, FeeAllocation, FeeWaiver, Payment
from apps.payments.payable import outdated_link_ids, payable_of
from apps.payments.reminder_fees import open_fees
from apps.payments.sandbox import complete_checkout
from apps.payments.selectors import open_amount, surplus_of, surplus_payment_ids
from apps.payments.services import paying
from apps.payments.services.fees import NotWaived, waive_fee
from apps.payments.services.links import NotPayable
from apps.payments.services.refunds import refund_document, refund_surplus
from apps.payments.services.syncing import sync_payment
from tests.factories import make_user
from tests.integration.invoices.world import bill, make_cdr
from tests.refusals import refused_by

from .conftest import GOOD, MINUTE, NOON
from .disputing import decide, open_dispute
from .drivers import CANCELED, SUCCESS
from .test_attempt_accidents import together
from .test_dunning import assert_books_agree, invoice, pay, remind_on

__all__ = ["invoice"]
pytestmark = pytest.mark.django_db


def open_page(document, at=NOON) -> str:
    return paying.open_pay_page(document_id=document.pk, success_url=SUCCESS, cancel_url=CANCELED, at=at)


def pay_by_card(document, at=NOON) -> Payment:
    complete_checkout(open_page(document, at=at), GOOD)
    paying.sync_links(document_id=document.pk, at=at)
    return Payment.objects.filter(invoice=document).latest("pk")


def receivable(seller: Organisation) -> Decimal:
    return balance(entity_id=seller.pk, role=Role.RECEIVABLE, currency="EUR")


class TestThePage:
    @pytest.fixture
    def reminded(self, sandbox, invoice):
        """10.00 of the invoice and 5.00 for the second reminder."""
        remind_on(invoice, 7, 14)
        return invoice

    def test_asks_for_the_invoice_and_its_fees(self, reminded):
        payment = pay_by_card(reminded)

        assert payment.amount_received.amount == Decimal("15.00")
        assert open_amount(reminded) == 0
        assert list(open_fees(invoice=reminded)) == []
        assert (payment.allocations.get().amount.amount, payment.fee_allocations.get().amount.amount) == (
            Decimal("10.00"),
            Decimal("5.00"),
        )
        assert (surplus_of(payment), surplus_payment_ids(), receivable(reminded.seller)) == (0, [], 0)
        assert_books_agree()

    def test_lists_both_so_that_the_sum_shown_is_the_sum_charged(self, sandbox, reminded):
        open_page(reminded)

        (page,) = sandbox.control.objects("checkout.session")
        assert page["amount_total"] == 1500 == payable_of(reminded).total * 100

    def test_asks_for_the_fee_alone_once_the_invoice_is_paid(self, reminded):
        pay(reminded, "10.00")

        payment = pay_by_card(reminded)

        assert payment.amount_received.amount == Decimal("5.00")
        assert not payment.allocations.exists()
        assert payable_of(reminded).total == 0
        assert_books_agree()
        with pytest.raises(NotPayable):
            open_page(reminded, at=NOON + MINUTE)

    def test_that_is_older_than_a_fee_is_closed_and_replaced(self, sandbox, invoice):
        remind_on(invoice, 7)
        first = open_page(invoice)
        remind_on(invoice, 14)

        assert outdated_link_ids() == [Payment.objects.get().pk]
        assert open_page(invoice) != first
        assert outdated_link_ids() == []

    def test_laid_over_twice_settles_once(self, reminded):
        payment = pay_by_card(reminded)

        sync_payment(payment_id=payment.pk, at=NOON + MINUTE)

        assert FeeAllocation.objects.count() == 1

    def test_paid_on_after_the_fee_was_given_up_gives_it_back(self, sandbox, reminded):
        url = open_page(reminded)
        waive_fee(step_id=DunningStep.objects.get(level=2).pk, reason="goodwill", by=make_user(), at=NOON)
        complete_checkout(url, GOOD)
        paying.sync_links(document_id=reminded.pk, at=NOON)
        payment = Payment.objects.get()

        assert surplus_payment_ids() == [payment.pk]
        refund = refund_surplus(payment_id=payment.pk, at=NOON)
        assert (refund.status, refund.amount.amount) == ("succeeded", Decimal("5.00"))
        assert_books_agree()

    def test_paid_fees_are_not_given_up(self, reminded):
        pay_by_card(reminded)

        with pytest.raises(NotWaived):
            waive_fee(step_id=DunningStep.objects.get(level=2).pk, reason="x", by=make_user(), at=NOON)

    def test_a_credit_note_gives_back_the_invoice_and_no_fee(self, reminded):
        pay_by_card(reminded)

        (refund,) = refund_document(document_id=reminded.pk, reason="wrong", by=None, at=NOON)

        assert refund.amount.amount == Decimal("10.00")
        assert receivable(reminded.seller) == 0
        assert_books_agree()

    def test_a_lost_dispute_loses_the_fee_without_vat(self, sandbox, reminded):
        dispute = open_dispute(sandbox, pay_by_card(reminded))

        decide(sandbox, dispute, is_won=False)

        # 10.00 ÷ 1.19 = 8.40 net and 1.60 VAT; the fee of 5.00 has none.
        assert balance(entity_id=reminded.seller_id, role=Role.BAD_DEBT, currency="EUR") == Decimal("13.40")
        assert receivable(reminded.seller) == 0
        assert_books_agree()


class TestMoneyByBank:
    def test_with_the_letters_reference_settles_its_fees_before_other_invoices(self, site, invoice):
        remind_on(invoice, 7, 14)
        make_cdr(site=site, kwh="20")
        (other,) = bill(site)

        pay(invoice, "15.00")

        assert list(open_fees(invoice=invoice)) == []
        assert (open_amount(invoice), open_amount(other)) == (0, Decimal("10.00"))
        assert_books_agree()

    def test_beyond_that_settles_the_other_invoices(self, site, invoice):
        remind_on(invoice, 7, 14)
        make_cdr(site=site, kwh="20")
        (other,) = bill(site)

        pay(invoice, "21.00")

        assert open_amount(other) == Decimal("4.00")


class TestTheDatabase:
    @pytest.fixture
    def step(self, sandbox, invoice):
        return remind_on(invoice, 7, 14)[1]

    def test_refuses_more_for_a_fee_than_the_card_paid(self, invoice, step):
        payment = Payment.objects.create(
            kind="link", seller=invoice.seller, customer=invoice.customer, invoice=invoice, livemode=False,
            currency="EUR", amount="5.00", amount_received="4.00", created_at=NOON,
        )  # fmt: skip

        with refused_by("exceeds the fee or the money", FeeAllocation):
            FeeAllocation.objects.create(step=step, payment=payment, currency="EUR", amount="5.00", allocated_at=NOON)

    def test_refuses_what_a_collection_brought(self, invoice, step):
        payment = Payment.objects.create(
            kind="collection", seller=invoice.seller, customer=invoice.customer, invoice=invoice, livemode=False,
            currency="EUR", amount="5.00", amount_received="5.00", created_at=NOON,
        )  # fmt: skip

        with refused_by("joins strangers", FeeAllocation):
            FeeAllocation.objects.create(step=step, payment=payment, currency="EUR", amount="5.00", allocated_at=NOON)

    def test_refuses_money_of_no_source(self, step):
        with refused_by("fee_allocation_is_of_one_source|joins strangers", FeeAllocation):
            FeeAllocation.objects.create(step=step, currency="EUR", amount="5.00", allocated_at=NOON)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_a_payment_and_a_waiver_leave_the_fee_to_one_of_them(self, sandbox, invoice):
        step = remind_on(invoice, 7, 14)[1]
        complete_checkout(open_page(invoice), GOOD)
        clerk = make_user()

        together(
            lambda: waive_fee(step_id=step.pk, reason="goodwill", by=clerk, at=NOON),
            lambda: paying.sync_links(document_id=invoice.pk, at=NOON),
        )

        assert FeeWaiver.objects.count() + FeeAllocation.objects.count() == 1
        assert Payment.objects.get().status == "succeeded"
