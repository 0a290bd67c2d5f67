"""A form for any OCPP request, made from the JSON schema of its action, for whoever knows what they are doing.

The schema becomes a tree of fields, each with its path (``csChargingProfiles.chargingSchedule.duration``), which is
also the input's name. What was typed is read back along the tree and checked by the schema itself. ``customData`` is
left out: it is a maker's own. A field that is left empty is not sent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final

from apps.ocpp.versions import version_of

LONG_TEXT_CHARS: Final = 255
MOST_ITEMS: Final = 100
_MOST_ERRORS: Final = 20
_WHOLE: Final = re.compile(r"-?\d{1,15}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input, or a group of them.

    kind      text, area, number, choice, flag, instant, any; object or list have ``parts`` instead of a ``text``
    path      where it stands in the payload, parts joined by dots, items of a list by their number
    text      what was typed · help: the schema's own words, the first sentence
    """

    path: str
    name: str
    kind: str
    is_required: bool = False
    options: tuple[str, ...] = ()
    max_chars: int | None = None
    help: str = ""
    text: str = ""
    parts: tuple["Field", ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class NotFilledIn(ValueError):
    """The payload is none that the station should see. ``errors``: sentences, each with the path of its field."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


def actions_of(protocol: str) -> list[str]:
    """Return what may be asked of a station that speaks ``protocol``, by name."""
    return sorted(version_of(protocol).commands)


def form_of(protocol: str, action: str, typed: Mapping[str, str], *, counts: Mapping[str, int]) -> Field:
    """Return the form of an action with what was typed so far.

    typed   path → text · counts  path of a list → how many items it shows (at least one)
    """
    assert action in version_of(protocol).commands, action
    document = version_of(protocol).schemas.request_document(action)
    return _object("", action, document, document, typed, counts, is_required=True)


def read_form(protocol: str, action: str, form: Field) -> dict[str, Any]:
    """Return the payload that the form holds.

    :raises NotFilledIn: something typed is no number, or the schema of the action does not allow it
    """
    errors: list[str] = []
    payload = _read(form, errors) or {}
    errors += schema_errors(protocol, action, payload) if not errors else []
    if errors:
        raise NotFilledIn(errors[:_MOST_ERRORS])
    return payload


def schema_errors(protocol: str, action: str, payload: Mapping[str, Any]) -> list[str]:
    """Say in what a request breaks its schema, each with the path of its field; none: nothing."""
    return [_sentence(error) for error in version_of(protocol).schemas.request_errors(action, dict(payload))]


def _sentence(error: Any) -> str:
    path = ".".join(str(part) for part in error.instance_path)
    missing = getattr(error.kind, "property", None)
    if missing is not None:
        return f"{path + '.' if path else ''}{missing}: is required"
    return f"{path or 'the request'}: {error.message}"


# --- from schema to fields -------------------------------------------------------------------------------------


def _object(
    path: str,
    name: str,
    schema: Mapping[str, Any],
    document: Mapping[str, Any],
    typed: Mapping[str, str],
    counts: Mapping[str, int],
    *,
    is_required: bool,
) -> Field:
    required = schema.get("required", ())
    parts = tuple(
        _field(f"{path}.{key}" if path else key, key, part, document, typed, counts, is_required=key in required)
        for key, part in schema.get("properties", {}).items()
        if key != "customData"
    )
    # What must be filled in comes first, in the schema's own order.
    ordered = tuple(sorted(parts, key=lambda part: not part.is_required))
    return Field(path=path, name=name, kind="object", is_required=is_required, help=_help(schema), parts=ordered)


def _field(
    path: str,
    name: str,
    schema: Mapping[str, Any],
    document: Mapping[str, Any],
    typed: Mapping[str, str],
    counts: Mapping[str, int],
    *,
    is_required: bool,
) -> Field:
    schema = _resolved(schema, document)
    if schema.get("type") == "object":
        return _object(path, name, schema, document, typed, counts, is_required=is_required)
    if schema.get("type") == "array":
        count = max(1, min(counts.get(path, 1), schema.get("maxItems", MOST_ITEMS), MOST_ITEMS))
        parts = tuple(
            _field(f"{path}.{number}", str(number + 1), schema["items"], document, typed, counts, is_required=False)
            for number in range(count)
        )
        return Field(path=path, name=name, kind="list", is_required=is_required, help=_help(schema), parts=parts)
    return Field(
        path=path,
        name=name,
        kind=_kind(schema),
        is_required=is_required,
        options=tuple(str(option) for option in schema.get("enum", ())),
        max_chars=schema.get("maxLength"),
        help=_help(schema),
        text=typed.get(path, ""),
        schema=schema,
    )


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return document["definitions"][reference.rpartition("/")[2]] if reference else schema


def _kind(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"enum": _}:
            return "choice"
        case {"type": "boolean"}:
            return "flag"
        case {"type": "integer" | "number"}:
            return "number"
        case {"type": "string", "format": "date-time"}:
            return "instant"
        case {"type": "string"}:
            return "area" if schema.get("maxLength", 0) > LONG_TEXT_CHARS else "text"
        case _:
            return "any"


def _help(schema: Mapping[str, Any]) -> str:
    """Return what the schema says of a field, without the registry names that OCPP 2.0.1 puts before it."""
    lines = [line.strip() for line in str(schema.get("description", "")).replace("\r", "").split("\n")]
    words = [line for line in lines if line and not line.startswith("urn:") and " " in line]
    return unescape(words[-1]) if words else ""


# --- from fields to a payload ----------------------------------------------------------------------------------


def _read(part: Field, errors: list[str]) -> Any:
    """Return the value of a field, or None where nothing was typed."""
    if part.kind == "object":
        read = {child.name: value for child in part.parts if (value := _read(child, errors)) is not None}
        return read or None
    if part.kind == "list":
        items = [value for child in part.parts if (value := _read(child, errors)) is not None]
        return items or None
    text = part.text.strip() if part.kind != "area" else part.text
    if not text:
        return None
    return _value(part, text, errors)


def _value(part: Field, text: str, errors: list[str]) -> Any:
    if part.kind == "flag":
        return text == "true"
    if part.kind != "number":
        return text
    is_whole = part.schema.get("type") == "integer"
    if not (_WHOLE if is_whole else _NUMBER).fullmatch(text):
        errors.append(f"{part.path}: “{text[:40]}” is no {'whole number' if is_whole else 'number'}")
        return None
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def leaves(form: Field) -> Iterator[Field]:
    """Return every input of a form."""
    for part in form.parts:
        yield from leaves(part) if part.kind in ("object", "list") else (part,)
