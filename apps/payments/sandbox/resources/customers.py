"""Customers and the payment methods saved for them."""

from apps.payments.sandbox.cards import Card
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.lists import page
from apps.payments.sandbox.state import Call, Json, State, merged_metadata

CUSTOMER_FIELDS = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping", "tax_exempt")


def create_customer(state: State, call: Call) -> Json:
    """POST /v1/customers."""
    given = {name: call.params.get(name) or None for name in CUSTOMER_FIELDS}
    customer = state.add(
        "cus",
        {
            "object": "customer",
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "invoice_prefix": None,
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": merged_metadata({}, call.params.get("metadata")),
            "test_clock": None,
        }
        | given
        | {
            "preferred_locales": given["preferred_locales"] or [],
            "tax_exempt": given["tax_exempt"] or "none",
        },
    )
    state.emit("customer.created", customer, call)
    return customer


def retrieve_customer(state: State, call: Call) -> Json:
    """GET /v1/customers/{id}."""
    return state.get("customer", call.ids[0])


def update_customer(state: State, call: Call) -> Json:
    """POST /v1/customers/{id}."""
    customer = state.get("customer", call.ids[0])
    before = {name: customer[name] for name in call.params if name in customer}
    for name in CUSTOMER_FIELDS:
        if name in call.params:
            customer[name] = call.params[name] or None
    customer["metadata"] = merged_metadata(customer["metadata"], call.params.get("metadata"))
    state.emit("customer.updated", customer, call, **before)
    return customer


def add_card(state: State, call: Call, *, card: Card, customer: str | None) -> Json:
    """Make the payment method of a card that was entered, attached to the customer if there is one."""
    now = state.clock.now()
    method = state.add(
        "pm",
        {
            "object": "payment_method",
            "allow_redisplay": "limited",
            "billing_details": billing_details(),
            "card": {
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
            "created": now,
            "customer": customer,
            "livemode": False,
            "metadata": {},
            "type": "card",
        },
    )
    state.cards[method["id"]] = card
    if customer:
        state.emit("payment_method.attached", method, call)
    return method


def billing_details() -> Json:
    """Return billing details with nothing filled in: the page asks for the card only."""
    return {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


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


def usable_method(state: State, identifier: str, *, customer: str | None) -> Json:
    """Return a payment method that an intent of this customer may use.

    :raises Refusal: it is unknown, another customer's, or attached to nobody
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
    return method
