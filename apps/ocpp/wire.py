"""The ``ocpp`` library's schemas, names and dataclasses, without its router.

Schemas are checked by jsonschema-rs and key names are remembered: as shipped, the library starts a thread for each
validation and spends a fifth of the CPU on converting names. ``format`` is not checked: our own reader takes more
spellings of a time than RFC 3339 does.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import jsonschema_rs
from ocpp.charge_point import camel_to_snake_case, snake_to_camel_case
from ocpp.v16.enums import Action as Action16
from ocpp.v201.enums import Action as Action201

from apps.ocpp.domain.frames import FORMATION_VIOLATION

_MAX_VERDICT_CHARS = 300
SPELLED_IN_201: Final[Mapping[str, str]] = {
    FORMATION_VIOLATION: "FormatViolation",
    "OccurenceConstraintViolation": "OccurrenceConstraintViolation",
}
"""Error codes of OCPP-J 1.6 (§4.2.3, its spelling) → OCPP-J 2.0.1 (part 4 §4.3), where they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVerdict:
    """In what a payload breaks its schema: the version's OCPP-J error code and a sentence."""

    error_code: str
    text: str


class Schemas:
    """The schemas of one OCPP version, each compiled when it is first needed.

    actions  of its requests, whoever sends them
    """

    def __init__(
        self,
        *,
        package: str,
        actions: Iterable[str],
        request_suffix: str,
        draft: Callable[..., Any],
        spelled: Mapping[str, str],
    ) -> None:
        self.actions = frozenset(actions)
        self._package = package
        self._request_suffix = request_suffix
        self._draft = draft
        self._spelled = spelled
        self._validators: dict[str, Any] = {}

    def document(self, name: str) -> dict[str, Any]:
        """Return a schema as the library ships it, e.g. that of ``AuthorizeResponse``."""
        text = resources.files(self._package).joinpath(f"{name}.json").read_text(encoding="utf-8-sig")
        document: dict[str, Any] = json.loads(text)
        return document

    def request_document(self, action: str) -> dict[str, Any]:
        """Return the schema of a request; ``action`` is one of ``actions``."""
        return self.document(f"{action}{self._request_suffix}")

    def request_verdict(self, action: str, payload: dict[str, Any]) -> SchemaVerdict | None:
        """Say in what a request breaks its schema, or None; ``action`` is one of ``actions``."""
        return self._verdict(f"{action}{self._request_suffix}", payload)

    def response_verdict(self, action: str, payload: dict[str, Any]) -> SchemaVerdict | None:
        """Say in what an answer breaks its schema, or None; ``action`` is one of ``actions``."""
        return self._verdict(f"{action}Response", payload)

    def request_errors(self, action: str, payload: dict[str, Any]) -> list[Any]:
        """Return all in which a request breaks its schema, as jsonschema-rs says it, instants' form included."""
        validator = self._draft(self.request_document(action), validate_formats=True)
        return list(validator.iter_errors(payload))

    def _verdict(self, name: str, payload: dict[str, Any]) -> SchemaVerdict | None:
        validator = self._validators.get(name)
        if validator is None:
            validator = self._validators[name] = self._draft(self.document(name), validate_formats=False)
        if validator.is_valid(payload):
            return None
        error = next(iter(validator.iter_errors(payload)))
        path = ".".join(str(part) for part in error.instance_path)
        text = f"schema: {path + ': ' if path else ''}{error.message}"
        code = _error_code(error.kind)
        return SchemaVerdict(error_code=self._spelled.get(code, code), text=text[:_MAX_VERDICT_CHARS])


SCHEMAS_16: Final = Schemas(
    package="ocpp.v16.schemas",
    actions=(action.value for action in Action16),
    request_suffix="",
    draft=jsonschema_rs.Draft4Validator,
    spelled={},
)
SCHEMAS_201: Final = Schemas(
    package="ocpp.v201.schemas",
    actions=(action.value for action in Action201),
    request_suffix="Request",
    draft=jsonschema_rs.Draft6Validator,
    spelled=SPELLED_IN_201,
)


def _error_code(kind: Any) -> str:
    """Return the error code of 1.6-J for what a payload breaks."""
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return "OccurenceConstraintViolation"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        return "TypeConstraintViolation"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return FORMATION_VIOLATION
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
