"""What the handlers of every OCPP version share: the request they get, and how its fields are read.

A handler takes every request of its action that one flush of the writer holds and answers each, in order, behind one
call of a service. That is why the ``ocpp`` library's router is not in the path: it calls one coroutine for one frame,
logs each at INFO and answers CALLERROR to whatever raises, which a transaction message must never hear. Its actions,
dataclasses and schemas are used (``apps.ocpp.wire``).

The transaction messages come here whatever the schema says about them: each field is read for itself, and what cannot
be read becomes a note on the command.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from apps.ocpp.domain.frames import Call
from apps.ocpp.domain.instants import read_instant
from apps.ocpp.domain.registers import ADDED_UP, NO_READINGS, Readings
from apps.ocpp.models import EventKind, StationEvent
from apps.sessions.domain.commands import EndCommand, EndOutcome

MAX_TOKEN_CHARS: Final = 36
_WHOLE: Final = re.compile(r"-?\d{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call of a station whose raw frame is committed.

    notes   what was odd about the frame: decoder's problems, schema verdict, samples that could not be read
    values  the readings in it
    """

    station_id: int
    frame_id: int
    received_at: datetime
    call: Call
    notes: tuple[str, ...] = ()
    values: Readings = NO_READINGS


Handler: TypeAlias = Callable[[Sequence[Request]], Sequence[Any]]
"""Requests of one action in, the library's dataclasses that answer them out, in order."""


def timestamp(at: datetime) -> str:
    """Write an instant as stations read it, in whole milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def note_events(requests: Sequence[Request], kind: EventKind, text: Callable[[dict[str, Any]], str]) -> None:
    """Write down what each request tells an operator."""
    StationEvent.objects.bulk_create(
        StationEvent(
            station_id=request.station_id,
            at=request.received_at,
            kind=kind,
            text=text(request.call.payload)[:500],
            frame_id=request.frame_id,
        )
        for request in requests
    )


def ask_for_review(unplaced: Iterable[tuple[Any, str]]) -> None:
    """Bring what belongs to no session to a person; each item: command, sentence."""
    StationEvent.objects.bulk_create(
        StationEvent(
            station_id=command.station_id,
            at=command.received_at,
            kind=EventKind.REVIEW,
            text=text[:500],
            frame_id=command.frame_id,
        )
        for command, text in unplaced
    )


def ask_about_second_ends(ends: Iterable[tuple[EndCommand, EndOutcome]]) -> None:
    """Bring to a person what a station says of the end of a session that had ended otherwise."""
    ask_for_review(
        (command, f"transaction {command.transaction_id} ends a second time, with another register; the first stands")
        for command, outcome in ends
        if outcome.contradicts
    )


def for_review(notes: Iterable[str]) -> tuple[str, ...]:
    """Keep the notes that a person must look at before anything is billed; the others stay with the raw frame."""
    return tuple(note for note in notes if note != ADDED_UP)


def acknowledge(answer: Callable[[], Any], requests: Sequence[Request]) -> list[Any]:
    """Answer each with ``answer()`` and do nothing; the raw frame is kept."""
    return [answer() for _ in requests]


def read_whole(value: Any, default: int, name: str, notes: list[str]) -> int:
    """Read a whole number of at most 31 bits, also from a text or 1.0; else ``default``, with a note."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 10 and value == int(value):
        value = int(value)
    text = str(value) if type(value) in (int, str) else ""
    if _WHOLE.fullmatch(text) and abs(int(text)) < 2**31:
        return int(text)
    notes.append(f"{name} cannot be read: {str(value)[:40]!r}")
    return default


def read_token(value: Any, name: str, notes: list[str]) -> str | None:
    """Read an id token, or None, with a note."""
    if isinstance(value, str) and len(value) <= MAX_TOKEN_CHARS:
        return value
    notes.append(f"{name} cannot be read: {str(value)[:40]!r}")
    return None


def read_at(payload: dict[str, Any], received_at: datetime, notes: list[str]) -> datetime:
    """Read a request's own ``timestamp``, or take it to speak of when it was received."""
    at, odd = read_instant(payload.get("timestamp", timestamp(received_at)))
    notes += odd
    return received_at if at is None else at
