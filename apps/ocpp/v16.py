"""OCPP 1.6: what each request of a station asks of us, and what it is answered.

A handler takes every request of its action that one flush of the writer holds and answers each, in order, behind one
call of a service. That is why the ``ocpp`` library's router is not in the path: it calls one coroutine for one frame,
logs each at INFO and answers CALLERROR to whatever raises, which a transaction message must never hear. Its actions,
dataclasses and schemas are used (``apps.ocpp.wire``).

StartTransaction, StopTransaction and MeterValues come here whatever the schema says about them: each field is read for
itself, and what cannot be read becomes a note on the command.
"""

import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

from ocpp.v16 import call_result
from ocpp.v16.enums import Action, AuthorizationStatus, DataTransferStatus, RegistrationStatus

from apps.ocpp import conf
from apps.ocpp.domain.frames import Call
from apps.ocpp.domain.instants import read_instant
from apps.ocpp.domain.registers import NO_READINGS, Readings, read_energy, read_meter_values
from apps.ocpp.models import EventKind, StationEvent
from apps.ocpp.wire import to_wire
from apps.sessions import services as sessions
from apps.sessions.domain.commands import ConnectorStateCommand, EndCommand, ReadingsCommand, StartCommand
from apps.stations import services as stations
from apps.stations.domain.status import ConnectorStatus

# "The answer to my Start was lost": OCPP 1.6 errata; also what an id that cannot be read is taken for.
UNKNOWN_TRANSACTION: Final = -1
_MAX_TOKEN_CHARS: Final = 36
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


def answer_requests(requests: Sequence[Request]) -> list[dict[str, Any]]:
    """Carry out the requests, each of an action in ``HANDLERS``, and return the payloads of their answers, in order."""
    groups: defaultdict[str, list[Request]] = defaultdict(list)
    for request in requests:
        groups[request.call.action].append(request)
    answers: dict[int, dict[str, Any]] = {}
    # One order for every process: what a flush locks, it locks in the same order as its neighbour.
    for action in sorted(groups):
        for request, answer in zip(groups[action], HANDLERS[action](groups[action]), strict=True):
            answers[request.frame_id] = to_wire(answer)
    return [answers[request.frame_id] for request in requests]


def readings_in(call: Call) -> Readings:
    """Read the energy register out of a request that may hold some; its problems belong on the raw frame."""
    match call.action:
        case Action.meter_values.value:
            return read_meter_values(call.payload.get("meterValue"))
        case Action.stop_transaction.value if call.payload.get("transactionData") is not None:
            return read_meter_values(call.payload["transactionData"])
        case _:
            return NO_READINGS


def minimal_answer(action: str) -> dict[str, Any] | None:
    """Answer a transaction message that broke its handler, so that the station stops repeating it; None for others.

    A start gets a transaction id of its own and is not accepted: nothing that a person has not seen may be charged.
    """
    match action:
        case Action.start_transaction.value:
            invalid = {"status": AuthorizationStatus.invalid}
            return to_wire(
                call_result.StartTransaction(transaction_id=secrets.randbelow(2**31 - 1) + 1, id_tag_info=invalid)
            )
        case Action.stop_transaction.value | Action.meter_values.value:
            return {}
        case _:
            return None


