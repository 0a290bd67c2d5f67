"""States and their moves."""

import pytest

from apps.core.domain.moves import IllegalMove
from apps.payments.domain.status import (
    NEXT_METHOD,
    NEXT_OPERATION,
    NEXT_PAYMENT,
    MethodStatus,
    OperationStatus,
    PaymentStatus,
    advance_method,
    advance_operation,
    advance_payment,
)


class TestTables:
    def test_name_every_status(self):
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
