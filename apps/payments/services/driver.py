"""Drive an operation through the three steps of every money call (PAYMENTS.md).

1. asked for and claimed in transactions of their own (``operations``); 2. called outside any (``calls``); 3. here, in
one transaction: outcome stored and Stripe's current object projected, under the locks Invoice → Payment → Operation.
"""

from datetime import datetime

from django.db import transaction

from apps.core import failpoints
from apps.payments import gateway
from apps.payments.domain.failures import Failure
from apps.payments.domain.status import (
    PAYMENT_KINDS,
    UNFINISHED,
    OperationKind,
    OperationStatus,
    PaymentStatus,
    advance_payment,
)
from apps.payments.models import Payment, PaymentOperation, StripeCustomer
from apps.payments.outcomes import Done, IntentSnapshot, Next, Rejected, Unknown
from apps.payments.services.calls import Answer, NotDone, attempt
from apps.payments.services.operations import (
    claim_operation,
    end_operation,
    postpone_operation,
    retry_with_next_key,
)
from apps.payments.services.plan import plan_next
from apps.payments.services.projection import LOOKS, lock_payment, project_intent, set_failure
from apps.payments.services.setups import lock_method, store_setup_session


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


def _settle(operation: PaymentOperation, answer: Answer, *, at: datetime) -> PaymentOperation | None:
    """Store what an attempt came to; return the operation that follows from it."""
    if isinstance(answer, Unknown):
        postpone_operation(operation_id=operation.pk, unknown=answer, at=at)
        return None
    if OperationKind(operation.kind) in PAYMENT_KINDS:
        return _settle_payment(operation, answer, at=at)
    return _settle_setup(operation, answer, at=at)


def _settle_payment(
    operation: PaymentOperation, answer: Done | Rejected | NotDone, *, at: datetime
) -> PaymentOperation | None:
    """Look at the intent as it stands and store it with the outcome; until both are had the outcome is not stored.

    An answer under a repeated key is a recording: only looking tells what is true now.
    """
    assert operation.payment_id is not None
    for _ in range(LOOKS):
        payment = Payment.objects.get(pk=operation.payment_id)
        stripe_id = _made_id(operation, answer) or payment.stripe_id
        snapshot = _look(stripe_id) if stripe_id else None
        if isinstance(snapshot, Unknown):
            postpone_operation(operation_id=operation.pk, unknown=snapshot, at=at)
            return None
        is_stored, follower = _store(operation.pk, answer, snapshot, version=payment.version, at=at)
        if is_stored:
            return follower
    busy = Unknown(then=Next.SAME_KEY, reason="others are writing the payment")
    postpone_operation(operation_id=operation.pk, unknown=busy, at=at)
    return None


def _look(stripe_id: str) -> IntentSnapshot | Unknown:
    """Return the intent as it stands. Without it the outcome is not stored: the same key will tell it again."""
    seen = gateway.retrieve_intent(stripe_id)
    if isinstance(seen, Done):
        return seen.value
    reason = seen.message if isinstance(seen, Rejected) else seen.reason
    return Unknown(then=Next.SAME_KEY, reason=f"cannot look: {reason}")


def _made_id(operation: PaymentOperation, answer: Answer) -> str | None:
    if operation.kind == OperationKind.CREATE_INTENT and isinstance(answer, Done):
        intent: IntentSnapshot = answer.value
        return intent.stripe_id
    return None


@transaction.atomic
def _store(
    operation_id: int,
    answer: Done | Rejected | NotDone,
    snapshot: IntentSnapshot | None,
    *,
    version: int,
    at: datetime,
) -> tuple[bool, PaymentOperation | None]:
    """Store outcome and snapshot, unless somebody projected since the snapshot was taken; return what follows."""
    payment_id = PaymentOperation.objects.values_list("payment_id", flat=True).get(pk=operation_id)
    invoice, payment = lock_payment(payment_id)
    operation = PaymentOperation.objects.select_for_update().get(pk=operation_id)
    if operation.status not in UNFINISHED:
        return True, None
    if payment.version != version:
        return False, None
    if snapshot is not None:
        payment.stripe_id = snapshot.stripe_id
        project_intent(invoice=invoice, payment=payment, snapshot=snapshot, at=at)
    if isinstance(answer, NotDone):
        return True, retry_with_next_key(operation, at=at)
    if isinstance(answer, Rejected):
        end_operation(operation, status=OperationStatus.REJECTED, at=at, error=answer.message)
        _note_refusal(payment, operation, answer.failure)
        return True, None
    end_operation(operation, status=OperationStatus.DONE, at=at)
    return True, plan_next(invoice=invoice, payment=payment, at=at)


def _note_refusal(payment: Payment, operation: PaymentOperation, failure: Failure) -> None:
    """Say on the payment why it does not go on; one that Stripe would not even make is closed."""
    if operation.kind == OperationKind.CREATE_INTENT:
        payment.status = advance_payment(PaymentStatus(payment.status), PaymentStatus.CANCELED)
    elif operation.kind == OperationKind.CANCEL_INTENT or payment.status == PaymentStatus.SUCCEEDED:
        return
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
