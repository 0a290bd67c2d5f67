"""JSON in which a fraction is a ``Decimal`` on both sides: amounts pass through a document without becoming a float."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

MOST_PLACES: Final = 60
"""On either side of the point; neither money nor a meter has more, and PostgreSQL's numbers end somewhere above."""


def dump_exact(value: Any) -> str:
    """Write compact ASCII JSON, each ``Decimal`` as the number it is, with the decimals it has.

    One of more than 60 places, which only a broken station sends (``1e999999999`` would be a gigabyte), is written as
    text: kept as it was, and no number to anybody.
    """
    if isinstance(value, Decimal):
        assert value.is_finite(), "JSON has no such number"
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        is_writable = exponent >= -MOST_PLACES and value.adjusted() < MOST_PLACES
        return f"{value:f}" if is_writable else f'"{value}"'
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
