"""What the fuzz run throws at the OCPP decoder and handlers (``tests.fuzz.ocpp``).

Three targets take turns: mutated frames at the decoder, requests drawn from the OCPP schemas at the handlers of each
version, and the same with their values broken. The law: no exception escapes the decoder; a frame that is refused
leaves no row but itself; whatever a handler takes it answers, by the schema of its answer, without an exception.
"""

import base64
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from apps.ocpp import services
from apps.ocpp.domain import frames
from apps.ocpp.domain.frames import Call, CallError, CallResult, Refusal
from apps.ocpp.models import Direction, Frame, StationEvent
from apps.ocpp.services import Arrival
from apps.ocpp.versions import VERSIONS, Version
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession, MeterReading
from apps.stations.models import ChargingStation

NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
_ODD_TEXTS: Final = (
    "",
    "NaN",
    "-1",
    "1e999999",
    "x" * 600,
    "<script>x()</script>",
    "=1+1",
    "\u202e\U0001f600",
    "١٢٣",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:60+14:00",
    "0001-01-01T00:00:00+23:59",
    "CARD000001",
)
_ODD_VALUES: Final = (None, True, [], {}, [[]], 0, -1, 2**31, 2**63, 10**40, Decimal("1e-30"), Decimal("1e999999"), "")
_SPLICES: Final = (
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\\",
    "\\u0000",
    "\\ud800",
    "\0",
    "1e9",
    "NaN",
    "-",
    "\ufeff",
    "  ",
)


class BrokenLawError(AssertionError):
    """A frame did what no frame may do; its message holds the seed, the target and the frame."""


@dataclass
class Tally:
    """How often each target ran and how it ended."""

    runs: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)


