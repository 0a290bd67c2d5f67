"""JSON as text, without what makes two readers see two documents: no floats, no NaN, no key that stands twice."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Final, NoReturn

MOST_BYTES: Final = 1_000_000
MOST_DEPTH: Final = 32
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""NUL, and halves of surrogate pairs."""


class JsonError(ValueError):
    """The text is no JSON document that we read; the message says why."""


def load_json(text: str | bytes) -> object:
    """Return a JSON text as plain values, fractions as exact ``Decimal``.

    :raises JsonError: no JSON, not UTF-8, above ``MOST_BYTES`` or ``MOST_DEPTH``, NaN or Infinity, a key twice, or a
        text that cannot be stored
    """
    if len(text) > MOST_BYTES:
        raise JsonError(f"longer than {MOST_BYTES} bytes")
    try:
        value: object = json.loads(
            text.decode("utf-8-sig") if isinstance(text, bytes) else text,
            parse_float=_fraction,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise JsonError(f"nested deeper than {MOST_DEPTH} levels") from None
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except JsonError:
        raise
    except ValueError as error:  # a whole number of more digits than Python turns into an int
        raise JsonError("a number is too long") from error
    _refuse_depth(value)
    return value


def dump_json(value: object, *, indent: int = 0) -> str:
    """Write plain values as JSON, each ``Decimal`` as the number it is; no float gets in.

    indent  spaces that the first line already stands in; each level adds two
    """
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    inner = " " * (indent + 2)
    if isinstance(value, Mapping):
        lines = [f"{inner}{json.dumps(name)}: {dump_json(item, indent=indent + 2)}" for name, item in value.items()]
        return _bracketed("{", lines, "}", indent)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _bracketed("[", [inner + dump_json(item, indent=indent + 2) for item in value], "]", indent)
    assert value is None or isinstance(value, str | int), "a binary fraction is not exact"
    return json.dumps(value, ensure_ascii=False)


def _bracketed(opening: str, lines: list[str], closing: str, indent: int) -> str:
    if not lines:
        return opening + closing
    return "\n".join([opening, ",\n".join(lines), " " * indent + closing])


def _fraction(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise JsonError(f"no number: {digits[:60]}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is no JSON number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"the key {twice!r} stands twice in one object")
    return fields


def _refuse_unstorable(values: Iterable[object]) -> None:
    """Refuse what JSON can escape and neither UTF-8 nor PostgreSQL can hold."""
    for value in values:
        if isinstance(value, str) and (found := _UNSTORABLE.search(value)):
            raise JsonError(f"a text holds the character U+{ord(found[0]):04X}")


def _refuse_depth(value: object) -> None:
    """Refuse deep nesting, level by level, so that the check itself cannot run out of stack."""
    level = [value]
    for _ in range(MOST_DEPTH):
        _refuse_unstorable(level)
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (chain(container, container.values()) if isinstance(container, dict) else container)
        ]
        if not level:
            return
    raise JsonError(f"nested deeper than {MOST_DEPTH} levels")
