"""What an operation says to Stripe, and how Stripe is asked afterwards whether it was done. Network only, no writes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apps.core import failpoints
from apps.payments import gateway, gateway_books, gateway_transfers
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.disputes import ANSWERABLE
from apps.payments.domain.failures import Failure
from apps.payments.domain.holds import PageStatus
from apps.payments.domain.retries import is_key_old
from apps.payments.domain.status import CONFIRMABLE, OperationKind, PaymentStatus
from apps.payments.models import Payment, PaymentOperation, Transfer
from apps.payments.outcomes import Done, IntentSnapshot, Outcome, Rejected, Unknown

CLOCK_SKEW: Final = timedelta(hours=1)
"""How far our clock may be from Stripe's when we list what was made since a call."""


@dataclass(frozen=True, slots=True)
class NotDone:
    """Stripe's objects show that the call did nothing."""


Answer = Done[Any] | Rejected | Unknown | NotDone


def attempt(operation: PaymentOperation, *, at: datetime) -> Answer:
    """Send a claimed operation's call; after a 5xx or with a key that grows old, look first instead."""
    failpoints.hit("payments.before_call")
    kind = OperationKind(operation.kind)
    must_look = operation.is_look_first or is_key_old(first_sent_at=operation.first_sent_at, at=at)
    answer = _LOOK[kind](operation) if must_look else _SEND[kind](operation)
    failpoints.hit("payments.after_call")
    return answer


def _payment(operation: PaymentOperation) -> Payment:
    assert operation.payment is not None
    return operation.payment


def _intent_id(operation: PaymentOperation) -> str:
    stripe_id = _payment(operation).stripe_id
    assert stripe_id is not None
    return stripe_id


def _page_id(operation: PaymentOperation) -> str:
    page_id = _payment(operation).checkout_session_id
    assert page_id is not None
    return page_id


def _transfer(operation: PaymentOperation) -> Transfer:
    assert operation.transfer is not None
    return operation.transfer


def _reversed_id(operation: PaymentOperation) -> str:
    transfer = _transfer(operation).reverses
    assert transfer is not None
    assert transfer.stripe_id is not None
    return transfer.stripe_id


def _dispute_id(operation: PaymentOperation) -> str:
    assert operation.dispute is not None
    return operation.dispute.stripe_id


def _send_detach(operation: PaymentOperation) -> Outcome[Any]:
    return gateway.detach_method(payment_method_id=operation.params["payment_method"], key=operation.idempotency_key)


_SEND: Final[dict[OperationKind, Callable[[PaymentOperation], Outcome[Any]]]] = {
    OperationKind.CREATE_CUSTOMER: lambda op: gateway.create_customer(params=op.params, key=op.idempotency_key),
    OperationKind.CREATE_SETUP_SESSION: lambda op: gateway.create_setup_session(
        params=op.params, key=op.idempotency_key
    ),
    OperationKind.DETACH_METHOD: _send_detach,
    OperationKind.CREATE_INTENT: lambda op: gateway.create_intent(params=op.params, key=op.idempotency_key),
    OperationKind.UPDATE_AMOUNT: lambda op: gateway.update_intent(
        stripe_id=_intent_id(op), params=op.params, key=op.idempotency_key
    ),
    OperationKind.CONFIRM_INTENT: lambda op: gateway.confirm_intent(
        stripe_id=_intent_id(op), params=op.params, key=op.idempotency_key
    ),
    OperationKind.CREATE_PAYMENT_SESSION: lambda op: gateway.create_payment_session(
        params=op.params, key=op.idempotency_key
    ),
    OperationKind.EXPIRE_SESSION: lambda op: gateway.expire_session(stripe_id=_page_id(op), key=op.idempotency_key),
    OperationKind.CAPTURE_INTENT: lambda op: gateway.capture_intent(
        stripe_id=_intent_id(op), params=op.params, key=op.idempotency_key
    ),
    OperationKind.CANCEL_INTENT: lambda op: gateway.cancel_intent(stripe_id=_intent_id(op), key=op.idempotency_key),
    OperationKind.CREATE_REFUND: lambda op: gateway.create_refund(params=op.params, key=op.idempotency_key),
    OperationKind.CREATE_TRANSFER: lambda op: gateway_transfers.create_transfer(
        params=op.params, key=op.idempotency_key
    ),
    OperationKind.REVERSE_TRANSFER: lambda op: gateway_transfers.reverse_transfer(
        stripe_id=_reversed_id(op), params=op.params, key=op.idempotency_key
    ),
    OperationKind.UPDATE_DISPUTE: lambda op: gateway_books.update_dispute(
        stripe_id=_dispute_id(op), params=op.params, key=op.idempotency_key
    ),
}


def _look_for_nothing(operation: PaymentOperation) -> Answer:
    """Take a customer or a page for not made: a second one costs nothing and is never used beside the first.

    Nobody was ever sent to a page whose address we did not hear, so nobody can pay on it.
    """
    return NotDone()


def _look_detached(operation: PaymentOperation) -> Answer:
    seen = gateway.retrieve_method(operation.params["payment_method"])
    if isinstance(seen, Done) and seen.value.is_attached:
        return NotDone()
    return seen