class Fuzzer:
    """Draws frames from one seed, so that a finding can be told again.

    station  with at least one EVSE · token: a card that may charge there
    """

    def __init__(self, station: ChargingStation, *, token: str, seed: int) -> None:
        self.station = station
        self.token = token
        self.seed = seed
        self.tally = Tally()
        self._random = random.Random(seed)
        self._seeds: list[str] = []
        self._targets: tuple[tuple[str, Callable[[], None]], ...] = (
            ("decoder", self.mutate_frame),
            ("handlers", self.handle_by_schema),
            ("handlers, broken", self.handle_broken),
        )

    def run(self, *, seconds: float | None = None, rounds: int | None = None) -> Tally:
        """Let the targets take turns until the time is over or so many rounds are done."""
        ends_s = time.monotonic() + (seconds or float("inf"))
        while time.monotonic() < ends_s and (rounds is None or self.tally.runs.total() < rounds * len(self._targets)):
            for name, target in self._targets:
                target()
                self.tally.runs[name] += 1
        return self.tally

    # --- the decoder --------------------------------------------------------------------------------------------

    def mutate_frame(self) -> None:
        """Change a frame in a few places and decode it, then carry it out if it is still a call."""
        text = self._mutated(self._choice(self._seeds) if self._seeds else '[2,"1","Heartbeat",{}]')
        raw: str | bytes = text if self._random.random() < 0.95 else text.encode(errors="surrogatepass")
        try:
            decoded = frames.decode(raw, trusted=self._random.random() < 0.5)
        except Exception as error:
            raise self._broken("the decoder raised", raw) from error
        if not isinstance(decoded, Call | CallResult | CallError | Refusal):
            raise self._broken("the decoder returned something else", raw)
        self.tally.ends[f"decoder: {type(decoded).__name__}"] += 1
        if isinstance(decoded, Refusal):
            json.loads(frames.call_error(decoded.message_id, decoded.error_code, decoded.description))
        elif isinstance(decoded, Call):
            self._carry_out(self._choice(VERSIONS), decoded, raw)

    def _mutated(self, text: str) -> str:
        characters = list(text)
        for _ in range(self._random.randint(1, 6)):
            at = self._random.randrange(len(characters) + 1)
            match self._random.randrange(5):
                case 0:
                    characters.insert(at, self._choice(_SPLICES))
                case 1:
                    del characters[at : at + self._random.randint(1, 12)]
                case 2:
                    characters[at : at + 1] = [chr(self._random.choice((0, 10, 34, 127, 0x2028, 0xD800, 0x1F600)))]
                case 3:
                    characters[at:at] = characters[: self._random.randint(1, 40)]
                case _:
                    characters.insert(at, self._choice("[{") * self._random.choice((1, 31, 33, 5_000)))
        return "".join(characters)

    # --- the handlers -------------------------------------------------------------------------------------------

    def handle_by_schema(self) -> None:
        """Draw a request that its schema allows, and carry it out."""
        version, action = self._drawn_action()
        self._send(version, action, self._instance(version.schemas.request_document(action)))

    def handle_broken(self) -> None:
        """Draw a request, spoil some of its values, and carry it out."""
        version, action = self._drawn_action()
        payload = self._instance(version.schemas.request_document(action))
        for _ in range(self._random.randint(1, 3)):
            payload = self._spoilt(payload)
        self._send(version, action, payload if isinstance(payload, dict) else {"spoilt": payload})

    def _drawn_action(self) -> tuple[Version, str]:
        version = self._choice(VERSIONS)
        return version, self._choice(sorted(version.handlers))

    def _send(self, version: Version, action: str, payload: dict[str, Any]) -> None:
        text = json.dumps([2, str(self._random.randrange(10)), action, payload], default=str)
        if len(self._seeds) < 500:
            self._seeds.append(text)
        decoded = frames.decode(text, trusted=True)
        if isinstance(decoded, Call):
            self._carry_out(version, decoded, text)
        self.tally.ends[f"request: {type(decoded).__name__}"] += 1

    def _carry_out(self, version: Version, call: Call, raw: str | bytes) -> None:
        """Do what the socket does with a call; see ``StationConsumer._take_call``."""
        if call.action not in version.handlers:
            return
        verdict = version.schemas.request_verdict(call.action, call.payload)
        if verdict is not None and not call.bears_money:
            self._refuse(call, raw, verdict.text)
            return
        values = version.readings_in(call)
        notes = (*call.problems, *([] if verdict is None else [verdict.text]), *values.problems)
        arrival = Arrival(frame=self._frame(call, raw), version=version, call=call, notes=notes, values=values)
        services.keep_frames([arrival])
        try:
            (answer,) = services.act_together([arrival])
        except Exception as error:
            raise self._broken(f"a handler raised {error!r}", raw) from error
        self._check_answer(version, call, answer, raw)

    def _refuse(self, call: Call, raw: str | bytes, text: str) -> None:
        before = _rows()
        services.keep_frames([Arrival(frame=self._frame(call, raw, text))])
        if _rows() != before:
            raise self._broken("a refused frame left a row", raw)
        self.tally.ends["refused by schema"] += 1

    def _check_answer(self, version: Version, call: Call, answer: str | None, raw: str | bytes) -> None:
        message = json.loads(answer or "null")
        if not isinstance(message, list) or message[:2] != [3, call.message_id]:
            raise self._broken(f"the answer is {answer!r}", raw)
        wrong = version.schemas.response_verdict(call.action, message[2])
        if wrong is not None:
            raise self._broken(f"the answer breaks its schema ({wrong.text})", raw)
        self.tally.ends["answered"] += 1

    def _frame(self, call: Call, raw: str | bytes, note: str = "") -> Frame:
        text = raw.replace("\0", "\\x00") if isinstance(raw, str) else base64.b64encode(raw).decode()
        return Frame(
            station_id=self.station.pk,
            connection_no=self.station.connection_no,
            direction=Direction.IN,
            received_at=NOW + timedelta(seconds=self.tally.runs.total()),
            message_id=call.message_id,
            action=call.action[:40],
            payload=text,
            note=note,
        )

    def _broken(self, what: str, raw: str | bytes) -> BrokenLawError:
        return BrokenLawError(f"{what} (seed {self.seed}, after {self.tally.runs.total()} runs): {raw[:2_000]!r}")

    # --- drawing ------------------------------------------------------------------------------------------------

    def _choice(self, options: Any) -> Any:
        return self._random.choice(options)

    def _instance(self, document: dict[str, Any], schema: dict[str, Any] | None = None, depth: int = 0) -> Any:
        """Draw a value that a schema of OCPP allows: they use $ref, enum, type, lengths and items only."""
        node = document if schema is None else schema
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            return self._instance(document, document["definitions"][name], depth)
        if "enum" in node:
            return self._choice(node["enum"])
        match node.get("type"):
            case "object":
                required = set(node.get("required", ()))
                chance = 0.6 if depth < 4 else 0.1
                return {
                    name: self._instance(document, child, depth + 1)
                    for name, child in node.get("properties", {}).items()
                    if name in required or self._random.random() < chance
                }
            case "array":
                count = self._random.randint(node.get("minItems", 0), max(node.get("minItems", 0), 2))
                return [self._instance(document, node.get("items", {}), depth + 1) for _ in range(count)]
            case "integer":
                return self._choice((0, 1, 1, 2, 2**31 - 1, -1, self._random.randrange(10_000)))
            case "number":
                return self._choice((0, 1, -5, 12.5, 1_000_000, 1e-7, 123456.789))
            case "boolean":
                return self._random.random() < 0.5
            case _:
                return self._text(node)

    def _text(self, node: dict[str, Any]) -> str:
        if node.get("format") == "date-time":
            return self._choice(
                (
                    "2026-06-01T12:00:00Z",
                    "2026-06-01T11:59:59.123456789+00:00",
                    "1970-01-01T00:00:00Z",
                    "2036-06-01T00:00:00Z",
                )
            )
        text = self._choice((self.token, self.token, "1000", "1005.5", "Wh", *_ODD_TEXTS))
        return text[: node.get("maxLength", 500)]

    def _spoilt(self, value: Any) -> Any:
        """Replace one value somewhere within."""
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            key = self._choice(sorted(value))
            if self._random.random() < 0.15:
                return {name: item for name, item in value.items() if name != key}
            return {**value, key: self._spoilt(value[key])}
        if isinstance(value, list) and value and self._random.random() < 0.85:
            at = self._random.randrange(len(value))
            return [*value[:at], self._spoilt(value[at]), *value[at + 1 :]]
        return self._choice((*_ODD_VALUES, *_ODD_TEXTS))


def settle() -> None:
    """Do what is due long after the run, as the sweepers would."""
    at = NOW + timedelta(days=30)
    sessions.sweep_unsettled(at=at)
    sessions.sweep_unrated(at=at)
    sessions.sweep_late_evidence(at=at)


def _rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (ChargingSession, MeterReading, StationEvent))
