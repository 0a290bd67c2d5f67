"""A driver's hold: lay Stripe's page and intent over attempt and payment, and decide which call comes next.

Page, webhook, resync and our own calls come through here. What is asked for (release, capture) is a state of the
attempt, so that whichever call ends first, the next is planned from what is true then.
"""

import logging
from datetime import datetime
from typing import Final

from apps.core.bells import ring_on_commit
from apps.payments import gateway
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.failures import CAPTURE_REFUSED, HOLD_DECLINED, PAGE_REFUSED, Failure
from apps.payments.domain.holds import PageStatus, amount_to_capture, status_after_look
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    PAYMENT_ENDS,
    UNFINISHED,
    WAITING_FOR_MONEY,
    AttemptStatus,
    OperationKind,
    OperationStatus,
    PaymentStatus,
    advance_payment,
)
from apps.payments.models import Payment, PaymentAttempt, PaymentOperation
from apps.payments.outcomes import Done, PageSnapshot, Reference, Rejected, Unknown
from apps.payments.selectors import open_amount
from apps.payments.services.operations import WrongMode, request_operation
from apps.payments.services.projection import Locked, StrangeObject, StripeUnreachable, project_intent

log = logging.getLogger(__name__)

NOTHING_TO_PAY: Final = "nothing to pay"


def look_at_page(attempt: PaymentAttempt) -> PageSnapshot:
    """Return an attempt's page, and the intent behind it, as they stand at Stripe.

    :raises StripeUnreachable: no answer
    :raises WrongMode: the hold belongs to the other mode
    """
    assert attempt.checkout_session_id is not None
    if attempt.payment.livemode != gateway.livemode():
        raise WrongMode(f"{attempt} belongs to the other mode")
    match gateway.retrieve_payment_session(attempt.checkout_session_id):
        case Done(value=page):
            return page
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


def project_hold(locked: Locked, page: PageSnapshot, *, at: datetime) -> None:
    """Lay a page and its intent over a locked hold; ring when its money stands.

    :raises StrangeObject: they are of another mode, currency or amount
    """
    attempt, payment, intent = _attempt(locked), locked.payment, page.intent
    if page.livemode != payment.livemode or (intent is not None and intent.amount != payment.amount.amount):
        raise StrangeObject(f"{page.stripe_id}: live {page.livemode}, {intent}; ours is {attempt}")
    attempt.checkout_session_id = page.stripe_id
    attempt.checkout_url = page.url if page.status == PageStatus.OPEN else ""
    was = AttemptStatus(attempt.status)
    attempt.set_status(
        status_after_look(was, page=page.status, intent=intent.status if intent is not None else None), at=at
    )
    if intent is not None and intent.failure is not None and attempt.status in WAITING_FOR_MONEY:
        attempt.failure_code, attempt.failure_message = intent.failure.code, HOLD_DECLINED
    attempt.save()
    if intent is not None:
        payment.stripe_id = intent.stripe_id
        project_intent(document=locked.document, payment=payment, snapshot=intent, at=at)
    else:
        _touch(payment, attempt, at=at)
    if attempt.status != was:
        _tell(attempt, was=was)


def _touch(payment: Payment, attempt: PaymentAttempt, *, at: datetime) -> None:
    """Note a look that found no intent; when the attempt is over there never will be one."""
    if attempt.status in ATTEMPT_ENDS and payment.status not in PAYMENT_ENDS:
        payment.status = advance_payment(PaymentStatus(payment.status), PaymentStatus.CANCELED)
    payment.version += 1
    payment.synced_at = at
    payment.save()


def _tell(attempt: PaymentAttempt, *, was: AttemptStatus) -> None:
    """Ring for money that stands; alert an operator to money that moved by itself."""
    if attempt.status == AttemptStatus.AUTHORISED:
        ring_on_commit("attempt.authorised", id=attempt.pk)
    elif attempt.status == AttemptStatus.CAPTURED and was != AttemptStatus.CAPTURING:
        log.error("%s was %s and is captured without our asking", attempt, was)
    elif attempt.status == AttemptStatus.HOLD_EXPIRED and attempt.grant_id is not None:
        log.error("%s: the hold ended before it was captured; what was charged stays receivable", attempt)


