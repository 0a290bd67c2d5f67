"""References filled in on the way out (docs.stripe.com/api/expanding_objects)."""

import copy
from typing import Any

from apps.payments.sandbox.errors import CallerMistake
from apps.payments.sandbox.state import Json, State

REFERENCES = {
    "balance_transaction": {"source": "charge"},
    "charge": {
        "balance_transaction": "balance_transaction",
        "customer": "customer",
        "failure_balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "refunds": "list of refund",
    },
    "checkout.session": {
        "customer": "customer",
        "line_items": "list of item",
        "payment_intent": "payment_intent",
        "setup_intent": "setup_intent",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "mandate": {"payment_method": "payment_method"},
    "payment_intent": {
        "customer": "customer",
        "latest_charge": "charge",
        "payment_method": "payment_method",
    },
    "payment_method": {"customer": "customer"},
    "payout": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
    },
    "refund": {
        "balance_transaction": "balance_transaction",
        "charge": "charge",
        "customer": "customer",
        "failure_balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
    },
    "setup_intent": {"customer": "customer", "mandate": "mandate", "payment_method": "payment_method"},
    "transfer": {
        "balance_transaction": "balance_transaction",
        "destination": "account",
        "source_transaction": "charge",
    },
    "transfer_reversal": {"balance_transaction": "balance_transaction", "transfer": "transfer"},
}
"""Per kind of object the fields that ``expand`` may name, and the kind each leads to.

A balance transaction's source may be of many kinds; what lies behind it can be named as far as charges have it too.
"""

ON_REQUEST = {"charge": {"refunds"}, "checkout.session": {"line_items"}}
"""Lists that are part of the object, but answered only when asked for."""

MAXIMUM_DEPTH = 4


def check_paths(kind: str, paths: list[str]) -> None:
    """Refuse, before anything is done, what cannot be expanded in an answer of this kind.

    kind: the answer's ``object``, or ``list of …``

    :raises CallerMistake: a path names no reference, or is deeper than four
    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAXIMUM_DEPTH:
            raise CallerMistake(
                f"You cannot expand more than {MAXIMUM_DEPTH} levels of a property. Property: {path}",
                param="expand",
            )
        at = kind
        for part in parts:
            if at.startswith("list of ") and part == "data":
                at = at.removeprefix("list of ")
            elif part in REFERENCES.get(at, {}):
                at = REFERENCES[at][part]
            else:
                raise CallerMistake(f"This property cannot be expanded ({path}).", param="expand")


def expanded(state: State, answer: Json, paths: list[str]) -> Json:
    """Return a copy of an answer with the references named in ``paths`` replaced by their objects."""
    result = copy.deepcopy(answer)
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for part in path.split("."):
            branch = branch.setdefault(part, {})
    _expand(state, result, tree)
    return result


def _expand(state: State, node: Json, tree: dict[str, Any]) -> None:
    if node["object"] == "list":
        for row in node["data"]:
            _expand(state, row, tree.get("data", {}))
        return
    for name in ON_REQUEST.get(node["object"], set()) - tree.keys():
        node.pop(name, None)
    for name, below in tree.items():
        if isinstance(node.get(name), str):
            node[name] = copy.deepcopy(state.objects[node[name]])
        if isinstance(node.get(name), dict):
            _expand(state, node[name], below)
