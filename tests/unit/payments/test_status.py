"""States and their moves."""

import itertools

import pytest

from apps.core.domain.moves import IllegalMove
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    NEXT_ATTEMPT,
    NEXT_METHOD,
    NEXT_OPERATION,
    NEXT_PAYMENT,
    NEXT_REFUND,
    AttemptStatus,
    MethodStatus,
    OperationStatus,
    PaymentStatus,
    RefundStatus,
    advance_attempt,
    advance_method,
    advance_operation,
    advance_payment,
    advance_refund,
)


class TestTables:
    def test_name_every_status(self):
        assert set(NEXT_ATTEMPT) == set(AttemptStatus)
        assert set(NEXT_REFUND) == set(RefundStatus)
        assert set(NEXT_METHOD) == set(MethodStatus)
        assert set(NEXT_PAYMENT) == set(PaymentStatus)
        assert set(NEXT_OPERATION) == set(OperationStatus)


class TestMoves:
    def test_a_saved_method_becomes_active_once(self):
        assert advance_method(MethodStatus.REQUESTED, MethodStatus.ACTIVE) == MethodStatus.ACTIVE
        with pytest.raises(IllegalMove):
            advance_method(MethodStatus.DETACHED, MethodStatus.ACTIVE)

    def test_a_payment_goes_wherever_stripe_says_but_out_of_an_end(self):
        assert advance_payment(PaymentStatus.NEW, PaymentStatus.SUCCEEDED) == PaymentStatus.SUCCEEDED
        assert advance_payment(PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED) == PaymentStatus.SUCCEEDED
        for end in (PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED):
            with pytest.raises(IllegalMove):
                advance_payment(end, PaymentStatus.PROCESSING)

    def test_nothing_becomes_new_again(self):
        for status in PaymentStatus:
            with pytest.raises(IllegalMove):
                advance_payment(status, PaymentStatus.NEW)

    def test_an_operation_ends_once(self):
        assert advance_operation(OperationStatus.UNKNOWN, OperationStatus.DONE) == OperationStatus.DONE
        with pytest.raises(IllegalMove):
            advance_operation(OperationStatus.DONE, OperationStatus.REJECTED)

    def test_an_attempt_goes_the_way_of_its_money(self):
        way = ["created", "checkout_open", "authorised", "capturing", "captured"]
        for status, to in itertools.pairwise(way):
            assert advance_attempt(AttemptStatus(status), AttemptStatus(to)) == to

    @pytest.mark.parametrize(
        ("status", "to"),
        [
            ("checkout_open", "capturing"),
            ("authorised", "created"),
            ("authorised", "checkout_expired"),
            ("capturing", "released"),
            ("releasing", "capturing"),
            ("capture_failed", "releasing"),
        ],
    )
    def test_an_attempt_never_goes(self, status, to):
        with pytest.raises(IllegalMove):
            advance_attempt(AttemptStatus(status), AttemptStatus(to))

    def test_an_attempt_ends_once(self):
        assert {"captured", "checkout_expired", "payment_failed", "released", "hold_expired"} == ATTEMPT_ENDS
        for end in ATTEMPT_ENDS:
            with pytest.raises(IllegalMove):
                advance_attempt(end, AttemptStatus.AUTHORISED)

    def test_a_refund_may_come_back_after_it_succeeded(self):
        assert advance_refund(RefundStatus.SUCCEEDED, RefundStatus.FAILED) == RefundStatus.FAILED
        with pytest.raises(IllegalMove):
            advance_refund(RefundStatus.FAILED, RefundStatus.SUCCEEDED)
