"""What a look at Stripe's page and intent makes of an attempt, and how much of a hold a receipt takes."""

from decimal import Decimal
from enum import StrEnum

from apps.payments.domain.status import ATTEMPT_ENDS, WAITING_FOR_MONEY, AttemptStatus, PaymentStatus


class PageStatus(StrEnum):
    """A hosted Checkout session in payment mode, in Stripe's words."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


def status_after_look(status: AttemptStatus, *, page: PageStatus, intent: PaymentStatus | None) -> AttemptStatus:
    """Return where an attempt stands once Stripe's objects were looked at; what we asked for decides between exits.

    intent  None until somebody typed a card

    ==================  ======================  =====================================================
    intent              page                    attempt
    ==================  ======================  =====================================================
    succeeded           any                     captured
    requires_capture    any                     authorised; capturing and releasing stay what they are
    canceled            complete                released if asked for, else hold_expired
    canceled or other   expired (or canceled)   released if asked for, else checkout_expired
    other, none         open                    checkout_open; a decline leaves the page open
    ==================  ======================  =====================================================
    """
    if status in ATTEMPT_ENDS:
        return status
    if intent == PaymentStatus.SUCCEEDED:
        return AttemptStatus.CAPTURED
    if intent == PaymentStatus.REQUIRES_CAPTURE:
        return AttemptStatus.AUTHORISED if status in WAITING_FOR_MONEY else status
    if intent == PaymentStatus.CANCELED or page == PageStatus.EXPIRED:
        if status == AttemptStatus.RELEASING:
            return AttemptStatus.RELEASED
        was_held = page == PageStatus.COMPLETE or status not in WAITING_FOR_MONEY
        return AttemptStatus.HOLD_EXPIRED if was_held else AttemptStatus.CHECKOUT_EXPIRED
    return AttemptStatus.CHECKOUT_OPEN if status == AttemptStatus.CREATED else status


def amount_to_capture(*, open_amount: Decimal, held: Decimal) -> Decimal:
    """Return how much of what a receipt is open for its hold can pay, never below zero; the rest stays receivable."""
    return max(min(open_amount, held), Decimal(0))
