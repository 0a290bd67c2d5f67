"""Mandates: what a customer signed so that a bank account may be debited.

active → inactive, when it is revoked or a debit comes back as never authorised; a new one has to be signed then.
"""

from typing import Any

from apps.payments.sandbox.state import Call, Json, State, random_text


def sign_mandate(state: State, method: Json, *, amount: int | None = None) -> Json:
    """Make the mandate for a bank account: for one debit of ``amount`` minor units of EUR, for any when None."""
    once: dict[str, Any] = {"amount": amount, "currency": "eur"}
    terms: Json = (
        {"type": "multi_use", "multi_use": {}} if amount is None else {"type": "single_use", "single_use": once}
    )
    mandate = state.add(
        "mandate",
        {
            "object": "mandate",
            "customer_acceptance": {
                "accepted_at": state.clock.now(),
                "online": {"ip_address": "127.0.0.1", "user_agent": "sandbox"},
                "type": "online",
            },
            "livemode": False,
            "payment_method": method["id"],
            "status": "active",
        }
        | terms,
    )
    # A mandate says itself when it was signed; no other object of Stripe's is without its time.
    del mandate["created"]
    mandate["payment_method_details"] = {
        "sepa_debit": {"reference": random_text(16).upper(), "url": state.page_url("mandate", mandate["id"])},
        "type": "sepa_debit",
    }
    return mandate


def mandate_of(state: State, method: Json) -> Json | None:
    """Return the mandate under which a bank account may be debited, if there is one."""
    signed = (each for each in state.every("mandate") if each["payment_method"] == method["id"])
    return next((each for each in signed if each["status"] == "active"), None)


def revoke_mandate(state: State, call: Call, mandate: Json) -> None:
    """Let nothing be debited any more under this mandate.

    :raises ValueError: it is inactive already
    """
    if mandate["status"] != "active":
        raise ValueError(f"{mandate['id']} is {mandate['status']}")
    mandate["status"] = "inactive"
    state.emit("mandate.updated", mandate, call)


def retrieve_mandate(state: State, call: Call) -> Json:
    """GET /v1/mandates/{id}."""
    return state.get("mandate", call.ids[0])
