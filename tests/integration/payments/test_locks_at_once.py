"""Clicks and workers at once: shown to go wrong with the locks away, and right with them."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.contracts import spending
from apps.contracts.models import SpendingLimit
from apps.contracts.spending import Wish, reserve
from apps.payments.models import Dispute, Payment, PaymentOperation, Refund, SavedMethod, Wallet
from apps.payments.pay_tokens import pay_token
from apps.payments.services import answering, links, methods, wallet_refunds
from apps.payments.services.paying import open_pay_page
from apps.payments.services.refunds import NotRefundable
from apps.payments.services.wallet_refunds import refund_wallet
from tests.locks import locks_off

from .conftest import BACK, CANCEL, NOON, assert_clean, collect
from .disputing import open_dispute
from .drivers import CANCELED, SUCCESS, capture, make_attempt, pay, posts, receipt_of, violations
from .paying_ahead import balance, make_wallet, top_up
from .test_attempt_accidents import together

pytestmark = pytest.mark.django_db(transaction=True)
ALWAYS_ASKS = "4000002760003184"


def refused(outcomes: list[object]) -> list[str]:
    """Return the database's refusals; nothing else may have gone wrong."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(error, IntegrityError) for error in errors), errors
    return [str(error) for error in errors]


class TestAPayLink:
    @pytest.fixture
    def receipt(self, sandbox, site):
        """5.00 EUR of 10.00 are open: the hold was too small."""
        receipt = receipt_of(pay(make_attempt(site, Decimal("5.00"))), site, is_limited=False)
        capture(receipt)
        return receipt

    def click(self, receipt) -> str:
        return open_pay_page(document_id=receipt.pk, success_url=SUCCESS, cancel_url=CANCELED, at=NOON)

    def test_meets_the_constraint_when_the_lock_is_off(self, sandbox, receipt):
        with locks_off((links, "_ask_for_page"), people=2):
            outcomes = together(*[lambda: self.click(receipt)] * 2)

        (error,) = refused(outcomes)
        assert "payment_one_open_per_document_and_kind" in error

    def test_hit_eight_times_leads_to_one_page(self, sandbox, receipt):
        urls = together(*[lambda: self.click(receipt)] * 8)

        assert (len(set(urls)), Payment.objects.filter(kind="link").count()) == (1, 1)
        assert violations() == []


class TestARecoveryLink:
    @pytest.fixture
    def link(self, sandbox, invoice, card) -> str:
        """The page of a mail to a customer whose bank wants to see them."""
        sandbox.control.change_card(card.payment_method_id, ALWAYS_ASKS)
        collect(invoice)
        return f"/portal/pay/{pay_token(invoice)}/"

    def press(self, link: str):
        return Client(HTTP_HOST="localhost", raise_request_exception=False).post(link)

    def test_meets_the_constraint_when_the_lock_is_off(self, sandbox, link, caplog):
        with locks_off((links, "_ask_for_page"), people=2):
            responses = together(*[lambda: self.press(link)] * 2)

        assert sorted(response.status_code for response in responses) == [302, 500]
        assert "payment_one_open_per_document_and_kind" in caplog.text

    def test_pressed_eight_times_leads_to_one_page(self, sandbox, link):
        responses = together(*[lambda: self.press(link)] * 8)

        pages = [each for each in sandbox.control.objects("checkout.session") if each["mode"] == "payment"]
        assert {response["Location"] for response in responses} == {each["url"] for each in pages}
        assert (len(pages), Payment.objects.filter(kind="link").count()) == (1, 1)
        assert_clean()


class TestSettingUpAMandate:
    def click(self, customer) -> str:
        return methods.start_method_setup(customer_id=customer.pk, success_url=BACK, cancel_url=CANCEL, at=NOON)

    def test_asks_stripe_twice_for_the_customer_when_the_lock_is_off(self, sandbox, customer):
        with locks_off((methods, "request_operation"), people=2):
            outcomes = together(*[lambda: self.click(customer)] * 2)

        (error,) = refused(outcomes)
        assert "operation_one_setup_step_per_customer" in error

    def test_asks_for_two_pages_when_the_lock_is_off(self, sandbox, customer):
        methods._ensure_customer(customer.pk, at=NOON)

        with locks_off((SavedMethod.objects, "create"), people=2):
            outcomes = together(*[lambda: self.click(customer)] * 2)

        (error,) = refused(outcomes)
        assert "method_one_requested_per_customer" in error

    def test_with_eight_clicks_leads_to_one_page_of_one_customer(self, sandbox, customer):
        urls = together(*[lambda: self.click(customer)] * 8)

        assert set(urls) == {each["url"] for each in sandbox.control.objects("checkout.session")}
        assert (len(set(urls)), SavedMethod.objects.count()) == (1, 1)
        assert len(sandbox.control.objects("customer")) == 1
        assert_clean()


