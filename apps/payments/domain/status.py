"""States of methods, payments and operations, each with its table of moves.

A payment's words are Stripe's own (PaymentIntent ``status``) plus ``new``: wished for, not yet made at Stripe.
*Unknown* is a state of an operation, never of a payment (PAYMENTS.md, The driver's payment).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move


class MethodStatus(StrEnum):
    REQUESTED = "requested"
    ACTIVE = "active"
    FAILED = "failed"
    DETACHED = "detached"


class PaymentStatus(StrEnum):
    NEW = "new"
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class OperationStatus(StrEnum):
    """PENDING: to be sent, or sent and not yet heard of · UNKNOWN: sent, and no answer says what became of it."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    DONE = "done"
    REJECTED = "rejected"


class OperationKind(StrEnum):
    CREATE_CUSTOMER = "create_customer"
    CREATE_SETUP_SESSION = "create_setup_session"
    DETACH_METHOD = "detach_method"
    CREATE_INTENT = "create_intent"
    UPDATE_AMOUNT = "update_amount"
    CONFIRM_INTENT = "confirm_intent"
    CANCEL_INTENT = "cancel_intent"


PAYMENT_KINDS: Final = frozenset(
    {
        OperationKind.CREATE_INTENT,
        OperationKind.UPDATE_AMOUNT,
        OperationKind.CONFIRM_INTENT,
        OperationKind.CANCEL_INTENT,
    }
)

PAYMENT_ENDS: Final = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED})
OPEN_PAYMENT: Final = frozenset(PaymentStatus) - PAYMENT_ENDS
UNFINISHED: Final = frozenset({OperationStatus.PENDING, OperationStatus.UNKNOWN})
CONFIRMABLE: Final = frozenset({PaymentStatus.REQUIRES_PAYMENT_METHOD, PaymentStatus.REQUIRES_CONFIRMATION})
CANCELABLE: Final = CONFIRMABLE | {PaymentStatus.REQUIRES_ACTION, PaymentStatus.REQUIRES_CAPTURE}

NEXT_METHOD: Final[Mapping[MethodStatus, frozenset[MethodStatus]]] = {
    MethodStatus.REQUESTED: frozenset({MethodStatus.ACTIVE, MethodStatus.FAILED}),
    MethodStatus.ACTIVE: frozenset({MethodStatus.DETACHED}),
    MethodStatus.FAILED: frozenset(),
    MethodStatus.DETACHED: frozenset(),
}

# Stripe may go anywhere between two looks of ours, but never out of an end, and nothing becomes "new" again.
_SEEN: Final = frozenset(PaymentStatus) - {PaymentStatus.NEW}
NEXT_PAYMENT: Final[Mapping[PaymentStatus, frozenset[PaymentStatus]]] = {
    status: frozenset({status}) if status in PAYMENT_ENDS else _SEEN for status in PaymentStatus
}

NEXT_OPERATION: Final[Mapping[OperationStatus, frozenset[OperationStatus]]] = {
    OperationStatus.PENDING: frozenset(OperationStatus) - {OperationStatus.PENDING},
    OperationStatus.UNKNOWN: frozenset(OperationStatus) - {OperationStatus.PENDING},
    OperationStatus.DONE: frozenset(),
    OperationStatus.REJECTED: frozenset(),
}


def advance_method(status: MethodStatus, to: MethodStatus) -> MethodStatus:
    """Return ``to``.

    :raises IllegalMove: a saved method does not go from ``status`` to ``to``
    """
    return check_move(NEXT_METHOD, status, to)


def advance_payment(status: PaymentStatus, to: PaymentStatus) -> PaymentStatus:
    """Return ``to``.

    :raises IllegalMove: Stripe's object cannot have gone from ``status`` to ``to``
    """
    return check_move(NEXT_PAYMENT, status, to)


def advance_operation(status: OperationStatus, to: OperationStatus) -> OperationStatus:
    """Return ``to``.

    :raises IllegalMove: the operation has ended
    """
    return check_move(NEXT_OPERATION, status, to)