def _look_created(operation: PaymentOperation) -> Answer:
    sent_at = operation.first_sent_at or operation.created_at
    seen = gateway.find_intent(
        customer=operation.params["customer"], payment_uid=str(_payment(operation).uid), since=sent_at - CLOCK_SKEW
    )
    return NotDone() if isinstance(seen, Done) and seen.value is None else seen


def _look_updated(operation: PaymentOperation) -> Answer:
    def is_done(intent: IntentSnapshot) -> bool:
        return to_stripe(intent.amount, currency=intent.currency) == operation.params["amount"]

    return _look_at_intent(operation, is_done)


def _look_canceled(operation: PaymentOperation) -> Answer:
    return _look_at_intent(operation, lambda intent: intent.status == PaymentStatus.CANCELED)


def _look_confirmed(operation: PaymentOperation) -> Answer:
    """Say what became of a confirmation: an attempt leaves another charge than the one before it."""
    seen = gateway.retrieve_intent(_intent_id(operation))
    if not isinstance(seen, Done):
        return seen
    intent = seen.value
    if intent.status == PaymentStatus.CANCELED:
        return Rejected(status=400, failure=Failure(code="canceled"), message="the intent is canceled")
    if intent.status not in CONFIRMABLE:
        return seen
    if intent.latest_charge == operation.charge_before:
        return NotDone()
    failure = intent.failure or Failure(code="card_declined")
    return Rejected(status=402, failure=failure, message=f"declined: {failure.code}")


def _look_expired(operation: PaymentOperation) -> Answer:
    seen = gateway.retrieve_payment_session(_page_id(operation))
    if isinstance(seen, Done) and seen.value.status == PageStatus.OPEN:
        return NotDone()
    return seen


def _look_captured(operation: PaymentOperation) -> Answer:
    seen = gateway.retrieve_intent(_intent_id(operation))
    if not isinstance(seen, Done):
        return seen
    if seen.value.status == PaymentStatus.REQUIRES_CAPTURE:
        return NotDone()
    if seen.value.status == PaymentStatus.CANCELED:
        return Rejected(status=400, failure=Failure(code="canceled"), message="the hold is canceled")
    return seen


def _look_refunded(operation: PaymentOperation) -> Answer:
    """Look for our reference among the intent's refunds; only when it is not there may another be asked for."""
    assert operation.refund is not None
    seen = gateway.list_refunds(intent=_intent_id(operation))
    if not isinstance(seen, Done):
        return seen
    found = [refund for refund in seen.value if refund.reference == str(operation.refund.uid)]
    return Done(value=found[0]) if found else NotDone()


def _look_transferred(operation: PaymentOperation) -> Answer:
    """Look for our reference among the account's transfers; only when it is not there may another be asked for."""
    transfer = _transfer(operation)
    # From the first call of all, under whichever key: the row's own time stands for every key it has had.
    seen = gateway_transfers.find_transfer(
        destination=transfer.destination, uid=str(transfer.uid), since=transfer.requested_at - CLOCK_SKEW
    )
    return NotDone() if isinstance(seen, Done) and seen.value is None else seen


def _look_reversed(operation: PaymentOperation) -> Answer:
    """Look for our reference among the transfer's reversals."""
    seen = gateway_transfers.find_reversal(stripe_id=_reversed_id(operation), uid=str(_transfer(operation).uid))
    return NotDone() if isinstance(seen, Done) and seen.value is None else seen


def _look_submitted(operation: PaymentOperation) -> Answer:
    """Say whether evidence has gone to the bank; it takes it once, and only while it waits for an answer."""
    seen = gateway_books.retrieve_dispute(_dispute_id(operation))
    if not isinstance(seen, Done) or seen.value.is_submitted:
        return seen
    if seen.value.status in ANSWERABLE:
        return NotDone()
    return Rejected(status=400, failure=Failure(code="dispute_closed"), message="the bank takes no answer any more")


def _look_at_intent(operation: PaymentOperation, is_done: Callable[[IntentSnapshot], bool]) -> Answer:
    seen = gateway.retrieve_intent(_intent_id(operation))
    return NotDone() if isinstance(seen, Done) and not is_done(seen.value) else seen


_LOOK: Final[dict[OperationKind, Callable[[PaymentOperation], Answer]]] = {
    OperationKind.CREATE_CUSTOMER: _look_for_nothing,
    OperationKind.CREATE_SETUP_SESSION: _look_for_nothing,
    OperationKind.DETACH_METHOD: _look_detached,
    OperationKind.CREATE_INTENT: _look_created,
    OperationKind.UPDATE_AMOUNT: _look_updated,
    OperationKind.CONFIRM_INTENT: _look_confirmed,
    OperationKind.CREATE_PAYMENT_SESSION: _look_for_nothing,
    OperationKind.EXPIRE_SESSION: _look_expired,
    OperationKind.CAPTURE_INTENT: _look_captured,
    OperationKind.CANCEL_INTENT: _look_canceled,
    OperationKind.CREATE_REFUND: _look_refunded,
    OperationKind.CREATE_TRANSFER: _look_transferred,
    OperationKind.REVERSE_TRANSFER: _look_reversed,
    OperationKind.UPDATE_DISPUTE: _look_submitted,
}