def timestamp(at: datetime) -> str:
    """Write an instant as stations read it, in whole milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _start_transactions(requests: Sequence[Request]) -> list[call_result.StartTransaction]:
    outcomes = sessions.start_sessions(tuple(_start_command(request) for request in requests))
    return [
        call_result.StartTransaction(
            transaction_id=outcome.transaction_id, id_tag_info={"status": outcome.status.value}
        )
        for outcome in outcomes
    ]


def _start_command(request: Request) -> StartCommand:
    payload, notes = request.call.payload, list(request.notes)
    return StartCommand(
        station_id=request.station_id,
        evse_number=_read_whole(payload.get("connectorId"), 0, "connectorId", notes),
        id_token=_read_token(payload.get("idTag"), notes) or "",
        meter_start_milliwh=_read_register(payload, "meterStart", notes),
        started_at=_read_at(payload, request.received_at, notes),
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=tuple(notes),
    )


def _meter_values(requests: Sequence[Request]) -> list[call_result.MeterValues]:
    commands = tuple(_readings_command(request) for request in requests)
    outcomes = sessions.record_readings(commands)
    _ask_for_review(
        (command, f"meter values of unknown transaction {command.transaction_id}")
        for command, outcome in zip(commands, outcomes, strict=True)
        if outcome.session_id is None and command.transaction_id is not None
    )
    return [call_result.MeterValues() for _ in requests]


def _readings_command(request: Request) -> ReadingsCommand:
    payload, notes = request.call.payload, list(request.notes)
    transaction_id = payload.get("transactionId")
    return ReadingsCommand(
        station_id=request.station_id,
        evse_number=_read_whole(payload.get("connectorId"), 0, "connectorId", notes),
        transaction_id=None if transaction_id is None else _read_transaction_id(transaction_id, notes),
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=tuple(notes),
    )


def _stop_transactions(requests: Sequence[Request]) -> list[call_result.StopTransaction]:
    commands = tuple(_end_command(request) for request in requests)
    outcomes = sessions.end_sessions(commands)
    _ask_for_review(
        (command, f"stop of unknown transaction {command.transaction_id}")
        for command, outcome in zip(commands, outcomes, strict=True)
        if outcome.session_id is None
    )
    return [
        call_result.StopTransaction(id_tag_info=None if command.id_token is None else {"status": outcome.status.value})
        for command, outcome in zip(commands, outcomes, strict=True)
    ]


def _end_command(request: Request) -> EndCommand:
    payload, notes = request.call.payload, list(request.notes)
    reason = payload.get("reason", "Local")
    return EndCommand(
        station_id=request.station_id,
        transaction_id=_read_transaction_id(payload.get("transactionId"), notes),
        id_token=None if payload.get("idTag") is None else _read_token(payload["idTag"], notes),
        meter_stop_milliwh=_read_register(payload, "meterStop", notes),
        ended_at=_read_at(payload, request.received_at, notes),
        reason=reason[:20] if isinstance(reason, str) else "Other",
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=tuple(notes),
    )


def _ask_for_review(unplaced: Any) -> None:
    StationEvent.objects.bulk_create(
        StationEvent(
            station_id=command.station_id,
            at=command.received_at,
            kind=EventKind.REVIEW,
            text=text,
            frame_id=command.frame_id,
        )
        for command, text in unplaced
    )


def _authorize(requests: Sequence[Request]) -> list[call_result.Authorize]:
    statuses = [
        sessions.authorise(token=request.call.payload["idTag"], station_id=request.station_id, at=request.received_at)
        for request in requests
    ]
    return [call_result.Authorize(id_tag_info={"status": status.value}) for status in statuses]


def _boot_notifications(requests: Sequence[Request]) -> list[call_result.BootNotification]:
    answers = []
    for request in requests:
        payload = request.call.payload
        registration = stations.record_boot(
            station_id=request.station_id,
            vendor=payload["chargePointVendor"],
            model=payload["chargePointModel"],
            serial_number=payload.get("chargePointSerialNumber", payload.get("chargeBoxSerialNumber", "")),
            firmware_version=payload.get("firmwareVersion", ""),
            at=request.received_at,
        )
        answers.append(
            call_result.BootNotification(
                current_time=timestamp(request.received_at),
                interval=conf.heartbeat_interval_s(),
                status=RegistrationStatus(registration.value),
            )
        )
    _note(requests, EventKind.BOOT, lambda payload: f"{payload['chargePointVendor']} {payload['chargePointModel']}")
    return answers


def _heartbeats(requests: Sequence[Request]) -> list[call_result.Heartbeat]:
    return [heartbeat_answer(request.received_at) for request in requests]


def heartbeat_answer(at: datetime) -> call_result.Heartbeat:
    """Answer Heartbeat.req (OCPP 1.6 §5.6), which touches no row."""
    return call_result.Heartbeat(current_time=timestamp(at))


def _status_notifications(requests: Sequence[Request]) -> list[call_result.StatusNotification]:
    sessions.record_connector_states(tuple(_state_command(request) for request in requests))
    _note(
        [request for request in requests if request.call.payload["errorCode"] != "NoError"],
        EventKind.FAULT,
        lambda payload: f"connector {payload['connectorId']}: {payload['errorCode']} {payload.get('info', '')}".strip(),
    )
    return [call_result.StatusNotification() for _ in requests]


def _state_command(request: Request) -> ConnectorStateCommand:
    payload = request.call.payload
    return ConnectorStateCommand(
        station_id=request.station_id,
        evse_number=int(payload["connectorId"]),
        status=ConnectorStatus(payload["status"]),
        error_code=payload["errorCode"],
        at=_read_at(payload, request.received_at, []),
        received_at=request.received_at,
        frame_id=request.frame_id,
    )


def _data_transfers(requests: Sequence[Request]) -> list[call_result.DataTransfer]:
    return [call_result.DataTransfer(status=DataTransferStatus.unknown_vendor_id) for _ in requests]


def _security_events(requests: Sequence[Request]) -> list[call_result.SecurityEventNotification]:
    _note(requests, EventKind.SECURITY, lambda payload: f"{payload['type']} {payload.get('techInfo', '')}".strip())
    return [call_result.SecurityEventNotification() for _ in requests]


def _note(requests: Sequence[Request], kind: EventKind, text: Callable[[dict[str, Any]], str]) -> None:
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


def _acknowledge(answer: Callable[[], Any], requests: Sequence[Request]) -> list[Any]:
    return [answer() for _ in requests]


def _read_whole(value: Any, default: int, name: str, notes: list[str]) -> int:
    """Read a whole number of at most 31 bits, also from a text or 1.0; else ``default``, with a note."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 10 and value == int(value):
        value = int(value)
    text = str(value) if type(value) in (int, str) else ""
    if _WHOLE.fullmatch(text) and abs(int(text)) < 2**31:
        return int(text)
    notes.append(f"{name} cannot be read: {str(value)[:40]!r}")
    return default


