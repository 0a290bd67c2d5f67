"""Payment intents: one wish to be paid, tried until it succeeds or is cancelled.

requires_payment_method → requires_confirmation → succeeded, or with manual capture → requires_capture → succeeded;
a decline leads back to requires_payment_method; everything but succeeded can be canceled.
"""

import copy

from apps.payments.sandbox.cards import Behaviour
from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.lists import page
from apps.payments.sandbox.money import check_charge_amount
from apps.payments.sandbox.resources.charges import add_charge, capture, decline, release
from apps.payments.sandbox.resources.customers import usable_method
from apps.payments.sandbox.state import Call, Json, State, due_action, merged_metadata, random_text

PLAIN_FIELDS = (
    "description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix",
    "transfer_group",
)  # fmt: skip
BEFORE_CONFIRMATION = ("requires_payment_method", "requires_confirmation")
CANCELABLE = (*BEFORE_CONFIRMATION, "requires_action", "requires_capture", "processing")


def create_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents, with ``confirm=true`` also tried at once."""
    params = call.params
    if "off_session" in params and not params.get("confirm"):
        raise CallerMistake("You can only set off_session when confirm is true.", param="off_session")
    customer = params.get("customer")
    if customer:
        state.get("customer", customer, param="customer")
    if params.get("payment_method"):
        usable_method(state, params["payment_method"], customer=customer)
    elif params.get("confirm"):
        raise _no_method()
    intent = add_payment_intent(state, call, params, customer=customer)
    if params.get("confirm"):
        attempt(state, call, intent, is_off_session=bool(params.get("off_session")))
    return intent


def add_payment_intent(state: State, call: Call, params: Json, *, customer: str | None) -> Json:
    """Make an unconfirmed intent of checked parameters and tell of it.

    :raises Refusal: Stripe does not charge this amount or currency
    """
    currency = params["currency"].lower()
    check_charge_amount(params["amount"], currency)
    method = params.get("payment_method") or None
    allowed = params.get("allowed_payment_method_types") or None
    intent = state.add(
        "pi",
        {
            "object": "payment_intent",
            "allowed_payment_method_types": allowed,
            "amount": params["amount"],
            "amount_capturable": 0,
            "amount_received": 0,
            "automatic_payment_methods": None if allowed else {"allow_redirects": "always", "enabled": True},
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.get("capture_method", "automatic_async"),
            "confirmation_method": "automatic",
            "currency": currency,
            "customer": customer,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": merged_metadata({}, params.get("metadata")),
            "next_action": None,
            "payment_method": method,
            "payment_method_types": allowed or ["card"],
            "processing": None,
            "status": "requires_confirmation" if method else "requires_payment_method",
        }
        | {name: params.get(name) or None for name in PLAIN_FIELDS},
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    state.emit("payment_intent.created", intent, call)
    return intent


def retrieve_payment_intent(state: State, call: Call) -> Json:
    """GET /v1/payment_intents/{id}."""
    return state.get("payment_intent", call.ids[0])


def list_payment_intents(state: State, call: Call) -> Json:
    """GET /v1/payment_intents, by ``customer``."""
    customer = call.params.get("customer")
    found = [intent for intent in state.every("payment_intent") if customer in (None, intent["customer"])]
    return page(found, url="/v1/payment_intents", params=call.params)


def update_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}: before it is confirmed; only metadata and description later."""
    intent, params = state.get("payment_intent", call.ids[0]), call.params
    if params.keys() - {"metadata", "description"}:
        _require(intent, BEFORE_CONFIRMATION, "updated")
    if "amount" in params or "currency" in params:
        amount = params["amount"] if "amount" in params else intent["amount"]
        currency = (params.get("currency") or intent["currency"]).lower()
        check_charge_amount(amount, currency)
        intent |= {"amount": amount, "currency": currency}
    if params.get("customer"):
        _set_customer(state, intent, params["customer"])
    if params.get("payment_method"):
        usable_method(state, params["payment_method"], customer=intent["customer"])
        intent |= {"payment_method": params["payment_method"], "status": "requires_confirmation"}
    for name in ("capture_method", *PLAIN_FIELDS):
        if name in params:
            intent[name] = params[name] or None
    intent["metadata"] = merged_metadata(intent["metadata"], params.get("metadata"))
    return intent


def _set_customer(state: State, intent: Json, customer: str) -> None:
    state.get("customer", customer, param="customer")
    if intent["customer"] not in (None, customer):
        raise Refusal("The customer of a PaymentIntent cannot be changed.", param="customer")
    intent["customer"] = customer


