"""Payment intents: one wish to be paid, tried until it succeeds or is cancelled. ``intent_moves`` tells the states."""

from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.money import check_charge_amount
from apps.payments.sandbox.resources.attempts import attempt, take
from apps.payments.sandbox.resources.charges import release
from apps.payments.sandbox.resources.debits import check_debit
from apps.payments.sandbox.resources.intent_moves import cancel, require
from apps.payments.sandbox.resources.payment_methods import usable_method
from apps.payments.sandbox.state import Call, Json, State, merged_metadata, random_text
from apps.payments.sandbox.urls import check_url

PLAIN_FIELDS = (
    "description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix",
    "transfer_group",
)  # fmt: skip
BEFORE_CONFIRMATION = ("requires_payment_method", "requires_confirmation")
CONFIRMABLE = (*BEFORE_CONFIRMATION, "requires_action")
CANCELABLE = (*CONFIRMABLE, "requires_capture")
"""A SEPA debit in ``processing`` is with the banks already."""


def create_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents, with ``confirm=true`` also tried at once."""
    params = call.params
    for name in ("off_session", "return_url"):
        if name in params and not params.get("confirm"):
            raise CallerMistake(f"You can only set {name} when confirm is true.", param=name)
    customer = params.get("customer")
    if customer:
        state.get("customer", customer, param="customer")
    allowed = params.get("allowed_payment_method_types") or None
    if params.get("payment_method"):
        method = usable_method(state, params["payment_method"], customer=customer, allowed=allowed)
        capture_method = params.get("capture_method", "automatic_async")
        check_debit(method, currency=params["currency"].lower(), capture_method=capture_method)
    elif params.get("confirm"):
        raise _no_method()
    if params.get("confirm"):
        _check_return_url(params, is_dynamic=allowed is None)
    intent = add_payment_intent(state, call, params, customer=customer)
    if params.get("confirm"):
        _attempt(state, call, intent)
    return intent


def _check_return_url(params: Json, *, is_dynamic: bool) -> None:
    """Refuse to confirm on a page what might lead away from it without a way back.

    is_dynamic: the payment methods were not named, so that some may redirect
    """
    if "return_url" in params:
        check_url(params["return_url"], param="return_url")
    elif is_dynamic and not params.get("off_session"):
        raise CallerMistake(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`.",
            param="return_url",
        )


def _attempt(state: State, call: Call, intent: Json) -> None:
    is_off_session = bool(call.params.get("off_session"))
    attempt(state, call, intent, is_off_session=is_off_session, return_url=call.params.get("return_url"))


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
            "payment_method_types": allowed or (["card", "sepa_debit"] if currency == "eur" else ["card"]),
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
    return page(matching(state, "payment_intent", call, "customer"), url="/v1/payment_intents", params=call.params)


def update_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}: before it is confirmed; only metadata and description later."""
    intent, params = state.get("payment_intent", call.ids[0]), call.params
    if params.keys() - {"metadata", "description"}:
        require(intent, BEFORE_CONFIRMATION, "updated")
    if "amount" in params or "currency" in params:
        amount = params["amount"] if "amount" in params else intent["amount"]
        currency = (params.get("currency") or intent["currency"]).lower()
        check_charge_amount(amount, currency)
        intent |= {"amount": amount, "currency": currency}
    if params.get("customer"):
        _set_customer(state, intent, params["customer"])
    if params.get("payment_method"):
        _usable(state, intent, params["payment_method"])
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
    """POST /v1/payment_intents/{id}/confirm: also anew, when the customer gave up 3-D Secure."""
    intent = state.get("payment_intent", call.ids[0])
    require(intent, CONFIRMABLE, "confirmed")
    method = call.params.get("payment_method") or intent["payment_method"]
    if not method:
        raise _no_method()
    _check_return_url(call.params, is_dynamic=intent["automatic_payment_methods"] is not None)
    _usable(state, intent, method)
    intent["payment_method"] = method
    _attempt(state, call, intent)
    return intent


def _usable(state: State, intent: Json, method: str) -> None:
    """Refuse a payment method that cannot pay this intent."""
    allowed = intent["allowed_payment_method_types"]
    found = usable_method(state, method, customer=intent["customer"], allowed=allowed)
    check_debit(found, currency=intent["currency"], capture_method=intent["capture_method"])


def capture_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}/capture: once, at most what is held; the rest is released."""
    intent = state.get("payment_intent", call.ids[0])
    require(intent, ("requires_capture",), "captured")
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
    take(state, call, intent, charge, amount, told_as="charge.captured")
    return intent


def cancel_payment_intent(state: State, call: Call) -> Json:
    """POST /v1/payment_intents/{id}/cancel: a hold is released in full."""
    intent = state.get("payment_intent", call.ids[0])
    require(intent, CANCELABLE, "canceled")
    if intent["status"] == "requires_capture":
        charge = state.get("charge", intent["latest_charge"])
        release(charge)
        state.emit("charge.refunded", charge, call)
    cancel(state, call, intent, reason=call.params.get("cancellation_reason"))
    return intent


def _no_method() -> Refusal:
    return Refusal(
        "You cannot confirm this PaymentIntent because it's missing a payment method.",
        code="payment_intent_unexpected_state",
        param="payment_method",
    )