def plan_hold(locked: Locked, *, at: datetime) -> PaymentOperation | None:
    """Ask for the next call of a locked hold, if it needs one.

    =========  ==============================  =====================================================
    attempt    at Stripe                       call
    =========  ==============================  =====================================================
    releasing  its page is open                expire it; an intent behind it goes along
    releasing  the money is held               cancel the intent
    capturing  the money is held               capture what the receipt is open for, at most the hold
    =========  ==============================  =====================================================
    """
    attempt, payment = _attempt(locked), locked.payment
    if payment.operations.filter(status__in=UNFINISHED).exists():
        return None
    is_held = payment.status == PaymentStatus.REQUIRES_CAPTURE
    if attempt.status == AttemptStatus.RELEASING and attempt.checkout_url:
        return ask(OperationKind.EXPIRE_SESSION, payment, at=at)
    if attempt.status == AttemptStatus.RELEASING and is_held:
        return ask(OperationKind.CANCEL_INTENT, payment, at=at)
    if attempt.status == AttemptStatus.CAPTURING and is_held:
        return _plan_capture(locked, at=at)
    return None


def _plan_capture(locked: Locked, *, at: datetime) -> PaymentOperation | None:
    attempt, payment, receipt = _attempt(locked), locked.payment, locked.document
    assert receipt is not None, "nothing is captured without its receipt"
    wanted = open_amount(receipt)
    amount = amount_to_capture(open_amount=wanted, held=payment.amount_capturable)
    if not amount:
        attempt.set_releasing(reason=NOTHING_TO_PAY, at=at)
        attempt.save()
        return ask(OperationKind.CANCEL_INTENT, payment, at=at)
    if amount < wanted:
        log.error("%s holds %s of %s; the rest of %s stays receivable", attempt, amount, wanted, receipt)
    return request_operation(
        kind=OperationKind.CAPTURE_INTENT,
        params={
            "amount_to_capture": to_stripe(amount, currency=payment.currency),
            "metadata": {Reference.INVOICE: receipt.number},
        },
        payment=payment,
        at=at,
    )


def ask(kind: OperationKind, payment: Payment, *, at: datetime) -> PaymentOperation | None:
    """Ask for a call without parameters, unless Stripe has refused the same before."""
    refused = payment.operations.filter(kind=kind, status=OperationStatus.REJECTED, retried_by__isnull=True)
    if refused.exists():
        log.error("%s: %s was refused and is not asked for again", payment, kind.value)
        return None
    return request_operation(kind=kind, params={}, payment=payment, at=at)


def is_overtaken(operation: PaymentOperation, locked: Locked) -> bool:
    """Return whether a page that was provably not made is not wanted any more."""
    return operation.kind == OperationKind.CREATE_PAYMENT_SESSION and _attempt(locked).status != AttemptStatus.CREATED


def note_refused_hold(operation: PaymentOperation, locked: Locked, failure: Failure, *, at: datetime) -> None:
    """Say on the attempt what Stripe would not do; what it did instead has been projected before."""
    attempt = _attempt(locked)
    if operation.kind == OperationKind.CREATE_PAYMENT_SESSION:
        close_unmade(attempt, locked.payment, at=at, failure=failure)
    elif operation.kind == OperationKind.CAPTURE_INTENT and attempt.status == AttemptStatus.CAPTURING:
        attempt.set_status(AttemptStatus.CAPTURE_FAILED, at=at)
        attempt.failure_code, attempt.failure_message = failure.code, CAPTURE_REFUSED
        attempt.save()
        log.error("%s: the capture was refused (%s); the receipt stays receivable", attempt, failure.code)


def close_unmade(attempt: PaymentAttempt, payment: Payment, *, at: datetime, failure: Failure | None = None) -> None:
    """Close a locked attempt that has nothing at Stripe: released, refused, or too old."""
    if attempt.status == AttemptStatus.RELEASING:
        attempt.set_status(AttemptStatus.RELEASED, at=at)
    elif failure is not None:
        attempt.set_status(AttemptStatus.PAYMENT_FAILED, at=at)
        attempt.failure_code, attempt.failure_message = failure.code, PAGE_REFUSED
    else:
        attempt.set_status(AttemptStatus.CHECKOUT_EXPIRED, at=at)
    attempt.save()
    _touch(payment, attempt, at=at)


def _attempt(locked: Locked) -> PaymentAttempt:
    assert locked.attempt is not None, "only holds come here"
    return locked.attempt
