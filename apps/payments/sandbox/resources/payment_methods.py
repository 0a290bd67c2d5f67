"""Payment methods: cards and bank accounts that were typed into a page, and whose they are."""

from apps.payments.sandbox.cards import Card
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.ibans import BankAccount
from apps.payments.sandbox.lists import page
from apps.payments.sandbox.state import Call, Json, State


def add_card(state: State, card: Card) -> Json:
    """Make the payment method of a card that was entered; nobody's yet."""
    method = _add(
        state,
        "card",
        {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "DE",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"sandbox{card.brand}{card.last4}",
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
    )
    state.cards[method["id"]] = card
    return method


def add_bank_account(state: State, account: BankAccount, *, name: str, email: str) -> Json:
    """Make the payment method of a bank account whose holder signed a mandate; nobody's yet."""
    method = _add(
        state,
        "sepa_debit",
        {
            "bank_code": account.bank_code,
            "branch_code": account.branch_code,
            "country": account.country,
            "fingerprint": account.fingerprint,
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": account.last4,
        },
    )
    method["billing_details"] |= {"email": email, "name": name}
    state.bank_accounts[method["id"]] = account
    return method


def _add(state: State, kind: str, details: Json) -> Json:
    return state.add(
        "pm",
        {
            "object": "payment_method",
            "allow_redisplay": "limited",
            "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
            kind: details,
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
        },
    )


def attach(state: State, call: Call, method: Json, customer: str | None) -> None:
    """Save a payment method for a customer, if there is one."""
    if customer:
        method["customer"] = customer
        state.emit("payment_method.attached", method, call)


def keep_if_asked(state: State, call: Call, method: Json, intent: Json) -> None:
    """Save what pays an intent for its customer, if the intent says so and it is not saved yet."""
    if intent["setup_future_usage"] and method["customer"] is None:
        attach(state, call, method, intent["customer"])


def change_card(state: State, method_id: str, card: Card) -> None:
    """Let a saved card behave like another test card from now on; it looks as before."""
    if method_id not in state.cards:
        raise ValueError(f"{method_id} is no card")
    state.cards[method_id] = card


def retrieve_payment_method(state: State, call: Call) -> Json:
    """GET /v1/payment_methods/{id}."""
    return state.get("payment_method", call.ids[0])


def list_payment_methods(state: State, call: Call) -> Json:
    """GET /v1/payment_methods?customer=…"""
    if "customer" not in call.params:
        return page([], url="/v1/payment_methods", params=call.params)
    return _methods_of(state, call, call.params["customer"], url="/v1/payment_methods")


def list_customer_payment_methods(state: State, call: Call) -> Json:
    """GET /v1/customers/{id}/payment_methods."""
    customer = call.ids[0]
    return _methods_of(state, call, customer, url=f"/v1/customers/{customer}/payment_methods")


def _methods_of(state: State, call: Call, customer: str, *, url: str) -> Json:
    state.get("customer", customer, param="customer")
    kind = call.params.get("type")
    found = [
        method
        for method in state.every("payment_method")
        if method["customer"] == customer and kind in (None, method["type"])
    ]
    return page(found, url=url, params=call.params)


def detach_payment_method(state: State, call: Call) -> Json:
    """POST /v1/payment_methods/{id}/detach."""
    method = state.get("payment_method", call.ids[0])
    customer = method["customer"]
    if customer is None:
        raise Refusal(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    method["customer"] = None
    state.emit("payment_method.detached", method, call, customer=customer)
    return method


def usable_method(state: State, identifier: str, *, customer: str | None, allowed: list[str] | None) -> Json:
    """Return a payment method that an intent of this customer may use.

    allowed: the types that the intent allows; any when None

    :raises Refusal: it is unknown, another customer's, attached to nobody, or of another type
    """
    method = state.get("payment_method", identifier, param="payment_method")
    if method["customer"] is None:
        raise Refusal(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again.",
            param="payment_method",
        )
    if method["customer"] != customer:
        raise Refusal(
            f"The PaymentMethod '{identifier}' does not belong to the Customer '{customer}'.",
            param="payment_method",
        )
    if allowed is not None and method["type"] not in allowed:
        raise Refusal(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. Please attach a "
            f"PaymentMethod of one of the following types: {', '.join(allowed)}.",
            param="payment_method",
        )
    return method
