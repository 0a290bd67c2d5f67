"""States of attempts, methods, payments, refunds and operations, each with its table of moves.

A payment's words are Stripe's own (PaymentIntent ``status``) plus ``new``: wished for, not yet made at Stripe.
*Unknown* is a state of an operation, never of a payment or an attempt (PAYMENTS.md, The driver's payment).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move


class AttemptStatus(StrEnum):
    """Where a driver's money is; starting and charging are not stored here (PAYMENTS.md, States of an attempt)."""

    CREATED = "created"
    CHECKOUT_OPEN = "checkout_open"
    AUTHORISED = "authorised"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    CHECKOUT_EXPIRED = "checkout_expired"
    PAYMENT_FAILED = "payment_failed"
    RELEASING = "releasing"
    RELEASED = "released"
    HOLD_EXPIRED = "hold_expired"
    CAPTURE_FAILED = "capture_failed"


class MethodStatus(StrEnum):
    REQUESTED = "requested"
    ACTIVE = "active"
    FAILED = "failed"
    DETACHED = "detached"


class MethodKind(StrEnum):
    """How a saved method pays; the words are Stripe's."""

    CARD = "card"
    SEPA_DEBIT = "sepa_debit"


class MethodEnd(StrEnum):
    """Why a method that was saved is used no more. Who REVOKED a mandate, or took a method away at Stripe, is told."""

    REPLACED = "replaced"
    REMOVED = "removed"
    REVOKED = "revoked"


class PaymentStatus(StrEnum):
    NEW = "new"
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class RefundStatus(StrEnum):
    """REQUESTED: asked for, not yet made at Stripe · the others are Stripe's, its ``canceled`` being a failure."""

    REQUESTED = "requested"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RepaymentStatus(StrEnum):
    """REQUESTED: a payable that waits for the bank · EXECUTED: left the account · WITHDRAWN: not wanted any more."""

    REQUESTED = "requested"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"


class TransferStatus(StrEnum):
    """REQUESTED: asked for, not known to be made · FAILED: Stripe refused it, so that the money stays due."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


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
    CREATE_PAYMENT_SESSION = "create_payment_session"
    EXPIRE_SESSION = "expire_session"
    CAPTURE_INTENT = "capture_intent"
    CANCEL_INTENT = "cancel_intent"
    CREATE_REFUND = "create_refund"
    CREATE_TRANSFER = "create_transfer"
    REVERSE_TRANSFER = "reverse_transfer"
    UPDATE_DISPUTE = "update_dispute"


WAITING_FOR_MONEY: Final = frozenset({AttemptStatus.CREATED, AttemptStatus.CHECKOUT_OPEN})
BEFORE_MONEY: Final = WAITING_FOR_MONEY | {AttemptStatus.CHECKOUT_EXPIRED, AttemptStatus.PAYMENT_FAILED}
RELEASABLE: Final = WAITING_FOR_MONEY | {AttemptStatus.AUTHORISED}

PAYMENT_ENDS: Final = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED})
OPEN_PAYMENT: Final = frozenset(PaymentStatus) - PAYMENT_ENDS
UNFINISHED: Final = frozenset({OperationStatus.PENDING, OperationStatus.UNKNOWN})
CONFIRMABLE: Final = frozenset({PaymentStatus.REQUIRES_PAYMENT_METHOD, PaymentStatus.REQUIRES_CONFIRMATION})
CANCELABLE: Final = CONFIRMABLE | {PaymentStatus.REQUIRES_ACTION, PaymentStatus.REQUIRES_CAPTURE}

# created → checkout_open → authorised → capturing → captured, and the exits. A look may come late, so that what Stripe
# did in between is skipped: a hold that expired, or was captured elsewhere, before we ever saw it.
_LATE: Final = frozenset({AttemptStatus.CAPTURED, AttemptStatus.HOLD_EXPIRED})
_UNPAID: Final = _LATE | {
    AttemptStatus.AUTHORISED,
    AttemptStatus.CHECKOUT_EXPIRED,
    AttemptStatus.PAYMENT_FAILED,
    AttemptStatus.RELEASING,
}
NEXT_ATTEMPT: Final[Mapping[AttemptStatus, frozenset[AttemptStatus]]] = {
    AttemptStatus.CREATED: _UNPAID | {AttemptStatus.CHECKOUT_OPEN},
    AttemptStatus.CHECKOUT_OPEN: _UNPAID,
    AttemptStatus.AUTHORISED: _LATE | {AttemptStatus.CAPTURING, AttemptStatus.RELEASING},
    # Back to releasing when the receipt was credited before the capture was sent.
    AttemptStatus.CAPTURING: _LATE | {AttemptStatus.CAPTURE_FAILED, AttemptStatus.RELEASING},
    AttemptStatus.RELEASING: frozenset({AttemptStatus.RELEASED, AttemptStatus.CAPTURED}),
    AttemptStatus.CAPTURE_FAILED: _LATE,
    AttemptStatus.CAPTURED: frozenset(),
    AttemptStatus.CHECKOUT_EXPIRED: frozenset(),
    AttemptStatus.PAYMENT_FAILED: frozenset(),
    AttemptStatus.RELEASED: frozenset(),
    AttemptStatus.HOLD_EXPIRED: frozenset(),
}
ATTEMPT_ENDS: Final = frozenset(status for status, following in NEXT_ATTEMPT.items() if not following)

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

# A refund that succeeded may still come back from the bank.
NEXT_REFUND: Final[Mapping[RefundStatus, frozenset[RefundStatus]]] = {
    RefundStatus.REQUESTED: frozenset(RefundStatus) - {RefundStatus.REQUESTED},
    RefundStatus.PENDING: frozenset(RefundStatus) - {RefundStatus.REQUESTED},
    RefundStatus.SUCCEEDED: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.FAILED: frozenset({RefundStatus.FAILED}),
}

NEXT_TRANSFER: Final[Mapping[TransferStatus, frozenset[TransferStatus]]] = {
    TransferStatus.REQUESTED: frozenset({TransferStatus.SUCCEEDED, TransferStatus.FAILED}),
    TransferStatus.SUCCEEDED: frozenset(),
    TransferStatus.FAILED: frozenset(),
}

NEXT_OPERATION: Final[Mapping[OperationStatus, frozenset[OperationStatus]]] = {
    OperationStatus.PENDING: frozenset(OperationStatus) - {OperationStatus.PENDING},
    OperationStatus.UNKNOWN: frozenset(OperationStatus) - {OperationStatus.PENDING},
    OperationStatus.DONE: frozenset(),
    OperationStatus.REJECTED: frozenset(),
}


def advance_attempt(status: AttemptStatus, to: AttemptStatus) -> AttemptStatus:
    """Return ``to``.

    :raises IllegalMove: an attempt does not go from ``status`` to ``to``
    """
    return check_move(NEXT_ATTEMPT, status, to)


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


def advance_refund(status: RefundStatus, to: RefundStatus) -> RefundStatus:
    """Return ``to``.

    :raises IllegalMove: Stripe's object cannot have gone from ``status`` to ``to``
    """
    return check_move(NEXT_REFUND, status, to)


def advance_transfer(status: TransferStatus, to: TransferStatus) -> TransferStatus:
    """Return ``to``.

    :raises IllegalMove: the transfer has ended
    """
    return check_move(NEXT_TRANSFER, status, to)


def advance_operation(status: OperationStatus, to: OperationStatus) -> OperationStatus:
    """Return ``to``.

    :raises IllegalMove: the operation has ended
    """
    return check_move(NEXT_OPERATION, status, to)
