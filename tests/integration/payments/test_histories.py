"""Whatever the network and Stripe do to the calls, in whatever order: one charge or one decline, and true books."""

import random
from datetime import datetime
from decimal import Decimal

import pytest

from apps.payments.models import Allocation, Payment, PaymentOperation
from apps.payments.sandbox import FaultKind
from apps.payments.selectors import payment_state
from apps.payments.services import driver

from .conftest import DECLINES_LATER, NOON, assert_clean, charges, collect, journals

pytestmark = pytest.mark.django_db

FAULTS = [FaultKind.DROP_ANSWER, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.TOO_MANY]
PATHS = ["/v1/payment_intents", "/v1/payment_intents/pi_"]


def strew_faults(sandbox, seed: int) -> None:
    """Put one to six random faults in the way of the next calls about intents, looks among them."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 6)):
        sandbox.control.fault(
            dice.choice(FAULTS),
            method=dice.choice(["POST", "POST", "GET"]),
            path=dice.choice(PATHS),
            times=dice.randint(1, 2),
        )


def until_settled(sandbox) -> datetime:
    """Let the janitor come whenever the next alarm goes off, Stripe's clock going along; return the last instant."""
    at = NOON
    for _ in range(30):
        operation = PaymentOperation.objects.filter(next_try_at__isnull=False).order_by("next_try_at").first()
        if operation is None:
            return at
        moved, at = operation.next_try_at - at, operation.next_try_at
        sandbox.control.advance_clock(int(moved.total_seconds()))
        driver.drive_operation(operation_id=operation.pk, at=at)
    raise AssertionError("never settled")


@pytest.mark.parametrize("seed", range(20))
class TestHistory:
    def test_of_a_good_card_ends_in_one_charge(self, sandbox, seller, invoice, card, seed):
        strew_faults(sandbox, seed)

        collect(invoice)
        until_settled(sandbox)

        assert charges(sandbox) == [("succeeded", 11900)]
        assert Payment.objects.count() == 1
        assert [a.amount.amount for a in Allocation.objects.all()] == [Decimal("119.00")]
        assert len(journals(seller)) == 2
        assert payment_state(invoice).state == "paid"
        assert_clean()

    def test_of_a_bad_card_ends_in_one_decline(self, sandbox, seller, invoice, save_card, seed):
        save_card(DECLINES_LATER)
        strew_faults(sandbox, seed)

        collect(invoice)
        until_settled(sandbox)

        assert charges(sandbox) == [("failed", 0)]
        assert journals(seller) == {}
        assert payment_state(invoice).why == "There were not enough funds."
        assert_clean()