def confirm_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}/confirm."""
    intent = state.get("payment_intent", call.ids[0])
    _require(intent, BEFORE_CONFIRMATION, "confirmed")
    method = call.params.get("payment_method") or intent["payment_method"]
    if not method:
        raise _no_method()
    usable_method(state, method, customer=intent["customer"])
    intent["payment_method"] = method
    attempt(state, call, intent, is_off_session=bool(call.params.get("off_session")))
    return intent


def attempt(state: State, call: Call, intent: Json, *, is_off_session: bool) -> None:
    """Charge the intent's payment method once.

    :raises Refusal: 402, declined; the intent is back at requires_payment_method
    """
    method = state.get("payment_method", intent["payment_method"], param="payment_method")
    card = state.cards[method["id"]]
    charge = add_charge(state, intent, method=method, is_off_session=is_off_session)
    intent["latest_charge"] = charge["id"]
    if card.behaviour is not Behaviour.GOOD:
        decline(charge, card)
        raise _declined(state, call, intent, charge, method)
    intent["last_payment_error"] = None
    if intent["capture_method"] == "manual":
        _hold(state, call, intent, charge)
    else:
        _take(state, call, intent, charge, charge["amount"], told_as="charge.succeeded")


def _declined(state: State, call: Call, intent: Json, charge: Json, method: Json) -> Refusal:
    """Put a declined attempt down on its intent and return the error to answer."""
    card = state.cards[method["id"]]
    said = {
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": card.decline_code,
        "advice_code": card.advice_code,
        "doc_url": "https://docs.stripe.com/error-codes/card-declined",
        # As it was at this attempt: a card that is detached later was attached then.
        "payment_method": copy.deepcopy(method),
    }
    intent |= {
        "last_payment_error": said | {"type": "card_error", "message": card.message},
        "payment_method": None,
        "status": "requires_payment_method",
    }
    state.emit("charge.failed", charge, call)
    state.emit("payment_intent.payment_failed", intent, call)
    return Refusal(card.message, status=402, kind="card_error", payment_intent=intent, **said)


def _hold(state: State, call: Call, intent: Json, charge: Json) -> None:
    intent |= {"amount_capturable": intent["amount"], "status": "requires_capture"}
    state.emit("charge.succeeded", charge, call)
    state.emit("payment_intent.amount_capturable_updated", intent, call)
    capture_before = charge["payment_method_details"]["card"]["capture_before"]
    state.at(capture_before, "expire_hold", charge["id"])


@due_action("expire_hold")
def _expire_hold(state: State, charge: Json) -> None:
    """Let the bank take its money back, unless the hold was captured or released before."""
    intent = state.get("payment_intent", charge["payment_intent"])
    if intent["status"] == "requires_capture":
        call = Call()
        release(charge)
        state.emit("charge.expired", charge, call)
        _cancel(state, call, intent, reason="automatic")


def _take(state: State, call: Call, intent: Json, charge: Json, amount: int, *, told_as: str) -> None:
    capture(state, charge, amount)
    intent |= {"amount_capturable": 0, "amount_received": amount, "status": "succeeded"}
    for session in state.every("checkout.session"):
        if session["payment_intent"] == intent["id"]:
            session["payment_status"] = "paid"
    state.emit(told_as, charge, call)
    state.emit("payment_intent.succeeded", intent, call)


def capture_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}/capture: once, at most what is held; the rest is released."""
    intent = state.get("payment_intent", call.ids[0])
    _require(intent, ("requires_capture",), "captured")
    amount: int = intent["amount_capturable"]
    if "amount_to_capture" in call.params:
        amount = call.params["amount_to_capture"]
    if amount > intent["amount_capturable"]:
        raise Refusal(
            "The requested capture amount is greater than the authorized amount.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    check_charge_amount(amount, intent["currency"], param="amount_to_capture")
    charge = state.get("charge", intent["latest_charge"])
    intent["metadata"] = merged_metadata(intent["metadata"], call.params.get("metadata"))
    _take(state, call, intent, charge, amount, told_as="charge.captured")
    return intent


def cancel_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}/cancel: a hold is released in full."""
    intent = state.get("payment_intent", call.ids[0])
    _require(intent, CANCELABLE, "canceled")
    if intent["status"] == "requires_capture":
        charge = state.get("charge", intent["latest_charge"])
        release(charge)
        state.emit("charge.refunded", charge, call)
    _cancel(state, call, intent, reason=call.params.get("cancellation_reason"))
    return intent


def _cancel(state: State, call: Call, intent: Json, *, reason: str | None) -> None:
    intent |= {
        "amount_capturable": 0,
        "canceled_at": state.clock.now(),
        "cancellation_reason": reason,
        "status": "canceled",
    }
    state.emit("payment_intent.canceled", intent, call)


def _require(intent: Json, allowed: tuple[str, ...], done: str) -> None:
    if intent["status"] not in allowed:
        raise Refusal(
            f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be {done}: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )


def _no_method() -> Refusal:
    return Refusal(
        "You cannot confirm this PaymentIntent because it's missing a payment method.",
        code="payment_intent_unexpected_state",
        param="payment_method",
    )
