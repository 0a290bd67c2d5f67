"""Somebody wants energy or money for nothing out of a prepaid wallet, and does not get it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.contracts.models import SpendingLimit
from apps.contracts.spending import Wish, exchange, reserve
from apps.invoices.models import Invoice
from apps.payments.domain.disputes import DisputeStatus
from apps.payments.models import Payment, Refund, Wallet
from apps.payments.sandbox import CheckoutRefused, FaultKind, complete_checkout
from apps.payments.services.disputes import look_at_dispute, project_dispute
from apps.payments.services.refunds import NotRefundable, refund_document
from apps.payments.services.syncing import sync_payment
from apps.payments.services.top_ups import sync_top_ups
from apps.payments.services.wallet_refunds import refund_wallet, refundable
from apps.payments.services.wallets import charge_record
from tests.factories import make_contract
from tests.integration.invoices.world import make_cdr
from tests.refusals import refused_by

from .conftest import GOOD, MINUTE, NOON
from .disputing import decide, open_dispute
from .drivers import janitor, violations
from .paying_ahead import balance, charged, make_taxed_wallet, make_wallet, moves, open_page, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(sandbox, site) -> Wallet:
    """Topped up with 50.00 EUR; each session reserves 10.00."""
    wallet = make_wallet(site)
    top_up(wallet, "50.00")
    return wallet


def give_back(wallet: Wallet):
    return refund_wallet(wallet_id=wallet.pk, seen=refundable(wallet), reason="asked for", by=None, at=NOON + MINUTE)


def start(site) -> str:
    """Let a session begin; return why it may not."""
    return reserve([Wish(contract_id=site.contract.pk, currency="EUR")])[0].refusal


class TestMoneyThatABankDisputes:
    def test_is_not_spent_until_the_bank_lets_us_keep_it(self, sandbox, site, wallet):
        opened = open_dispute(sandbox, wallet.top_ups.get())

        assert "used up" in start(site)

        decide(sandbox, opened, is_won=True)
        assert start(site) == ""

    def test_is_not_given_back_to_another_card(self, sandbox, site, wallet):
        """75.00 paid in, 60.00 charged, 50.00 disputed: the 15.00 left are not the customer's before that is won."""
        top_up(wallet, "25.00", at=NOON + MINUTE)
        charged(site, kwh="120")
        opened = open_dispute(sandbox, wallet.top_ups.get(amount="50.00"))

        with pytest.raises(NotRefundable, match="no bank disputes"):
            give_back(wallet)
        decide(sandbox, opened, is_won=True)
        given = give_back(wallet)

        assert [refund.amount.amount for refund in given.refunds] == [Decimal("15.00")]
        assert violations() == []

    def test_leaves_the_rest_to_be_spent(self, sandbox, site, wallet):
        top_up(wallet, "25.00", at=NOON + MINUTE)
        open_dispute(sandbox, wallet.top_ups.get(amount="50.00"))

        assert [start(site) for _ in range(3)] == ["", "", "The contract's spending limit is used up."]
        assert refundable(wallet) == Decimal("5.00")


class TestADisputeAfterTheRefund:
    def test_takes_from_the_wallet_what_was_not_given_back(self, sandbox, site, wallet):
        """20.00 charged and 30.00 given back; the bank takes the rest, and the energy is owed."""
        charged(site, kwh="40")
        give_back(wallet)

        decide(sandbox, open_dispute(sandbox, wallet.top_ups.get()), is_won=False)

        assert (moves(wallet)[-1], balance(wallet)) == (("taken", Decimal("-20.00")), Decimal("-20.00"))
        assert "used up" in start(site)
        assert violations() == []

    def test_of_which_we_do_not_know_yet_counts_both(self, sandbox, site, wallet):
        """Stripe gave back and its answer was lost; what the bank takes is heard of first."""
        charged(site, kwh="40")
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/refunds")
        give_back(wallet)
        decide(sandbox, open_dispute(sandbox, wallet.top_ups.get()), is_won=False)

        janitor(NOON + 5 * MINUTE)

        assert Refund.objects.get().status == "succeeded"
        assert (balance(wallet), refundable(wallet), violations()) == (Decimal("-20.00"), 0, [])

    def test_that_takes_all_again_is_known_to_be_beyond(self, sandbox, site, wallet):
        charged(site, kwh="40")
        give_back(wallet)
        payment = wallet.top_ups.get()
        seen = look_at_dispute(sandbox.control.open_dispute(payment.latest_charge))
        taken = replace(seen.movements[0], amount=Decimal("-50.00"))

        dispute = project_dispute(
            payment,
            replace(seen, amount=Decimal("50.00"), status=DisputeStatus.LOST, movements=(taken,)),
            at=NOON,
        )

        assert (dispute.beyond.amount, balance(wallet)) == (Decimal("30.00"), Decimal("-20.00"))
        assert {found.invariant for found in violations()} == {"I3"}

    def test_ends_a_refund_that_stripe_had_not_made_and_pays_once(self, sandbox, site, wallet):
        sandbox.control.fault(FaultKind.TOO_MANY, method="POST", path="/v1/refunds")
        give_back(wallet)
        decide(sandbox, open_dispute(sandbox, wallet.top_ups.get()), is_won=False)

        janitor(NOON + 5 * MINUTE)

        assert (Refund.objects.get().status, balance(wallet)) == ("failed", 0)
        assert violations() == []


