"""Setup intents: one wish to save a payment method for later, made by a Checkout session in setup mode.

requires_payment_method → succeeded, for some cards by requires_action (3-D Secure); → canceled with its session.
"""

from apps.payments.sandbox.cards import Behaviour
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.resources.attempts import card_error, next_action, remember_authentication
from apps.payments.sandbox.resources.mandates import sign_mandate
from apps.payments.sandbox.resources.payment_methods import attach
from apps.payments.sandbox.state import Call, Json, State, merged_metadata, random_text


def add_setup_intent(state: State, call: Call, session: Json, data: Json) -> Json:
    """Make the intent of a session. data: its ``setup_intent_data``."""
    intent = state.add(
        "seti",
        {
            "object": "setup_intent",
            "allowed_payment_method_types": session["allowed_payment_method_types"],
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "customer": session["customer"],
            "description": data.get("description"),
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": merged_metadata({}, data.get("metadata")),
            "next_action": None,
            "payment_method": None,
            "payment_method_types": session["payment_method_types"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
        },
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    state.emit("setup_intent.created", intent, call)
    return intent


def confirm_setup(state: State, call: Call, intent: Json, method: Json, *, return_url: str) -> None:
    """Save a payment method that was typed in, or ask its owner first.

    :raises Refusal: 402, the card is declined; the intent is back at requires_payment_method
    """
    intent |= {"last_setup_error": None, "next_action": None, "payment_method": method["id"]}
    if method["type"] == "card" and state.cards[method["id"]].asks_for_later_use():
        intent |= {"next_action": next_action(state, intent, return_url), "status": "requires_action"}
        state.emit("setup_intent.requires_action", intent, call)
        return
    save_method(state, call, intent)


def save_method(state: State, call: Call, intent: Json) -> None:
    """Save the intent's payment method for its customer.

    :raises Refusal: 402, the card is declined; the intent is back at requires_payment_method
    """
    method = state.get("payment_method", intent["payment_method"])
    if method["type"] == "card":
        card = state.cards[method["id"]]
        if card.behaviour is Behaviour.DECLINES_AT_ENTRY:
            fail_setup(state, call, intent, card_error(card) | {"type": "card_error", "message": card.message})
            raise Refusal(card.message, status=402, kind="card_error", setup_intent=intent, **card_error(card))
        remember_authentication(state, method)
    else:
        intent["mandate"] = sign_mandate(state, method)["id"]
    attach(state, call, method, intent["customer"])
    intent |= {"next_action": None, "status": "succeeded"}
    state.emit("setup_intent.succeeded", intent, call)


def fail_setup(state: State, call: Call, intent: Json, error: Json) -> None:
    """Want another payment method. error: becomes ``last_setup_error``."""
    intent |= {
        "last_setup_error": error,
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    state.emit("setup_intent.setup_failed", intent, call)


def cancel_setup(state: State, call: Call, intent: Json) -> None:
    """Want nothing any more."""
    intent |= {"cancellation_reason": "abandoned", "next_action": None, "status": "canceled"}
    state.emit("setup_intent.canceled", intent, call)


def retrieve_setup_intent(state: State, call: Call) -> Json:
    """GET /v1/setup_intents/{id}."""
    return state.get("setup_intent", call.ids[0])
