"""OCPP 1.6: what each request of a station asks of us, and what it is answered (``apps.ocpp.handling``)."""

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ocpp.v16 import call_result
from ocpp.v16.enums import Action, AuthorizationStatus, GenericStatus, RegistrationStatus

from apps.ocpp import conf
from apps.ocpp.domain.frames import Call
from apps.ocpp.domain.registers import NO_READINGS, Readings, read_energy, read_meter_values
from apps.ocpp.handling import (
    Handler,
    Request,
    acknowledge,
    ask_about_second_ends,
    ask_for_review,
    for_review,
    note_events,
    read_at,
    read_token,
    read_whole,
    timestamp,
)
from apps.ocpp.models import EventKind
from apps.ocpp.price_answers import tell_user_prices
from apps.ocpp.v16_transfers import data_transfers
from apps.ocpp.wire import to_wire
from apps.sessions import services as sessions
from apps.sessions.domain.commands import (
    AuthorisationStatus,
    AuthoriseCommand,
    ConnectorStateCommand,
    EndCommand,
    ReadingsCommand,
    StartCommand,
)
from apps.stations import services as stations
from apps.stations.domain.status import ConnectorStatus

# "The answer to my Start was lost": OCPP 1.6 errata; also what an id that cannot be read is taken for.
UNKNOWN_TRANSACTION: Final = -1


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
        evse_number=read_whole(payload.get("connectorId"), 0, "connectorId", notes),
        id_token=read_token(payload.get("idTag"), "idTag", notes) or "",
        meter_start_milliwh=_read_register(payload, "meterStart", notes),
        started_at=read_at(payload, request.received_at, notes),
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=for_review(notes),
        # What cannot be read names none; nothing of the charge itself depends on it.
        reservation_id=read_whole(payload.get("reservationId", 0), 0, "reservationId", []),
    )


def _meter_values(requests: Sequence[Request]) -> list[call_result.MeterValues]:
    commands = tuple(_readings_command(request) for request in requests)
    outcomes = sessions.record_readings(commands)
    ask_for_review(
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
        evse_number=read_whole(payload.get("connectorId"), 0, "connectorId", notes),
        transaction_id=None if transaction_id is None else _read_transaction_id(transaction_id, notes),
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=for_review(notes),
    )


def _stop_transactions(requests: Sequence[Request]) -> list[call_result.StopTransaction]:
    commands = tuple(_end_command(request) for request in requests)
    outcomes = sessions.end_sessions(commands)
    ask_for_review(
        (command, f"stop of unknown transaction {command.transaction_id}")
        for command, outcome in zip(commands, outcomes, strict=True)
        if outcome.session_id is None
    )
    ask_about_second_ends(zip(commands, outcomes, strict=True))
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
        id_token=None if payload.get("idTag") is None else read_token(payload["idTag"], "idTag", notes),
        meter_stop_milliwh=_read_register(payload, "meterStop", notes),
        ended_at=read_at(payload, request.received_at, notes),
        reason=reason[:20] if isinstance(reason, str) else "Other",
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=for_review(notes),
    )


def _authorize(requests: Sequence[Request]) -> list[call_result.Authorize]:
    statuses = sessions.authorise_tokens(
        tuple(
            AuthoriseCommand(station_id=request.station_id, token=request.call.payload["idTag"], at=request.received_at)
            for request in requests
        )
    )
    tell_user_prices(
        request for request, status in zip(requests, statuses, strict=True) if status is AuthorisationStatus.ACCEPTED
    )
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
    note_events(
        requests, EventKind.BOOT, lambda payload: f"{payload['chargePointVendor']} {payload['chargePointModel']}"
    )
    return answers


def _heartbeats(requests: Sequence[Request]) -> list[call_result.Heartbeat]:
    return [call_result.Heartbeat(current_time=timestamp(request.received_at)) for request in requests]


def _status_notifications(requests: Sequence[Request]) -> list[call_result.StatusNotification]:
    sessions.record_connector_states(tuple(_state_command(request) for request in requests))
    note_events(
        [request for request in requests if request.call.payload["errorCode"] != "NoError"],
        EventKind.FAULT,
        lambda payload: f"connector {payload['connectorId']}: {payload['errorCode']} {payload.get('info', '')}".strip(),
    )
    return [call_result.StatusNotification() for _ in requests]


def _state_command(request: Request) -> ConnectorStateCommand:
    payload = request.call.payload
    return ConnectorStateCommand(
        station_id=request.station_id,
        # A number that no row can hold is no connector that there is.
        evse_number=read_whole(payload["connectorId"], -1, "connectorId", []),
        status=ConnectorStatus(payload["status"]),
        error_code=payload["errorCode"],
        at=read_at(payload, request.received_at, []),
        received_at=request.received_at,
        frame_id=request.frame_id,
    )


def _no_certificates(requests: Sequence[Request]) -> list[call_result.SignCertificate]:
    return [call_result.SignCertificate(status=GenericStatus.rejected) for _ in requests]


def _security_events(requests: Sequence[Request]) -> list[call_result.SecurityEventNotification]:
    note_events(
        requests, EventKind.SECURITY, lambda payload: f"{payload['type']} {payload.get('techInfo', '')}".strip()
    )
    return [call_result.SecurityEventNotification() for _ in requests]


def _read_transaction_id(value: Any, notes: list[str]) -> int:
    return read_whole(value, UNKNOWN_TRANSACTION, "transactionId", notes)


def _read_register(payload: dict[str, Any], name: str, notes: list[str]) -> int | None:
    energy_milliwh = read_energy(payload.get(name))
    if energy_milliwh is None:
        notes.append(f"{name} cannot be read: {str(payload.get(name))[:40]!r}")
    return energy_milliwh


HANDLERS: Final[dict[str, Handler]] = {
    Action.authorize.value: _authorize,
    Action.boot_notification.value: _boot_notifications,
    Action.data_transfer.value: data_transfers,
    Action.diagnostics_status_notification.value: partial(acknowledge, call_result.DiagnosticsStatusNotification),
    Action.firmware_status_notification.value: partial(acknowledge, call_result.FirmwareStatusNotification),
    Action.heartbeat.value: _heartbeats,
    Action.log_status_notification.value: partial(acknowledge, call_result.LogStatusNotification),
    Action.meter_values.value: _meter_values,
    Action.security_event_notification.value: _security_events,
    Action.sign_certificate.value: _no_certificates,
    Action.signed_firmware_status_notification.value: partial(
        acknowledge, call_result.SignedFirmwareStatusNotification
    ),
    Action.start_transaction.value: _start_transactions,
    Action.status_notification.value: _status_notifications,
    Action.stop_transaction.value: _stop_transactions,
}

COMMANDS: Final = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DataTransfer",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }
)
"""What we may ask of a station (OCPP 1.6 §6 and the security extension)."""
