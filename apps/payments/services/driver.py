"""Drive an operation through the three steps of every money call (PAYMENTS.md).

1. asked for and claimed in transactions of their own (``operations``); 2. called outside any (``calls``); 3. here, in
one transaction: outcome stored and Stripe's current object projected, under the locks Attempt → document → Payment →
Operation.
"""

import time
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.core import failpoints
from apps.payments import gateway, gateway_books
from apps.payments.domain.failures import Failure
from apps.payments.domain.status import (
    UNFINISHED,
    OperationKind,
    OperationStatus,
    PaymentStatus,
    advance_payment,
)
from apps.payments.models import Payment, PaymentOperation, StripeCustomer
from apps.payments.outcomes import (
    DisputeSnapshot,
    Done,
    IntentSnapshot,
    Next,
    Outcome,
    PageSnapshot,
    RefundSnapshot,
    Rejected,
    Unknown,
)
from apps.payments.services.calls import Answer, NotDone, attempt
from apps.payments.services.disputes import project_dispute
from apps.payments.services.holds import is_overtaken, note_refused_hold, plan_hold, project_hold
from apps.payments.services.links import project_link
from apps.payments.services.operations import (
    claim_operation,
    end_operation,
    postpone_operation,
    retry_with_next_key,
)
from apps.payments.services.plan import plan_next
from apps.payments.services.projection import LOOKS, Locked, lock_payment, project_intent, set_failure
from apps.payments.services.refunding import note_refused_refund, project_refunds
from apps.payments.services.setups import lock_method, store_setup_session
from apps.payments.services.transfers import settle_transfer

PATIENCE: Final = timedelta(seconds=5)
"""How long a second click waits for the first one's call."""
PAUSE: Final = timedelta(milliseconds=50)
_TRIES: Final = frozenset({OperationKind.UPDATE_AMOUNT, OperationKind.CONFIRM_INTENT})
Seen = IntentSnapshot | PageSnapshot | DisputeSnapshot | list[RefundSnapshot]


def drive_operation(*, operation_id: int, at: datetime) -> PaymentOperation:
    """Drive an operation, and those that follow from it, as far as Stripe lets us now; return it as it stands.

    Harmless when it has ended, is not due, or is driven by somebody else.

    :raises WrongMode: it belongs to the other mode
    """
    operation = claim_operation(operation_id=operation_id, at=at)
    while operation is not None:
        answer = attempt(operation, at=at)
        follower = _settle(operation, answer, at=at)
        failpoints.hit("payments.after_commit")
        operation = claim_operation(operation_id=follower.pk, at=at) if follower else None
    driven: PaymentOperation = PaymentOperation.objects.get(pk=operation_id)
    return driven