class TestARefund:
    def test_while_a_session_runs_leaves_what_it_reserved(self, sandbox, site, wallet):
        start(site)

        assert [refund.amount.amount for refund in give_back(wallet).refunds] == [Decimal("40.00")]
        assert balance(wallet) == Decimal("10.00")

    def test_before_an_ended_session_was_taken_out_leaves_its_price(self, sandbox, site, wallet):
        """Its reservation was exchanged for its price, and the wallet's worker has not come yet."""
        start(site)
        cdr = make_cdr(site=site, kwh="18", started_at=NOON - 30 * 60 * MINUTE)
        exchange(contract_id=site.contract.pk, reserved=Decimal(10), spent=Decimal(9))

        given = give_back(wallet)
        charge_record(cdr_id=cdr.pk, at=NOON)

        assert [refund.amount.amount for refund in given.refunds] == [Decimal("41.00")]
        assert (balance(wallet), violations()) == (0, [])

    def test_of_more_than_was_seen_is_refused(self, sandbox, wallet):
        for seen in ("50.01", "500.00", "-1.00"):
            with pytest.raises(NotRefundable, match="moved meanwhile"):
                refund_wallet(wallet_id=wallet.pk, seen=Decimal(seen), reason="x", by=None, at=NOON)
        assert Refund.objects.count() == 0

    def test_of_the_top_ups_invoice_besides_is_refused(self, sandbox, site):
        taxed = make_taxed_wallet(site)
        top_up(taxed)
        give_back(taxed)

        with pytest.raises(NotRefundable, match="from its wallet"):
            refund_document(document_id=Invoice.objects.get(kind="top_up").pk, reason="x", by=None, at=NOON)
        assert [each["amount"] for each in sandbox.control.objects("refund")] == [5000]


class TestATopUpPaidTwice:
    def test_on_one_page_is_refused_there(self, sandbox, site):
        wallet = make_wallet(site)
        page = open_page(wallet)
        complete_checkout(page, GOOD)

        with pytest.raises(CheckoutRefused):
            complete_checkout(page, GOOD)
        sync_top_ups(wallet_id=wallet.pk, at=NOON)
        assert balance(wallet) == Decimal("50.00")

    def test_on_a_page_that_another_amount_closed_is_refused_there(self, sandbox, site):
        wallet = make_wallet(site)
        first, second = open_page(wallet, "50.00"), open_page(wallet, "25.00")
        complete_checkout(second, GOOD)

        with pytest.raises(CheckoutRefused):
            complete_checkout(first, GOOD)
        sync_top_ups(wallet_id=wallet.pk, at=NOON)
        assert balance(wallet) == Decimal("25.00")

    def test_told_again_and_again_pays_in_once(self, sandbox, wallet):
        payment = wallet.top_ups.get()
        for minutes in range(3):
            sync_payment(payment_id=payment.pk, at=NOON + minutes * MINUTE)

        assert moves(wallet) == [("top_up", Decimal("50.00"))]

    def test_that_was_refunded_at_stripe_does_not_pay_in_again(self, sandbox, wallet):
        give_back(wallet)

        sync_payment(payment_id=wallet.top_ups.get().pk, at=NOON + MINUTE)

        assert (balance(wallet), violations()) == (0, [])


class TestAnotherTenantsWallet:
    def test_takes_no_top_up_of_ours(self, sandbox, site, wallet):
        payment, theirs = wallet.top_ups.get(), self.foreign()

        with refused_by("a movement is of its wallet's contract"):
            theirs.movements.create(
                kind="top_up", key="x", currency="EUR", amount=Decimal(50), balance=Decimal(0), payment=payment,
                moved_at=NOON,
            )  # fmt: skip
        with refused_by("a top-up is of its wallet's seller, customer and currency"):
            Payment.objects.create(
                kind="top_up", wallet=theirs, seller=site.owner, customer=site.customer, livemode=False,
                currency="EUR", amount=Decimal(50), amount_received=Decimal(0), created_at=NOON,
            )  # fmt: skip

    def test_pays_for_no_session_of_ours(self, sandbox, site, wallet):
        cdr, theirs = make_cdr(site=site, started_at=NOON - 30 * 60 * MINUTE), self.foreign()

        with refused_by("a movement is of its wallet's contract"):
            theirs.movements.create(
                kind="session", key="x", currency="EUR", amount=Decimal(-1), balance=Decimal(0), cdr=cdr, moved_at=NOON
            )

    def foreign(self) -> Wallet:
        contract = make_contract()
        SpendingLimit.objects.create(contract=contract, currency="EUR", amount=5, session_amount=5, is_prepaid=True)
        return Wallet.objects.create(contract=contract, currency="EUR", balance=Decimal(0), opened_at=NOON)


class TestALimitThatIsNoWallets:
    def test_gives_a_second_contract_nothing_of_the_first_ones_money(self, sandbox, site, wallet):
        other = replace(site, contract=make_contract(customer=site.customer))
        SpendingLimit.objects.create(contract=other.contract, currency="EUR", amount=5, session_amount=5)

        assert [start(other), start(other)] == ["", "The contract's spending limit is used up."]
        assert balance(wallet) == Decimal("50.00")
