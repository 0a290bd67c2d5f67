"""3-D Secure: what the two buttons of the bank's page do to the intent that waits for them."""

from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.resources import intent_moves
from apps.payments.sandbox.resources.attempts import charge_card
from apps.payments.sandbox.resources.setup_intents import fail_setup, save_method
from apps.payments.sandbox.resources.submission import complete
from apps.payments.sandbox.state import Call, Json, State
from apps.payments.sandbox.urls import with_query


def waiting_intent(state: State, identifier: str) -> Json | None:
    """Return the payment or setup intent that waits for its customer under this id."""
    intent = state.objects.get(identifier)
    is_intent = intent is not None and intent["object"] in ("payment_intent", "setup_intent")
    return intent if is_intent and intent["status"] == "requires_action" else None  # type: ignore[index]


def answer(state: State, intent: Json, *, is_authentic: bool) -> str:
    """Go on with an intent as the customer answered, and return where the browser goes next.

    A Checkout page is shown again after a failure. The ``return_url`` of a confirmation gets ``redirect_status``, which
    nobody should believe without a look at the intent.
    """
    call, action = Call(), intent["next_action"]
    intent["next_action"] = None
    has_succeeded = _go_on(state, call, intent) if is_authentic else _give_up(state, call, intent)
    session = _open_session(state, intent)
    if session is not None:
        return complete(state, call, session) if has_succeeded else session["url"]
    if action["type"] == "use_stripe_sdk":
        return ""
    return with_query(
        action["redirect_to_url"]["return_url"],
        payment_intent=intent["id"],
        payment_intent_client_secret=intent["client_secret"],
        redirect_status="succeeded" if has_succeeded else "failed",
    )


def _go_on(state: State, call: Call, intent: Json) -> bool:
    try:
        if intent["object"] == "setup_intent":
            save_method(state, call, intent)
        else:
            charge_card(state, call, intent, is_authenticated=True)
    except Refusal:
        # Declined in spite of it; the intent tells why.
        return False
    return True


def _give_up(state: State, call: Call, intent: Json) -> bool:
    code = f"{intent['object']}_authentication_failure"
    error = {
        "code": code,
        "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}",
        "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
        "payment_method": dict(state.get("payment_method", intent["payment_method"])),
        "type": "invalid_request_error",
    }
    move = fail_setup if intent["object"] == "setup_intent" else intent_moves.fail
    move(state, call, intent, error)
    return False


def _open_session(state: State, intent: Json) -> Json | None:
    kind = intent["object"]
    found = (each for each in state.every("checkout.session") if each[kind] == intent["id"])
    return next((each for each in found if each["status"] == "open"), None)
