"""JSON in which a fraction is a ``Decimal`` on both sides: amounts pass through a document without becoming a float."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any


def dump_exact(value: Any) -> str:
    """Write compact ASCII JSON, each ``Decimal`` as the number it is, with the decimals it has."""
    if isinstance(value, Decimal):
        assert value.is_finite(), "JSON has no such number"
        return f"{value:f}"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dump_exact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(dump_exact, value)) + "]"
    return json.dumps(value)


class ExactEncoder(json.JSONEncoder):
    """``dump_exact`` for a JSON column."""

    def encode(self, o: Any) -> str:
        return dump_exact(o)


class ExactDecoder(json.JSONDecoder):
    """Read a JSON column, fractions as ``Decimal``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "parse_float": Decimal})
