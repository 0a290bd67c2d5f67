"""Read OCPP-J frames (OCPP-J 1.6 §4): the limits that hold before anything else looks at what a station sent.

A frame is decoded to ``Call``, ``CallResult`` or ``CallError``, or to a ``Refusal`` that says what to answer.
Nothing here raises, whatever the bytes are: the depth is counted before the parser sees the text, numbers become
``int`` or ``Decimal`` (never a binary float; one that counts nothing, ``1e999``, stays a text), and a text that
PostgreSQL would refuse (NUL, lone surrogates) is refused here first.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeAlias

from apps.core.domain.exact_json import MOST_PLACES, dump_exact

MAX_NEW_BYTES: Final = 64 * 1024
MAX_TRUSTED_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_ID_CHARS: Final = 36

# The answer's id when the frame's own cannot be read (OCPP 2.0.1 part 4 §4.2.3; 1.6 leaves it open).
UNREADABLE_ID: Final = "-1"

FORMATION_VIOLATION: Final = "FormationViolation"
PROTOCOL_ERROR: Final = "ProtocolError"

# These four bear money: whatever is valid JSON in them is kept and answered with the minimal valid response.
TRANSACTION_ACTIONS: Final = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})

# Only these have a reason to be larger than 64 KiB (a Stop carries its transaction's data, a report a whole
# device).
LARGE_ACTIONS: Final = TRANSACTION_ACTIONS | {
    "NotifyReport",
    "NotifyMonitoringReport",
    "NotifyEvent",
    "NotifyChargingLimit",
    "ReportChargingProfiles",
}

_INT_DIGITS: Final = 18
_NUMBER_CHARS: Final = 400
# A string is one token (possessive, so that a hostile text costs linear time); an unclosed one runs to the
# end.
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request of the station. ``problems`` notes what was wrong with it and yet no reason to refuse."""

    message_id: str
    action: str
    payload: dict[str, Any]
    problems: tuple[str, ...] = ()

    @property
    def bears_money(self) -> bool:
        """Say whether an error must never be the answer to it."""
        return self.action in TRANSACTION_ACTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The station's answer to a request of ours."""

    message_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallError:
    """The station's refusal of a request of ours."""

    message_id: str
    error_code: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What we cannot read, with the OCPP error that says so; ``message_id`` None: not even its id."""

    error_code: str
    description: str
    message_id: str | None = None


Decoded: TypeAlias = Call | CallResult | CallError | Refusal


class _UnreadableError(ValueError):
    """The text is no JSON that we take; its message is our own and safe to send back."""


class _RepeatedKeyError(_UnreadableError):
    """A key stands twice in one object: valid JSON, of which nobody knows what it means."""


def decode(frame: str | bytes, *, trusted: bool) -> Decoded:
    """Decode one websocket message.

    ``trusted`` is True once the socket has sent a valid frame; it raises the limit from 64 KiB to 1 MiB, and
    above 64 KiB only the actions in ``LARGE_ACTIONS`` are taken.
    """
    if isinstance(frame, bytes):
        return Refusal(error_code=FORMATION_VIOLATION, description="binary frames are not OCPP-J")
    try:
        size = len(frame.encode())
    except UnicodeEncodeError:
        return Refusal(error_code=FORMATION_VIOLATION, description="the text is not valid UTF-8")
    if size > (MAX_TRUSTED_BYTES if trusted else MAX_NEW_BYTES):
        return Refusal(error_code=FORMATION_VIOLATION, description=f"the frame is too large ({size} bytes)")
    try:
        decoded = _decode_text(frame)
    except _UnreadableError as error:
        return Refusal(error_code=FORMATION_VIOLATION, description=str(error))
    if size > MAX_NEW_BYTES and not (isinstance(decoded, Call) and decoded.action in LARGE_ACTIONS):
        return Refusal(
            error_code=FORMATION_VIOLATION,
            description=f"only transaction and report messages may be larger than {MAX_NEW_BYTES} bytes",
            message_id=decoded.message_id,
        )
    return decoded


def call_result(message_id: str, payload: dict[str, Any]) -> str:
    """Write a CALLRESULT frame."""
    return dump([3, message_id, payload])


def call_error(message_id: str | None, error_code: str, description: str) -> str:
    """Write a CALLERROR frame; without a readable id it answers to "-1"."""
    return dump([4, UNREADABLE_ID if message_id is None else message_id, error_code, description[:255], {}])


def call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    """Write a CALL frame."""
    return dump([2, message_id, action, payload])


def dump(value: Any) -> str:
    """Write compact JSON; what a station sees is ASCII (old firmware stumbles over anything else), and exact."""
    return dump_exact(value)


def depth_of(text: str) -> int:
    """Count how deep brackets nest, outside strings, in linear time and without recursion."""
    deepest = depth = 0
    for match in _TOKEN.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in "]}":
            depth -= 1
    return deepest


def _decode_text(text: str) -> Decoded:
    try:
        return _shape(_parse(text, _DECODER))
    except _RepeatedKeyError as error:
        decoded = _shape(_parse(text, _LAST_KEY_DECODER))
        if not (isinstance(decoded, Call) and decoded.bears_money):
            raise
        # It is valid JSON and it happened: the last value is kept, as most readers do, and a person looks.
        return replace(decoded, problems=(*decoded.problems, str(error)))


def _parse(text: str, decoder: json.JSONDecoder) -> Any:
    # The count is cheap and nearly always enough; only a frame with many brackets is looked at token by
    # token.
    if text.count("[") + text.count("{") > MAX_DEPTH and depth_of(text) > MAX_DEPTH:
        raise _UnreadableError(f"nested deeper than {MAX_DEPTH}")
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _UnreadableError(f"no JSON: {error.msg} at character {error.pos}") from error
    # Such a character can only come in by an escape: a raw one is no JSON (NUL) or no UTF-8 (a surrogate).
    if "\\u" in text and _has_unstorable_text(value):
        raise _UnreadableError("a text holds NUL or half of a surrogate pair")
    return value


def _has_unstorable_text(value: Any) -> bool:
    if isinstance(value, str):
        return any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(_has_unstorable_text(key) or _has_unstorable_text(item) for key, item in value.items())
    if isinstance(value, list):
        return any(_has_unstorable_text(item) for item in value)
    return False


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    pairs_by_key = dict(pairs)
    if len(pairs_by_key) != len(pairs):
        raise _RepeatedKeyError("a key stands twice in one object")
    return pairs_by_key


def _decimal(text: str) -> Decimal | str:
    # What follows may turn a number into digits, quadratic in them and refused above 4,300; no meter counts so far.
    try:
        number = Decimal(text) if len(text) <= _NUMBER_CHARS else None
    except InvalidOperation:
        number = None
    if number is None or not -MOST_PLACES <= number.adjusted() < MOST_PLACES:
        return text[:_NUMBER_CHARS]
    return number


def _integer(text: str) -> int | Decimal | str:
    return int(text) if len(text) <= _INT_DIGITS else _decimal(text)


def _refuse_constant(name: str) -> NoReturn:
    raise _UnreadableError(f"{name} is no JSON number")


def _decoder(pairs_hook: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=pairs_hook,
        parse_float=_decimal,
        parse_int=_integer,
        parse_constant=_refuse_constant,
    )


_DECODER: Final = _decoder(_unique_pairs)
_LAST_KEY_DECODER: Final = _decoder(dict)


def _shape(value: Any) -> Decoded:
    if not isinstance(value, list) or len(value) < 2:
        return Refusal(
            error_code=FORMATION_VIOLATION, description="an OCPP-J message is an array with a type and an id"
        )
    message_type, message_id = value[0], value[1]
    if not isinstance(message_id, str) or not 0 < len(message_id) <= MAX_ID_CHARS:
        return Refusal(
            error_code=FORMATION_VIOLATION, description=f"the id is a text of 1 to {MAX_ID_CHARS} characters"
        )
    shape = _SHAPES.get(message_type) if type(message_type) is int else None
    if shape is None:
        return Refusal(
            error_code=PROTOCOL_ERROR, description="the message type is not 2, 3 or 4", message_id=message_id
        )
    return shape(message_id, value[2:])


def _shape_call(message_id: str, rest: list[Any]) -> Call | Refusal:
    if not rest or not isinstance(rest[0], str) or not rest[0]:
        return _wrong_shape(message_id, "a CALL is [2, id, action, payload]")
    action = rest[0]
    if len(rest) == 2 and isinstance(rest[1], dict):
        return Call(message_id=message_id, action=action, payload=rest[1])
    if action in TRANSACTION_ACTIONS:
        # It happened, whatever the frame says about it: keep it, answer it, and let a person look.
        return Call(message_id=message_id, action=action, payload={}, problems=("the payload is not one object",))
    return _wrong_shape(message_id, "a CALL's payload is one object")


def _shape_result(message_id: str, rest: list[Any]) -> CallResult | Refusal:
    if len(rest) != 1 or not isinstance(rest[0], dict):
        return _wrong_shape(message_id, "a CALLRESULT is [3, id, payload]")
    return CallResult(message_id=message_id, payload=rest[0])


def _shape_error(message_id: str, rest: list[Any]) -> CallError | Refusal:
    if not 1 <= len(rest) <= 3 or not all(isinstance(item, str) for item in rest[:2]):
        return _wrong_shape(message_id, "a CALLERROR is [4, id, code, description, details]")
    return CallError(message_id=message_id, error_code=rest[0], description=rest[1] if len(rest) > 1 else "")


def _wrong_shape(message_id: str, description: str) -> Refusal:
    return Refusal(error_code=FORMATION_VIOLATION, description=description, message_id=message_id)


_SHAPES: Final[dict[int, Callable[[str, list[Any]], Decoded]]] = {
    2: _shape_call,
    3: _shape_result,
    4: _shape_error,
}
