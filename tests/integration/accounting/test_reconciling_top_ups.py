"""Top-ups of prepaid wallets, what is given back of them and Stripe's fees: both books agree, to the payout."""

from decimal import Decimal

import pytest

from apps.accounting.models import BalanceEntry, Payout
from apps.accounting.selectors import totals_by_kind
from apps.core.audit import find_violations
from apps.payments import gateway
from apps.payments.models import Wallet
from apps.payments.sandbox import complete_checkout
from apps.payments.services.syncing import sync_payment
from apps.payments.services.top_ups import sync_top_ups
from apps.payments.services.wallet_refunds import refund_wallet, refundable
from tests.integration.payments.conftest import GOOD, NOON, journals
from tests.integration.payments.disputing import decide, open_dispute
from tests.integration.payments.drivers import violations
from tests.integration.payments.paying_ahead import charged, make_taxed_wallet, make_wallet, open_page, top_up

from .conftest import DAY, HOUR, compare
from .test_payouts import pass_days

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[make_wallet, make_taxed_wallet], ids=["taxed at use", "taxed at once"])
def wallet(request, sandbox, site) -> Wallet:
    """Topped up with 50.00 and, later, 100.00 EUR, of which Stripe keeps 1.00 and 1.75 (1.5 % + 0.25)."""
    wallet = request.param(site)
    top_up(wallet, "50.00")
    top_up(wallet, "100.00")
    return wallet


def give_back(wallet: Wallet):
    return refund_wallet(wallet_id=wallet.pk, seen=refundable(wallet), reason="moved away", by=None, at=NOON)


def at_stripe() -> list[str]:
    """Return what ``audit --stripe`` says of payments there."""
    return [each.problem for each in find_violations(with_remote=True) if each.invariant == "I12"]


def clearing(site) -> Decimal:
    return sum((entries.get("1020", Decimal(0)) for entries in journals(site.owner).values()), Decimal(0))


class TestBooksWithTopUps:
    def test_agree_with_stripes_and_the_fees_are_booked(self, site, wallet):
        assert (compare(), at_stripe(), violations()) == ([], [], [])
        assert clearing(site) == Decimal("147.25")

    def test_agree_when_the_rest_was_given_back(self, site, wallet):
        charged(site, kwh="40")
        give_back(wallet)

        assert (compare(), at_stripe(), violations()) == ([], [], [])
        assert clearing(site) == Decimal("17.25")

    def test_agree_with_a_payout_that_leaves_nothing_on_clearing(self, sandbox, site, wallet):
        """150.00 paid in, 2.75 kept, 130.00 given back: 17.25 are paid out."""
        charged(site, kwh="40")
        give_back(wallet)
        sandbox.control.pay_out_daily()
        pass_days(sandbox, 4)

        assert compare(at=NOON + 4 * DAY) == []

        payout = Payout.objects.get()
        rows = {row["kind"]: (row["count"], row["amount"], row["fee"], row["net"]) for row in totals_by_kind(payout)}
        assert rows == {
            "charge": (2, Decimal("150.00"), Decimal("2.75"), Decimal("147.25")),
            "refund": (2, Decimal("-130.00"), Decimal("0.00"), Decimal("-130.00")),
        }
        assert (payout.amount.amount, clearing(site)) == (Decimal("17.25"), 0)
        assert not BalanceEntry.objects.filter(journal_key="").exists()

    def test_agree_when_a_refund_came_back(self, sandbox, site, wallet):
        given = give_back(wallet).refunds[0]
        sandbox.control.fail_refund(given.stripe_id)
        sync_payment(payment_id=given.payment_id, at=NOON)

        assert (compare(), at_stripe(), violations()) == ([], [], [])
        assert clearing(site) == Decimal("97.25")

    def test_agree_when_a_dispute_of_a_top_up_was_lost(self, sandbox, site, wallet):
        """50.00 and a fee of 20.00 are gone."""
        decide(sandbox, open_dispute(sandbox, wallet.top_ups.get(amount="50.00")), is_won=False)

        assert (compare(), at_stripe(), violations()) == ([], [], [])
        assert clearing(site) == Decimal("77.25")


class TestWhatIsFound:
    def test_a_top_up_that_nobody_told_of(self, sandbox, site):
        wallet = make_wallet(site)
        top_up(wallet, "50.00")
        complete_checkout(open_page(wallet, "100.00"), GOOD)

        [(kind, _, cause)] = compare()

        assert kind == "unknown_here"
        assert "webhook" in cause
        assert [problem for problem in at_stripe() if "succeeded" in problem]
        sync_top_ups(wallet_id=wallet.pk, at=NOON)
        assert (compare(), at_stripe()) == ([], [])

    def test_a_top_up_refunded_at_stripe_by_somebody_else(self, sandbox, site, wallet):
        payment = wallet.top_ups.get(amount="50.00")
        gateway.create_refund(params={"payment_intent": payment.stripe_id, "amount": 2000}, key="dashboard")

        assert [kind for kind, _, _ in compare()] == ["unknown_here"]
        assert len(at_stripe()) == 1

        sync_payment(payment_id=payment.pk, at=NOON)
        assert (compare(at=NOON + 2 * HOUR), at_stripe()) == ([], [])
