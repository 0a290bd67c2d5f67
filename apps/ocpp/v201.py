"""OCPP 2.0.1: what each request of a station asks of us, and what it is answered (``apps.ocpp.handling``).

TransactionEvent has a module of its own (``v201_transactions``). What only bears news for an operator is acknowledged;
its raw frame is kept, and reports are read from there.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ocpp.v201 import call_result
from ocpp.v201.enums import (
    Action,
    AuthorizationStatusEnumType,
    DataTransferStatusEnumType,
    GenericStatusEnumType,
    GetCertificateStatusEnumType,
    Iso15118EVCertificateStatusEnumType,
    NotifyEVChargingNeedsStatusEnumType,
    RegistrationStatusEnumType,
    ReservationUpdateStatusEnumType,
)

from apps.ocpp import conf
from apps.ocpp.domain.frames import Call
from apps.ocpp.domain.registers import NO_READINGS, Readings
from apps.ocpp.domain.registers201 import read_meter_values_201
from apps.ocpp.handling import Handler, Request, acknowledge, note_events, read_at, read_whole, timestamp
from apps.ocpp.models import EventKind
from apps.ocpp.price_answers import personal_messages
from apps.ocpp.v201_reports import notify_reports
from apps.ocpp.v201_transactions import read_id_token, transaction_events
from apps.sessions import services as sessions
from apps.sessions.domain.commands import AuthorisationStatus, AuthoriseCommand, ConnectorStateCommand, ReadingsCommand
from apps.stations import services as stations
from apps.stations.domain.status import ConnectorStatus


def readings_in(call: Call) -> Readings:
    """Read the energy register out of a request that may hold some; its problems belong on the raw frame."""
    match call.action:
        case Action.meter_values.value:
            return read_meter_values_201(call.payload.get("meterValue"))
        case Action.transaction_event.value if call.payload.get("meterValue") is not None:
            return read_meter_values_201(call.payload["meterValue"])
        case _:
            return NO_READINGS


def minimal_answer(action: str) -> dict[str, Any] | None:
    """Answer a transaction message that broke its handler, so that the station stops repeating it; None for others."""
    return {} if action in (Action.transaction_event.value, Action.meter_values.value) else None


def _meter_values(requests: Sequence[Request]) -> list[call_result.MeterValues]:
    sessions.record_readings(tuple(_readings_command(request) for request in requests))
    return [call_result.MeterValues() for _ in requests]


def _readings_command(request: Request) -> ReadingsCommand:
    """Read MeterValues, which name no transaction (OCPP 2.0.1 J01): they are those of the EVSE's live session."""
    notes = list(request.notes)
    return ReadingsCommand(
        station_id=request.station_id,
        evse_number=read_whole(request.call.payload.get("evseId"), 0, "evseId", notes),
        transaction_id=None,
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=tuple(notes),
    )


def _authorize(requests: Sequence[Request]) -> list[call_result.Authorize]:
    commands = tuple(
        AuthoriseCommand(
            station_id=request.station_id,
            token=read_id_token(request.call.payload["idToken"], []),
            at=request.received_at,
        )
        for request in requests
    )
    statuses = sessions.authorise_tokens(commands)
    prices = personal_messages(
        {
            request.frame_id: (request, command.token)
            for request, command, status in zip(requests, commands, statuses, strict=True)
            if status is AuthorisationStatus.ACCEPTED
        }
    )
    return [
        call_result.Authorize(
            id_token_info={
                "status": AuthorizationStatusEnumType(status.value),
                "personal_message": prices.get(request.frame_id),
            }
        )
        for request, status in zip(requests, statuses, strict=True)
    ]


def _boot_notifications(requests: Sequence[Request]) -> list[call_result.BootNotification]:
    answers = []
    for request in requests:
        box = request.call.payload["chargingStation"]
        registration = stations.record_boot(
            station_id=request.station_id,
            vendor=box["vendorName"],
            model=box["model"],
            serial_number=box.get("serialNumber", ""),
            firmware_version=box.get("firmwareVersion", ""),
            at=request.received_at,
        )
        answers.append(
            call_result.BootNotification(
                current_time=timestamp(request.received_at),
                interval=conf.heartbeat_interval_s(),
                status=RegistrationStatusEnumType(registration.value),
            )
        )
    note_events(requests, EventKind.BOOT, _booted)
    return answers


def _booted(payload: dict[str, Any]) -> str:
    box = payload["chargingStation"]
    return f"{box['vendorName']} {box['model']} ({payload['reason']})"


def _heartbeats(requests: Sequence[Request]) -> list[call_result.Heartbeat]:
    return [call_result.Heartbeat(current_time=timestamp(request.received_at)) for request in requests]


def _status_notifications(requests: Sequence[Request]) -> list[call_result.StatusNotification]:
    sessions.record_connector_states(tuple(_state_command(request) for request in requests))
    note_events(
        [request for request in requests if request.call.payload["connectorStatus"] == ConnectorStatus.FAULTED],
        EventKind.FAULT,
        lambda payload: f"EVSE {payload['evseId']}, connector {payload['connectorId']}: faulted",
    )
    return [call_result.StatusNotification() for _ in requests]


def _state_command(request: Request) -> ConnectorStateCommand:
    payload = request.call.payload
    return ConnectorStateCommand(
        station_id=request.station_id,
        # A number that no row can hold is no connector that there is.
        evse_number=read_whole(payload["evseId"], -1, "evseId", []),
        connector_number=read_whole(payload["connectorId"], -1, "connectorId", []),
        status=ConnectorStatus(payload["connectorStatus"]),
        error_code="",
        at=read_at(payload, request.received_at, []),
        received_at=request.received_at,
        frame_id=request.frame_id,
    )


