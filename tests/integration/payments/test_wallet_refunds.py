"""What is left in a wallet goes back to the cards it came from; what Stripe or a bank does is taken over."""

from decimal import Decimal

import pytest
import stripe

from apps.contracts.spending import Wish, exchange, reserve
from apps.payments.models import Refund, Wallet, WalletMovement
from apps.payments.sandbox import FaultKind
from apps.payments.services.refunds import NotRefundable
from apps.payments.services.syncing import sync_payment
from apps.payments.services.wallet_refunds import refund_wallet, refundable
from apps.payments.services.wallets import charge_record
from tests.factories import make_user
from tests.integration.invoices.world import revise
from tests.refusals import refused_by

from .conftest import MINUTE, NOON
from .disputing import decide, open_dispute
from .drivers import janitor, violations
from .paying_ahead import balance, charged, make_wallet, moves, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(sandbox, site) -> Wallet:
    """Topped up with 50.00 and, later, 25.00 EUR."""
    wallet = make_wallet(site)
    top_up(wallet, "50.00")
    top_up(wallet, "25.00", at=NOON + MINUTE)
    return wallet


def give_back(wallet: Wallet, seen: str | None = None, *, reason: str = "moved away"):
    amount = refundable(wallet) if seen is None else Decimal(seen)
    return refund_wallet(wallet_id=wallet.pk, seen=amount, reason=reason, by=make_user(), at=NOON + MINUTE)


class TestARefund:
    def test_goes_to_the_latest_card_first_and_no_more_to_each_than_it_paid(self, sandbox, site, wallet):
        charged(site, kwh="70")

        given = give_back(wallet)

        assert [(one.amount.amount, one.status) for one in given.refunds] == [
            (Decimal("25.00"), "succeeded"),
            (Decimal("15.00"), "succeeded"),
        ]
        assert [each["amount"] for each in sandbox.control.objects("refund")] in ([2500, 1500], [1500, 2500])
        assert (balance(wallet), given.left) == (0, 0)
        assert violations() == []

    def test_of_all_twice_is_one(self, sandbox, wallet):
        give_back(wallet)

        with pytest.raises(NotRefundable, match="moved meanwhile"):
            give_back(wallet, "75.00")
        with pytest.raises(NotRefundable, match="Nothing is left"):
            give_back(wallet)
        assert Refund.objects.count() == 2

    def test_leaves_what_running_sessions_have_reserved(self, sandbox, site, wallet):
        reserve([Wish(contract_id=site.contract.pk, currency="EUR")])

        give_back(wallet)

        assert balance(wallet) == Decimal("10.00")

    def test_without_a_reason_is_refused_and_nothing_moves(self, wallet):
        with pytest.raises(NotRefundable, match="needs a reason"):
            give_back(wallet, reason=" ")
        assert (balance(wallet), Refund.objects.count()) == (Decimal("75.00"), 0)

    def test_that_fails_later_comes_back_into_the_wallet(self, sandbox, wallet):
        refund = give_back(wallet).refunds[0]
        sandbox.control.fail_refund(refund.stripe_id)

        for _ in range(2):
            sync_payment(payment_id=refund.payment_id, at=NOON + MINUTE)

        assert moves(wallet)[-1] == ("restored", Decimal("25.00"))
        assert violations() == []

    @pytest.mark.parametrize("kind", [FaultKind.DROP_ANSWER, FaultKind.ERROR_AFTER])
    def test_without_an_answer_left_the_wallet_and_is_finished_by_the_janitor(self, sandbox, wallet, kind):
        sandbox.control.fault(kind, method="POST", path="/v1/refunds")
        give_back(wallet)
        assert balance(wallet) == 0

        janitor(NOON + 5 * MINUTE)

        assert {one.status for one in Refund.objects.all()} == {"succeeded"}
        assert len(sandbox.control.objects("refund")) == 2
        assert violations() == []

    def test_beyond_what_a_top_up_brought_is_refused_by_the_database(self, wallet):
        payment = wallet.top_ups.get(amount="25.00")
        with refused_by("exceeds what was captured", Refund):
            Refund.objects.create(
                payment=payment, origin="wallet", currency="EUR", amount=Decimal("25.01"), reason="x", requested_at=NOON
            )


class TestALateReadingAfterARefund:
    def test_below_is_given_back_to_the_card_that_paid(self, sandbox, site, wallet):
        cdr = charged(site, kwh="70")
        give_back(wallet)

        charge_record(cdr_id=revise(cdr, kwh="60").pk, at=NOON)
        given = give_back(wallet)

        assert [(one.amount.amount, one.payment.amount.amount) for one in given.refunds] == [
            (Decimal("5.00"), Decimal("50.00"))
        ]
        assert violations() == []

    def test_above_is_left_to_its_invoice(self, sandbox, site, wallet):
        cdr = charged(site, kwh="70")
        give_back(wallet)

        assert charge_record(cdr_id=revise(cdr, kwh="80").pk, at=NOON) is None

        assert (balance(wallet), violations()) == (0, [])


class TestARefundMadeElsewhere:
    def test_leaves_the_wallet_too(self, sandbox, site, wallet):
        payment = wallet.top_ups.get(amount="50.00")
        client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
        client.v1.refunds.create({"payment_intent": payment.stripe_id, "amount": 2000})

        for _ in range(2):
            sync_payment(payment_id=payment.pk, at=NOON)

        assert moves(wallet)[-1] == ("taken", Decimal("-20.00"))
        assert (balance(wallet), violations()) == (Decimal("55.00"), [])


class TestWhatABankTakes:
    def test_by_a_lost_dispute_leaves_the_wallet_even_below_its_bound(self, sandbox, site, wallet):
        charged(site, kwh="120")
        opened = open_dispute(sandbox, wallet.top_ups.get(amount="50.00"))
        assert balance(wallet) == Decimal("15.00")

        decide(sandbox, opened, is_won=False)

        assert moves(wallet)[-1] == ("taken", Decimal("-50.00"))
        assert balance(wallet) == Decimal("-35.00")
        assert reserve([Wish(contract_id=site.contract.pk, currency="EUR")])[0].refusal
        assert violations() == []

    def test_by_a_dispute_that_was_won_stays(self, sandbox, wallet):
        decide(sandbox, open_dispute(sandbox, wallet.top_ups.get(amount="50.00")), is_won=True)

        assert (balance(wallet), WalletMovement.objects.filter(kind="taken").exists()) == (Decimal("75.00"), False)
        assert violations() == []

    def test_is_not_given_back_besides(self, sandbox, wallet):
        open_dispute(sandbox, wallet.top_ups.get(amount="50.00"))

        given = give_back(wallet)

        assert ([one.amount.amount for one in given.refunds], balance(wallet)) == ([Decimal("25.00")], Decimal("50.00"))


class TestAReservation:
    def test_is_exchanged_for_the_price_and_then_charged_without_counting_twice(self, sandbox, site, wallet):
        (held,) = reserve([Wish(contract_id=site.contract.pk, currency="EUR")])
        assert refundable(wallet) == Decimal("65.00")

        exchange(contract_id=site.contract.pk, reserved=held.amount, spent=Decimal("10.00"))
        charged(site, kwh="20")

        assert refundable(wallet) == Decimal("65.00")
