"""A wallet under many hands: starts, clicks, webhook and page, session end and refund; and workers killed between."""

import signal
from datetime import timedelta
from decimal import Decimal
from unittest import mock

import pytest
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from apps.contracts.models import SpendingLimit
from apps.contracts.spending import Reservation, Wish, reserve
from apps.payments.models import Payment, Refund, Wallet
from apps.payments.sandbox import complete_checkout
from apps.payments.services import events
from apps.payments.services.refunds import NotRefundable
from apps.payments.services.top_ups import sync_top_ups
from apps.payments.services.wallet_refunds import refund_wallet
from apps.payments.services.wallets import charge_record
from tests.integration.invoices.world import make_cdr

from .conftest import GOOD, MINUTE, NOON
from .drivers import janitor, violations
from .paying_ahead import balance, make_wallet, moves, open_page, top_up
from .test_accidents import in_a_child
from .test_attempt_accidents import together

pytestmark = pytest.mark.django_db(transaction=True)

TOPPING_UP_CHILD = """
import django, sys
from datetime import datetime
from decimal import Decimal
django.setup()
from apps.payments.services.top_ups import open_top_up_page
open_top_up_page(
    wallet_id=int(sys.argv[1]), amount=Decimal("50.00"), success_url="https://x.example/?paid=1",
    cancel_url="https://x.example/", at=datetime.fromisoformat(sys.argv[2]),
)
"""
REFUNDING_CHILD = """
import django, sys
from datetime import datetime
from decimal import Decimal
django.setup()
from apps.payments.services.wallet_refunds import refund_wallet
refund_wallet(wallet_id=int(sys.argv[1]), seen=Decimal("50.00"), reason="x", by=None,
              at=datetime.fromisoformat(sys.argv[2]))
"""


@pytest.fixture
def wallet(sandbox, site) -> Wallet:
    """Each session reserves 1.50 EUR, and it may go 1.00 below zero."""
    return make_wallet(site, session_amount="1.50", bound="1.00")


class TestTwentyStartsAtOnce:
    def start(self, wallet: Wallet) -> Reservation:
        with transaction.atomic():
            return reserve([Wish(contract_id=wallet.contract_id, currency="EUR")])[0]

    def test_begin_as_many_as_the_wallet_and_its_bound_bear(self, wallet):
        top_up(wallet, "10.00")

        outcomes = together(*[lambda: self.start(wallet)] * 20)

        assert sum(1 for one in outcomes if not one.refusal) == 7
        limit = SpendingLimit.objects.get(contract=wallet.contract_id)
        assert (limit.reserved, limit.available) == (Decimal("10.50"), Decimal("0.50"))


class TestEightClicks:
    def test_lead_to_one_page(self, sandbox, wallet):
        urls = together(*[lambda: open_page(wallet)] * 8)

        assert len(set(urls)) == 1
        assert Payment.objects.count() == 1
        assert len(sandbox.control.objects("checkout.session")) == 1


class TestWebhookAndPage:
    def test_at_once_put_the_money_in_once(self, sandbox, wallet):
        complete_checkout(open_page(wallet), GOOD)
        page = Payment.objects.get().page_id

        together(
            *[lambda: sync_top_ups(wallet_id=wallet.pk, at=NOON)] * 3,
            *[lambda: events._follow({"object": "checkout.session", "id": page}, at=NOON)] * 3,
        )

        assert moves(wallet) == [("top_up", Decimal("50.00"))]
        assert violations() == []


class TestTheSameRecordChargedAtOnce:
    def test_is_charged_once(self, sandbox, site, wallet):
        top_up(wallet)
        cdr = make_cdr(site=site, started_at=NOON - timedelta(hours=30))

        together(*[lambda: charge_record(cdr_id=cdr.pk, at=NOON)] * 8)

        assert moves(wallet)[1:] == [("session", Decimal("-10.00"))]

    def test_is_refused_by_the_database_when_the_lock_is_off(self, sandbox, site, wallet):
        """The race is real: without the lock both see a record that nobody charged."""
        top_up(wallet)
        cdr = make_cdr(site=site, started_at=NOON - timedelta(hours=30))

        with mock.patch.object(QuerySet, "select_for_update", lambda self, **_: self):
            outcomes = together(*[lambda: charge_record(cdr_id=cdr.pk, at=NOON)] * 8)

        assert moves(wallet)[1:] == [("session", Decimal("-10.00"))]
        assert {type(one).__name__ for one in outcomes} <= {"WalletMovement", "IntegrityError", "NoneType"}


class TestARefundAgainstTheEndOfASession:
    def test_gives_back_what_the_session_left_or_nothing(self, sandbox, site, wallet):
        top_up(wallet)
        cdr = make_cdr(site=site, started_at=NOON - timedelta(hours=30))

        _, refunded = together(
            lambda: charge_record(cdr_id=cdr.pk, at=NOON),
            lambda: refund_wallet(wallet_id=wallet.pk, seen=Decimal("50.00"), reason="x", by=None, at=NOON),
        )

        given = sum(one.amount.amount for one in Refund.objects.all())
        # Whoever comes second is told so, or is the one that a deadlock picks: nothing is half done.
        assert given == (0 if isinstance(refunded, NotRefundable | DatabaseError) else Decimal("50.00")), repr(refunded)
        assert balance(wallet) in (Decimal("40.00"), Decimal("-1.00"))
        assert violations() == []

    def test_two_refunds_give_back_once(self, sandbox, wallet):
        top_up(wallet)

        together(*[lambda: refund_wallet(wallet_id=wallet.pk, seen=Decimal("50.00"), reason="x", by=None, at=NOON)] * 4)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [5000]
        assert (balance(wallet), violations()) == (0, [])


class TestKilled:
    def test_after_the_page_was_made_the_same_page_is_found(self, sandbox, wallet):
        killed = in_a_child(sandbox, wallet, failpoint="payments.after_call", program=TOPPING_UP_CHILD)
        assert killed == -signal.SIGKILL

        janitor(NOON + MINUTE)

        top_up(wallet, at=NOON + MINUTE)
        assert len(sandbox.control.objects("checkout.session")) == 1
        assert (balance(wallet), violations()) == (Decimal("50.00"), [])

    def test_after_stripe_gave_back_is_given_back_once(self, sandbox, wallet):
        top_up(wallet)
        killed = in_a_child(sandbox, wallet, failpoint="payments.after_call", program=REFUNDING_CHILD)
        assert killed == -signal.SIGKILL
        assert (Refund.objects.get().status, balance(wallet)) == ("requested", 0)

        janitor(NOON + MINUTE)

        assert Refund.objects.get().status == "succeeded"
        assert len(sandbox.control.objects("refund")) == 1
        assert violations() == []
