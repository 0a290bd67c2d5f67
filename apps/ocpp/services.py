"""Keep what arrived, act on it, write the answer: what the writer does with one flush.

``keep_frames`` commits first and by itself, so that no fault of the acting loses what a station said. Then
``act_together`` carries out a whole flush in one transaction; ``act_alone`` is the way for a flush that failed.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import OperationalError, transaction

from apps.core import failpoints
from apps.core.rows import insert_rows
from apps.ocpp.domain import frames
from apps.ocpp.domain.registers import NO_READINGS, Readings
from apps.ocpp.handling import Request
from apps.ocpp.models import Direction, EventKind, Frame, StationEvent
from apps.ocpp.selectors import connection_numbers
from apps.ocpp.versions import OCPP_16, Version
from apps.ocpp.wire import to_wire

log = logging.getLogger(__name__)

_FAILPOINTS: Final = {
    ("StartTransaction", None): "ocpp.start",
    ("StopTransaction", None): "ocpp.stop",
    ("TransactionEvent", "Started"): "ocpp.start",
    ("TransactionEvent", "Ended"): "ocpp.stop",
}
"""By action and, in OCPP 2.0.1, event type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A frame to keep and, if it is a request that we carry out, the request in it.

    frame   unsaved
    version of OCPP that its connection speaks
    call    None: only keep the frame
    notes   what was odd about the call
    values  the readings in it
    """

    frame: Frame
    version: Version = OCPP_16
    call: frames.Call | None = None
    notes: tuple[str, ...] = ()
    values: Readings = NO_READINGS


def keep_frames(arrivals: Sequence[Arrival]) -> None:
    """Commit the raw frames; each then has its key."""
    insert_rows([arrival.frame for arrival in arrivals])


@transaction.atomic
def act_together(arrivals: Sequence[Arrival]) -> list[str | None]:
    """Carry out a flush's requests in one transaction and return the frames that answer them, in order.

    None: nothing is to be sent, because the frame asked nothing or its connection is superseded (the station
    repeats on the newer one).
    """
    acting = _current(arrivals)
    payloads = _answer(acting)
    texts = {
        arrival.frame.pk: frames.call_result(arrival.frame.message_id, payloads[arrival.frame.pk]) for arrival in acting
    }
    _keep_answers(acting, texts)
    return [texts.get(arrival.frame.pk) for arrival in arrivals]


@transaction.atomic
def act_alone(arrivals: Sequence[Arrival]) -> list[str | None]:
    """Carry out each request in a savepoint of its own; what breaks is answered minimally and shown to a person.

    :raises OperationalError: the database itself failed; nothing may be answered
    """
    acting = _current(arrivals)
    texts: dict[int, str] = {}
    for arrival in acting:
        try:
            with transaction.atomic():
                payload = _answer([arrival])[arrival.frame.pk]
            texts[arrival.frame.pk] = frames.call_result(arrival.frame.message_id, payload)
        except OperationalError:
            raise
        except Exception as error:
            # Whatever it is, it came from this one message: it must not take the others with it.
            log.exception("frame %s could not be acted on", arrival.frame.pk)
            texts[arrival.frame.pk] = _set_aside(arrival, error)
    _keep_answers(acting, texts)
    return [texts.get(arrival.frame.pk) for arrival in arrivals]


def hit_committed(arrivals: Sequence[Arrival]) -> None:
    """Let a test kill the process after the commit of a flush that held a transaction's start or stop."""
    for arrival in arrivals:
        if arrival.call is not None:
            hit_transaction(arrival.call, "committed")


def hit_transaction(call: frames.Call, where: str) -> None:
    """Pass the fail-point ``ocpp.start.<where>`` or ``ocpp.stop.<where>``; other messages have none."""
    event = call.payload.get("eventType")
    name = _FAILPOINTS.get((call.action, event if isinstance(event, str) else None))
    if name is not None:
        failpoints.hit(f"{name}.{where}")


def note_event(*, station_id: int, at: datetime, kind: EventKind, text: str, frame_id: int | None = None) -> None:
    """Write down what happened to a station."""
    StationEvent.objects.create(station_id=station_id, at=at, kind=kind, text=text[:500], frame_id=frame_id)


def _current(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Keep the requests whose connection is still their station's newest."""
    asking = [arrival for arrival in arrivals if arrival.call is not None]
    newest = connection_numbers(station_ids={arrival.frame.station_id for arrival in asking})
    return [arrival for arrival in asking if newest.get(arrival.frame.station_id) == arrival.frame.connection_no]


def _answer(acting: Sequence[Arrival]) -> dict[int, dict[str, Any]]:
    """Carry out the requests, each of an action that its version handles; return the answers' payloads by frame."""
    groups: defaultdict[tuple[str, str], list[Arrival]] = defaultdict(list)
    for arrival in acting:
        groups[arrival.frame.action, arrival.version.protocol].append(arrival)
    payloads: dict[int, dict[str, Any]] = {}
    # One order for every process: what a flush locks, it locks in the same order as its neighbour.
    for action, protocol in sorted(groups):
        group = groups[action, protocol]
        answers = group[0].version.handlers[action]([_request_of(arrival) for arrival in group])
        for arrival, answer in zip(group, answers, strict=True):
            payloads[arrival.frame.pk] = to_wire(answer)
    return payloads


def _request_of(arrival: Arrival) -> Request:
    assert arrival.call is not None
    return Request(
        station_id=arrival.frame.station_id,
        frame_id=arrival.frame.pk,
        received_at=arrival.frame.received_at,
        call=arrival.call,
        notes=arrival.notes,
        values=arrival.values,
    )


def _keep_answers(acting: Sequence[Arrival], texts: dict[int, str]) -> None:
    insert_rows(
        [
            Frame(
                station_id=arrival.frame.station_id,
                connection_no=arrival.frame.connection_no,
                direction=Direction.OUT,
                received_at=arrival.frame.received_at,
                message_id=arrival.frame.message_id,
                payload=texts[arrival.frame.pk],
            )
            for arrival in acting
        ]
    )


def _set_aside(arrival: Arrival, error: Exception) -> str:
    note_event(
        station_id=arrival.frame.station_id,
        at=arrival.frame.received_at,
        kind=EventKind.REVIEW,
        text=f"{arrival.frame.action} could not be acted on ({type(error).__name__})",
        frame_id=arrival.frame.pk,
    )
    payload = arrival.version.minimal_answer(arrival.frame.action)
    if payload is None:
        return frames.call_error(arrival.frame.message_id, "InternalError", "the message could not be acted on")
    return frames.call_result(arrival.frame.message_id, payload)