def _read_transaction_id(value: Any, notes: list[str]) -> int:
    return _read_whole(value, UNKNOWN_TRANSACTION, "transactionId", notes)


def _read_token(value: Any, notes: list[str]) -> str | None:
    if isinstance(value, str) and len(value) <= _MAX_TOKEN_CHARS:
        return value
    notes.append(f"idTag cannot be read: {str(value)[:40]!r}")
    return None


def _read_register(payload: dict[str, Any], name: str, notes: list[str]) -> int | None:
    energy_milliwh = read_energy(payload.get(name))
    if energy_milliwh is None:
        notes.append(f"{name} cannot be read: {str(payload.get(name))[:40]!r}")
    return energy_milliwh


def _read_at(payload: dict[str, Any], received_at: datetime, notes: list[str]) -> datetime:
    at, odd = read_instant(payload.get("timestamp", timestamp(received_at)))
    notes += odd
    return received_at if at is None else at


HANDLERS: Final[dict[str, Handler]] = {
    Action.authorize.value: _authorize,
    Action.boot_notification.value: _boot_notifications,
    Action.data_transfer.value: _data_transfers,
    Action.diagnostics_status_notification.value: partial(_acknowledge, call_result.DiagnosticsStatusNotification),
    Action.firmware_status_notification.value: partial(_acknowledge, call_result.FirmwareStatusNotification),
    Action.heartbeat.value: _heartbeats,
    Action.log_status_notification.value: partial(_acknowledge, call_result.LogStatusNotification),
    Action.meter_values.value: _meter_values,
    Action.security_event_notification.value: _security_events,
    Action.signed_firmware_status_notification.value: partial(
        _acknowledge, call_result.SignedFirmwareStatusNotification
    ),
    Action.start_transaction.value: _start_transactions,
    Action.status_notification.value: _status_notifications,
    Action.stop_transaction.value: _stop_transactions,
}
