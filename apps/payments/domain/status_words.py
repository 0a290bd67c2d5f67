"""What states of money are called where people of the console read them; the rows keep Stripe's words and ours."""

from collections.abc import Mapping
from typing import Final

from apps.payments.domain.status import AttemptStatus, OperationKind, PaymentStatus

_ATTEMPT: Final[Mapping[AttemptStatus, str]] = {
    AttemptStatus.CREATED: "not begun",
    AttemptStatus.CHECKOUT_OPEN: "payment page is open",
    AttemptStatus.AUTHORISED: "held",
    AttemptStatus.CAPTURING: "being taken",
    AttemptStatus.CAPTURED: "taken",
    AttemptStatus.CHECKOUT_EXPIRED: "payment page closed unpaid",
    AttemptStatus.PAYMENT_FAILED: "card refused",
    AttemptStatus.RELEASING: "being let go",
    AttemptStatus.RELEASED: "let go",
    AttemptStatus.HOLD_EXPIRED: "hold ran out",
    AttemptStatus.CAPTURE_FAILED: "could not be taken",
}
_PAYMENT: Final[Mapping[PaymentStatus, str]] = {
    PaymentStatus.NEW: "not begun",
    PaymentStatus.REQUIRES_PAYMENT_METHOD: "needs another card",
    PaymentStatus.REQUIRES_CONFIRMATION: "not tried yet",
    PaymentStatus.REQUIRES_ACTION: "the payer must confirm it",
    PaymentStatus.PROCESSING: "under way at the bank",
    PaymentStatus.REQUIRES_CAPTURE: "held",
    PaymentStatus.SUCCEEDED: "paid",
    PaymentStatus.CANCELED: "given up",
}
_OPERATION: Final[Mapping[OperationKind, str]] = {
    OperationKind.CREATE_CUSTOMER: "make the customer",
    OperationKind.CREATE_SETUP_SESSION: "open a page to save a card",
    OperationKind.DETACH_METHOD: "forget a card",
    OperationKind.CREATE_INTENT: "make the payment",
    OperationKind.UPDATE_AMOUNT: "change the amount",
    OperationKind.CONFIRM_INTENT: "try the card",
    OperationKind.CREATE_PAYMENT_SESSION: "open a payment page",
    OperationKind.EXPIRE_SESSION: "close the payment page",
    OperationKind.CAPTURE_INTENT: "take what is held",
    OperationKind.CANCEL_INTENT: "let go or give up",
    OperationKind.CREATE_REFUND: "give money back",
    OperationKind.CREATE_TRANSFER: "send to an owner",
    OperationKind.REVERSE_TRANSFER: "fetch back from an owner",
    OperationKind.UPDATE_DISPUTE: "send evidence",
}


def attempt_in_words(status: str) -> str:
    """Say where a driver's money is."""
    return _ATTEMPT[AttemptStatus(status)]


def payment_in_words(status: str) -> str:
    """Say how a payment stands."""
    return _PAYMENT[PaymentStatus(status)]


def operation_in_words(kind: str) -> str:
    """Say what a call to Stripe is for."""
    return _OPERATION[OperationKind(kind)]
