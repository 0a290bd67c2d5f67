"""The moves of a payment intent from state to state, each told as an event.

requires_payment_method → requires_confirmation → succeeded; on the way there: requires_action (3-D Secure),
requires_capture (a hold), processing (a SEPA debit). A refusal leads back to requires_payment_method; all before
succeeded but processing can be canceled.
"""

from typing import Any

from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.state import Call, Json, State


def require(intent: Json, allowed: tuple[str, ...], done: str) -> None:
    """Refuse to do with an intent what its status does not allow.

    done: the participle, e.g. ``captured``
    """
    if intent["status"] not in allowed:
        raise Refusal(
            f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be {done}: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )


def require_action(state: State, call: Call, intent: Json, next_action: Json) -> None:
    """Wait for the customer."""
    intent |= {"next_action": next_action, "status": "requires_action"}
    state.emit("payment_intent.requires_action", intent, call)


def hold(state: State, call: Call, intent: Json) -> None:
    """Wait for the capture."""
    intent |= {"amount_capturable": intent["amount"], "status": "requires_capture"}
    state.emit("payment_intent.amount_capturable_updated", intent, call)


def process(state: State, call: Call, intent: Json) -> None:
    """Wait for the bank."""
    intent["status"] = "processing"
    state.emit("payment_intent.processing", intent, call)


def succeed(state: State, call: Call, intent: Json, amount: int) -> None:
    """Be paid."""
    was_processing = intent["status"] == "processing"
    intent |= {"amount_capturable": 0, "amount_received": amount, "status": "succeeded"}
    state.emit("payment_intent.succeeded", intent, call)
    for session in _sessions_of(state, intent):
        session["payment_status"] = "paid"
        if was_processing:
            state.emit("checkout.session.async_payment_succeeded", session, call)


def fail(state: State, call: Call, intent: Json, error: Json) -> None:
    """Want another payment method.

    error: becomes ``last_payment_error``
    """
    was_processing = intent["status"] == "processing"
    intent |= {"last_payment_error": error, "payment_method": None, "status": "requires_payment_method"}
    state.emit("payment_intent.payment_failed", intent, call)
    if was_processing:
        for session in _sessions_of(state, intent):
            state.emit("checkout.session.async_payment_failed", session, call)


def cancel(state: State, call: Call, intent: Json, *, reason: Any) -> None:
    """Want no money any more."""
    intent |= {
        "amount_capturable": 0,
        "canceled_at": state.clock.now(),
        "cancellation_reason": reason,
        "next_action": None,
        "status": "canceled",
    }
    state.emit("payment_intent.canceled", intent, call)


def _sessions_of(state: State, intent: Json) -> list[Json]:
    return [each for each in state.every("checkout.session") if each["payment_intent"] == intent["id"]]
