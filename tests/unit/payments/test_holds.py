"""What a look at Stripe makes of an attempt, and how much of a hold is taken."""

from decimal import Decimal

import pytest

from apps.payments.domain.holds import PageStatus, amount_to_capture, status_after_look
from apps.payments.domain.status import ATTEMPT_ENDS, NEXT_ATTEMPT, AttemptStatus, PaymentStatus


def look(status: str, page: str, intent: str | None) -> AttemptStatus:
    return status_after_look(
        AttemptStatus(status), page=PageStatus(page), intent=PaymentStatus(intent) if intent else None
    )


class TestStatusAfterLook:
    @pytest.mark.parametrize(
        ("status", "page", "intent", "after"),
        [
            ("created", "open", None, "checkout_open"),
            ("checkout_open", "open", None, "checkout_open"),
            ("checkout_open", "open", "requires_payment_method", "checkout_open"),
            ("checkout_open", "expired", None, "checkout_expired"),
            ("checkout_open", "expired", "canceled", "checkout_expired"),
            ("checkout_open", "complete", "requires_capture", "authorised"),
            ("checkout_open", "complete", "canceled", "hold_expired"),
            ("checkout_open", "complete", "succeeded", "captured"),
            ("authorised", "complete", "requires_capture", "authorised"),
            ("authorised", "complete", "canceled", "hold_expired"),
            ("capturing", "complete", "requires_capture", "capturing"),
            ("capturing", "complete", "succeeded", "captured"),
            ("capturing", "complete", "canceled", "hold_expired"),
            ("releasing", "open", None, "releasing"),
            ("releasing", "complete", "requires_capture", "releasing"),
            ("releasing", "complete", "canceled", "released"),
            ("releasing", "expired", None, "released"),
            ("capture_failed", "complete", "requires_capture", "capture_failed"),
            ("capture_failed", "complete", "canceled", "hold_expired"),
        ],
    )
    def test_is(self, status, page, intent, after):
        assert look(status, page, intent) == after

    @pytest.mark.parametrize("end", sorted(ATTEMPT_ENDS))
    def test_of_one_that_ended_is_what_it_was(self, end):
        assert look(end, "complete", "succeeded") == end

    def test_is_always_a_move_that_the_table_allows(self):
        for status in AttemptStatus:
            for page in PageStatus:
                for intent in [None, *PaymentStatus]:
                    after = status_after_look(status, page=page, intent=intent)
                    assert after == status or after in NEXT_ATTEMPT[status], (status, page, intent)


class TestAmountToCapture:
    @pytest.mark.parametrize(
        ("open_amount", "held", "taken"),
        [
            ("10.00", "25.00", "10.00"),
            ("25.00", "25.00", "25.00"),
            ("30.00", "25.00", "25.00"),
            ("-1.00", "25.00", "0"),
        ],
    )
    def test_is_the_receipt_up_to_the_hold(self, open_amount, held, taken):
        assert amount_to_capture(open_amount=Decimal(open_amount), held=Decimal(held)) == Decimal(taken)
