"""The ``ocpp`` library's schemas, names and dataclasses, without its router.

Schemas are checked by jsonschema-rs and key names are remembered: as shipped, the library starts a thread for each
validation and spends a fifth of the CPU on converting names. ``format`` is not checked: our own reader takes more
spellings of a time than RFC 3339 does.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
from ocpp.charge_point import camel_to_snake_case, snake_to_camel_case
from ocpp.v16.enums import Action

_MAX_VERDICT_CHARS = 300
ACTIONS: frozenset[str] = frozenset(action.value for action in Action)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    text = resources.files("ocpp.v16.schemas").joinpath(f"{schema}.json").read_text(encoding="utf-8-sig")
    return jsonschema_rs.Draft4Validator(json.loads(text), validate_formats=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVerdict:
    """In what a payload breaks its schema: OCPP 1.6-J's error code (its spelling, §4.2.3) and a sentence."""

    error_code: str
    text: str


def schema_verdict(action: str, payload: dict[str, Any]) -> SchemaVerdict | None:
    """Say in what a request breaks OCPP 1.6's schema, or None. ``action`` is one of ``ACTIONS``."""
    validator = _validator(action)
    if validator.is_valid(payload):
        return None
    error = next(iter(validator.iter_errors(payload)))
    path = ".".join(str(part) for part in error.instance_path)
    text = f"schema: {path + ': ' if path else ''}{error.message}"
    return SchemaVerdict(error_code=_error_code(error.kind), text=text[:_MAX_VERDICT_CHARS])


def _error_code(kind: Any) -> str:
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return "OccurenceConstraintViolation"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        return "TypeConstraintViolation"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return "FormationViolation"
    return "PropertyConstraintViolation"


@cache
def _camel(name: str) -> str:
    return str(next(iter(snake_to_camel_case({name: None}))))


@cache
def _snake(name: str) -> str:
    return str(next(iter(camel_to_snake_case({name: None}))))


def to_wire(message: Any) -> dict[str, Any]:
    """Write one of the library's dataclasses as the payload it stands for, without what is None."""
    written: dict[str, Any] = _convert(asdict(message))
    return written


def _convert(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel(key): _convert(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_convert(item) for item in value]
    return value


def arguments(payload: dict[str, Any]) -> dict[str, Any]:
    """Write a payload's own keys as the arguments of the library's dataclass."""
    return {_snake(key): value for key, value in payload.items()}
