"""Stripe's lists: newest first, cursors, ``created`` ranges (docs.stripe.com/api/pagination)."""

from collections.abc import Iterable
from typing import Any

from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.state import Call, Json, State

DEFAULT_LIMIT = 10
MAXIMUM_LIMIT = 100


def matching(state: State, kind: str, call: Call, *names: str) -> list[Json]:
    """Return the objects of a kind, newest first, that agree with those of the named parameters that are given."""
    return [each for each in state.every(kind) if all(call.params.get(name) in (None, each[name]) for name in names)]


def page(found: Iterable[Json], *, url: str, params: Json) -> Json:
    """Return the page of ``found`` (newest first) that the list parameters ask for.

    :raises Refusal: the limit is out of range, or the cursor is no element of this list
    """
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAXIMUM_LIMIT:
        raise Refusal(f"Invalid limit: must be between 1 and {MAXIMUM_LIMIT}.", param="limit")
    rows = [row for row in found if _is_in_range(row["created"], params.get("created"))]
    if "starting_after" in params:
        rows = rows[_position(rows, params, "starting_after") + 1 :]
        kept = rows[:limit]
    elif "ending_before" in params:
        rows = rows[: _position(rows, params, "ending_before")]
        kept = rows[-limit:]
    else:
        kept = rows[:limit]
    return {"object": "list", "url": url, "has_more": len(rows) > len(kept), "data": kept}


def _position(rows: list[Json], params: Json, cursor: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == params[cursor]:
            return index
    raise Refusal(f"No such object in this list: '{params[cursor]}'", param=cursor)


def _is_in_range(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return created == wanted
    return (
        created > wanted.get("gt", -1)
        and created >= wanted.get("gte", 0)
        and ("lt" not in wanted or created < wanted["lt"])
        and ("lte" not in wanted or created <= wanted["lte"])
    )
