"""Events, read only."""

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
