"""Customers."""

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