def _data_transfers(requests: Sequence[Request]) -> list[call_result.DataTransfer]:
    return [call_result.DataTransfer(status=DataTransferStatusEnumType.unknown_vendor_id) for _ in requests]


def _reservation_updates(requests: Sequence[Request]) -> list[call_result.ReservationStatusUpdate]:
    """Take over that a reservation has expired, or that the station cannot keep it (OCPP 2.0.1 H04, H01.FR.20)."""
    for request in requests:
        payload = request.call.payload
        place = {
            "station_id": request.station_id,
            "reservation_id": read_whole(payload["reservationId"], 0, "reservationId", []),
        }
        if payload["reservationUpdateStatus"] == ReservationUpdateStatusEnumType.expired:
            sessions.expire_reservation(**place, at=request.received_at, frame_id=request.frame_id)
        else:
            sessions.cancel_reservation(**place, at=request.received_at)
    return [call_result.ReservationStatusUpdate() for _ in requests]


def _security_events(requests: Sequence[Request]) -> list[call_result.SecurityEventNotification]:
    note_events(
        requests, EventKind.SECURITY, lambda payload: f"{payload['type']} {payload.get('techInfo', '')}".strip()
    )
    return [call_result.SecurityEventNotification() for _ in requests]


def _events(requests: Sequence[Request]) -> list[call_result.NotifyEvent]:
    """Note what a station alerts to (OCPP 2.0.1 N07); the rest of its monitoring stays in the raw frame."""
    alerting = [request for request in requests if any(map(_is_alert, request.call.payload["eventData"]))]
    note_events(alerting, EventKind.FAULT, _alerts)
    return [call_result.NotifyEvent() for _ in requests]


def _is_alert(event: dict[str, Any]) -> bool:
    is_problem = event["variable"]["name"] == "Problem" and str(event["actualValue"]).lower() == "true"
    return (is_problem or event["trigger"] == "Alerting") and not event.get("cleared", False)


def _alerts(payload: dict[str, Any]) -> str:
    return "; ".join(
        f"{event['component']['name']} {event['variable']['name']}: {event['actualValue']} "
        f"{event.get('techInfo', '')}".strip()
        for event in payload["eventData"]
        if _is_alert(event)
    )


def _no_certificates(requests: Sequence[Request]) -> list[call_result.SignCertificate]:
    return [call_result.SignCertificate(status=GenericStatusEnumType.rejected) for _ in requests]


def _no_ev_certificates(requests: Sequence[Request]) -> list[call_result.Get15118EVCertificate]:
    failed = Iso15118EVCertificateStatusEnumType.failed
    return [call_result.Get15118EVCertificate(status=failed, exi_response="") for _ in requests]


def _no_certificate_status(requests: Sequence[Request]) -> list[call_result.GetCertificateStatus]:
    return [call_result.GetCertificateStatus(status=GetCertificateStatusEnumType.failed) for _ in requests]


def _no_smart_charging(requests: Sequence[Request]) -> list[call_result.NotifyEVChargingNeeds]:
    rejected = NotifyEVChargingNeedsStatusEnumType.rejected
    return [call_result.NotifyEVChargingNeeds(status=rejected) for _ in requests]


def _schedules_heard(requests: Sequence[Request]) -> list[call_result.NotifyEVChargingSchedule]:
    return [call_result.NotifyEVChargingSchedule(status=GenericStatusEnumType.accepted) for _ in requests]


HANDLERS: Final[dict[str, Handler]] = {
    Action.authorize.value: _authorize,
    Action.boot_notification.value: _boot_notifications,
    Action.cleared_charging_limit.value: partial(acknowledge, call_result.ClearedChargingLimit),
    Action.data_transfer.value: _data_transfers,
    Action.firmware_status_notification.value: partial(acknowledge, call_result.FirmwareStatusNotification),
    Action.get_15118_ev_certificate.value: _no_ev_certificates,
    Action.get_certificate_status.value: _no_certificate_status,
    Action.heartbeat.value: _heartbeats,
    Action.log_status_notification.value: partial(acknowledge, call_result.LogStatusNotification),
    Action.meter_values.value: _meter_values,
    Action.notify_charging_limit.value: partial(acknowledge, call_result.NotifyChargingLimit),
    Action.notify_customer_information.value: partial(acknowledge, call_result.NotifyCustomerInformation),
    Action.notify_display_messages.value: partial(acknowledge, call_result.NotifyDisplayMessages),
    Action.notify_ev_charging_needs.value: _no_smart_charging,
    Action.notify_ev_charging_schedule.value: _schedules_heard,
    Action.notify_event.value: _events,
    Action.notify_monitoring_report.value: partial(acknowledge, call_result.NotifyMonitoringReport),
    Action.notify_report.value: notify_reports,
    Action.publish_firmware_status_notification.value: partial(
        acknowledge, call_result.PublishFirmwareStatusNotification
    ),
    Action.report_charging_profiles.value: partial(acknowledge, call_result.ReportChargingProfiles),
    Action.reservation_status_update.value: _reservation_updates,
    Action.security_event_notification.value: _security_events,
    Action.sign_certificate.value: _no_certificates,
    Action.status_notification.value: _status_notifications,
    Action.transaction_event.value: transaction_events,
}

COMMANDS: Final = frozenset(action.value for action in Action) - HANDLERS.keys() | {Action.data_transfer.value}
"""What we may ask of a station: every action that is not its own to send, and DataTransfer, which is both's."""
