"""Events and balance transactions, read only."""

from apps.payments.sandbox.lists import page
from apps.payments.sandbox.state import Call, Json, State


def retrieve_event(state: State, call: Call) -> Json:
    """GET /v1/events/{id}."""
    return state.get("event", call.ids[0])


def list_events(state: State, call: Call) -> Json:
    """GET /v1/events, by ``type`` or ``types``."""
    types = call.params.get("types") or [call.params.get("type")]
    found = [event for event in state.every("event") if types == [None] or event["type"] in types]
    return page(found, url="/v1/events", params=call.params)


def retrieve_balance_transaction(state: State, call: Call) -> Json:
    """GET /v1/balance_transactions/{id}."""
    return state.get("balance_transaction", call.ids[0])


def list_balance_transactions(state: State, call: Call) -> Json:
    """GET /v1/balance_transactions, by ``type``, ``source`` or ``currency``."""
    found = [
        entry
        for entry in state.every("balance_transaction")
        if all(call.params.get(name) in (None, entry[name]) for name in ("type", "source", "currency"))
    ]
    return page(found, url="/v1/balance_transactions", params=call.params)