class TestADisputesAnswer:
    @pytest.fixture
    def dispute(self, sandbox, site) -> Dispute:
        receipt = receipt_of(pay(make_attempt(site)), site)
        capture(receipt)
        opened = open_dispute(sandbox, Payment.objects.get(attempt__receipt=receipt))
        return answering.prepare_evidence(dispute_id=opened.pk, at=NOON)

    def submit(self, dispute: Dispute) -> Dispute:
        return answering.submit_evidence(dispute_id=dispute.pk, at=NOON)

    def test_meets_the_constraint_when_the_lock_is_off(self, sandbox, dispute):
        with locks_off((answering, "request_operation"), people=2):
            outcomes = together(*[lambda: self.submit(dispute)] * 2)

        (error,) = refused(outcomes)
        assert "operation_one_unfinished_per_payment" in error

    def test_sent_eight_times_reaches_the_bank_once(self, sandbox, dispute):
        outcomes = together(*[lambda: self.submit(dispute)] * 8)

        assert {type(outcome) for outcome in outcomes} <= {Dispute, answering.NotAnswerable}
        assert len(set(posts(sandbox, dispute.stripe_id))) == 1
        assert PaymentOperation.objects.filter(kind="update_dispute").count() == 1
        assert Dispute.objects.get().submitted_at is not None
        assert violations() == []


class TestAWalletsRefund:
    @pytest.fixture
    def wallet(self, sandbox, site) -> Wallet:
        """50.00 EUR; each session reserves 10.00."""
        wallet = make_wallet(site)
        top_up(wallet)
        return wallet

    def give_back(self, wallet: Wallet):
        return refund_wallet(wallet_id=wallet.pk, seen=Decimal("50.00"), reason="x", by=None, at=NOON)

    def start(self, wallet: Wallet):
        with transaction.atomic():
            return reserve([Wish(contract_id=wallet.contract_id, currency="EUR")])[0]

    def available(self, wallet: Wallet) -> Decimal:
        return SpendingLimit.objects.get(contract=wallet.contract_id).available

    def test_meets_the_trigger_when_the_locks_are_off(self, sandbox, wallet):
        with locks_off((wallet_refunds, "_parts"), people=2):
            outcomes = together(*[lambda: self.give_back(wallet)] * 2)

        (error,) = refused(outcomes)
        assert "exceeds what was captured" in error or "below its bound" in error

    def test_asked_for_eight_times_gives_back_once(self, sandbox, wallet):
        outcomes = together(*[lambda: self.give_back(wallet)] * 8)

        assert sum(isinstance(outcome, NotRefundable) for outcome in outcomes) == 7
        assert [each["amount"] for each in sandbox.control.objects("refund")] == [5000]
        assert (balance(wallet), violations()) == (0, [])

    def test_gives_away_what_a_start_reserves_when_the_locks_are_off(self, sandbox, wallet):
        """The race is real: the refund sees nothing reserved, the start sees 50.00, and no constraint knows better."""
        with locks_off((wallet_refunds, "_parts"), (spending, "_reserve"), people=2):
            outcomes = together(lambda: self.give_back(wallet), lambda: self.start(wallet))

        assert refused(outcomes) == []
        assert (balance(wallet), self.available(wallet)) == (0, Decimal("-10.00"))

    def test_leaves_a_start_its_money_or_the_start_is_refused(self, sandbox, wallet):
        refunded, started = together(lambda: self.give_back(wallet), lambda: self.start(wallet))

        assert isinstance(refunded, NotRefundable) != bool(started.refusal)
        assert self.available(wallet) >= 0
        assert Refund.objects.count() == (0 if isinstance(refunded, NotRefundable) else 1)