def drive_or_wait(operation_id: int, *, at: datetime) -> None:
    """Drive an operation; if another click of the same person's is at it, wait for what that one comes to."""
    operation = drive_operation(operation_id=operation_id, at=at)
    for _ in range(PATIENCE // PAUSE):
        if operation.status != OperationStatus.PENDING or operation.error:
            return
        time.sleep(PAUSE.total_seconds())
        operation.refresh_from_db()


def _settle(operation: PaymentOperation, answer: Answer, *, at: datetime) -> PaymentOperation | None:
    """Store what an attempt came to; return the operation that follows from it."""
    if isinstance(answer, Unknown):
        postpone_operation(operation_id=operation.pk, unknown=answer, at=at)
        return None
    if operation.transfer_id is not None:
        return settle_transfer(operation, answer, at=at)
    if operation.payment_id is not None:
        return _settle_payment(operation, answer, at=at)
    return _settle_setup(operation, answer, at=at)


def _settle_payment(
    operation: PaymentOperation, answer: Done | Rejected | NotDone, *, at: datetime
) -> PaymentOperation | None:
    """Look at Stripe's objects as they stand and store them with the outcome; until both are had neither is stored.

    An answer under a repeated key is a recording: only looking tells what is true now.
    """
    for _ in range(LOOKS):
        payment = Payment.objects.select_related("attempt").get(pk=operation.payment_id)
        seen = _look(operation, payment, answer)
        if isinstance(seen, Unknown):
            postpone_operation(operation_id=operation.pk, unknown=seen, at=at)
            return None
        is_stored, follower = _store(operation.pk, answer, seen, version=payment.version, at=at)
        if is_stored:
            return follower
    busy = Unknown(then=Next.SAME_KEY, reason="others are writing the payment")
    postpone_operation(operation_id=operation.pk, unknown=busy, at=at)
    return None


def _look(operation: PaymentOperation, payment: Payment, answer: Answer) -> Seen | Unknown | None:
    """Return what the operation is about as it stands; None while Stripe has made nothing.

    Without it the outcome is not stored: the same key will tell it again.
    """
    seen: Outcome[Seen] | None
    if operation.kind == OperationKind.CREATE_REFUND:
        assert payment.stripe_id is not None
        seen = gateway.list_refunds(intent=payment.stripe_id)
    elif operation.dispute is not None:
        seen = gateway_books.retrieve_dispute(operation.dispute.stripe_id)
    elif payment.kind != Payment.Kind.COLLECTION:
        page_id = _made_id(operation, answer) or payment.checkout_session_id
        seen = gateway.retrieve_payment_session(page_id) if page_id else None
    else:
        intent_id = _made_id(operation, answer) or payment.stripe_id
        seen = gateway.retrieve_intent(intent_id) if intent_id else None
    match seen:
        case Done(value=value):
            return value
        case Rejected(message=reason) | Unknown(reason=reason):
            return Unknown(then=Next.SAME_KEY, reason=f"cannot look: {reason}")
    return None


def _made_id(operation: PaymentOperation, answer: Answer) -> str | None:
    """Return the id of the object that a creation made; nothing for other calls."""
    is_creation = operation.kind in (OperationKind.CREATE_INTENT, OperationKind.CREATE_PAYMENT_SESSION)
    if is_creation and isinstance(answer, Done):
        made: IntentSnapshot | PageSnapshot = answer.value
        return made.stripe_id
    return None


@transaction.atomic
def _store(
    operation_id: int,
    answer: Done | Rejected | NotDone,
    seen: Seen | None,
    *,
    version: int,
    at: datetime,
) -> tuple[bool, PaymentOperation | None]:
    """Store outcome and snapshot, unless somebody projected since the snapshot was taken; return what follows."""
    payment_id = PaymentOperation.objects.values_list("payment_id", flat=True).get(pk=operation_id)
    locked = lock_payment(payment_id)
    operation = PaymentOperation.objects.select_for_update().get(pk=operation_id)
    if operation.status not in UNFINISHED:
        return True, None
    if locked.payment.version != version:
        return False, None
    _project(locked, seen, at=at)
    if isinstance(answer, NotDone) and not (locked.attempt and is_overtaken(operation, locked)):
        return True, retry_with_next_key(operation, at=at)
    if isinstance(answer, Done):
        end_operation(operation, status=OperationStatus.DONE, at=at)
    elif isinstance(answer, Rejected):
        end_operation(operation, status=OperationStatus.REJECTED, at=at, error=answer.message)
        _note_refusal(locked, operation, answer.failure, at=at)
    else:
        end_operation(operation, status=OperationStatus.REJECTED, at=at, error="not done, and not wanted any more")
        _note_refusal(locked, operation, Failure(code="not_wanted"), at=at)
    return True, _plan(locked, answer, at=at)


def _project(locked: Locked, seen: Seen | None, *, at: datetime) -> None:
    match seen:
        case IntentSnapshot():
            locked.payment.stripe_id = seen.stripe_id
            project_intent(document=locked.document, payment=locked.payment, snapshot=seen, at=at)
        case PageSnapshot() if locked.attempt is None:
            project_link(locked, seen, at=at)
        case PageSnapshot():
            project_hold(locked, seen, at=at)
        case DisputeSnapshot():
            project_dispute(locked.payment, seen, at=at)
        case list():
            project_refunds(locked.payment, seen, at=at)


def _plan(locked: Locked, answer: Answer, *, at: datetime) -> PaymentOperation | None:
    """Ask for what follows; a collection that was refused waits for another card, a hold goes its way all the same.

    A link or top-up waits for somebody to pay, and is planned when somebody asks for its page.
    """
    if locked.attempt is not None:
        return plan_hold(locked, at=at)
    if locked.payment.kind in (Payment.Kind.LINK, Payment.Kind.TOP_UP):
        return None
    if isinstance(answer, Rejected) or locked.document is None:
        return None
    return plan_next(invoice=locked.document, payment=locked.payment, at=at)


def _note_refusal(locked: Locked, operation: PaymentOperation, failure: Failure, *, at: datetime) -> None:
    """Say why it does not go on; a payment that Stripe would not even make is closed."""
    payment = locked.payment
    if operation.refund is not None:
        note_refused_refund(operation.refund, failure, at=at)
    elif locked.attempt is not None:
        note_refused_hold(operation, locked, failure, at=at)
    elif operation.kind in (OperationKind.CREATE_INTENT, OperationKind.CREATE_PAYMENT_SESSION):
        payment.status = advance_payment(PaymentStatus(payment.status), PaymentStatus.CANCELED)
        _note_failure(payment, failure)
    elif operation.kind in _TRIES and payment.status != PaymentStatus.SUCCEEDED:
        _note_failure(payment, failure)


def _note_failure(payment: Payment, failure: Failure) -> None:
    set_failure(payment, failure)
    payment.version += 1
    payment.save()


@transaction.atomic
def _settle_setup(
    operation: PaymentOperation, answer: Done | Rejected | NotDone, *, at: datetime
) -> PaymentOperation | None:
    """Store the outcome of a call that moves no money: a customer made, a page opened, a card forgotten."""
    method = lock_method(operation.method_id) if operation.method_id else None
    locked = PaymentOperation.objects.select_for_update().get(pk=operation.pk)
    if locked.status not in UNFINISHED:
        return None
    if isinstance(answer, NotDone):
        return retry_with_next_key(locked, at=at)
    if isinstance(answer, Done):
        if locked.kind == OperationKind.CREATE_CUSTOMER:
            StripeCustomer.objects.get_or_create(
                customer_id=locked.customer_id,
                defaults={"stripe_id": answer.value, "livemode": locked.livemode, "created_at": at},
            )
        elif locked.kind == OperationKind.CREATE_SETUP_SESSION:
            assert method is not None
            store_setup_session(method=method, session=answer.value)
        end_operation(locked, status=OperationStatus.DONE, at=at)
        return None
    end_operation(locked, status=OperationStatus.REJECTED, at=at, error=answer.message)
    if locked.kind == OperationKind.CREATE_SETUP_SESSION:
        assert method is not None
        method.set_failed(at=at)
    return None
