"""Connected accounts, to transfer to: known as soon as they are made, with every capability that was asked for."""

from apps.payments.sandbox.errors import CallerMistake
from apps.payments.sandbox.state import Call, Json, State, merged_metadata

TYPES = ("custom", "express", "standard")


def create_account(state: State, call: Call) -> Json:
    """POST /v1/accounts; nobody is onboarded, the account can be paid to at once."""
    params = call.params
    kind = params.get("type")
    if kind not in TYPES:
        raise CallerMistake(f"The sandbox makes accounts of type {', '.join(TYPES)}.", param="type")
    wanted = params.get("capabilities", {})
    account = state.add(
        "acct",
        {
            "object": "account",
            "business_type": params.get("business_type"),
            "capabilities": {name: "active" for name, asked in wanted.items() if asked.get("requested")},
            "charges_enabled": True,
            "country": params.get("country", "DE"),
            "default_currency": params.get("default_currency", "eur"),
            "details_submitted": True,
            "email": params.get("email"),
            "metadata": merged_metadata({}, params.get("metadata")),
            "payouts_enabled": True,
            "type": kind,
        },
    )
    state.emit("account.updated", account, call)
    return account


def retrieve_account(state: State, call: Call) -> Json:
    """GET /v1/accounts/{id}."""
    return state.get("account", call.ids[0])
