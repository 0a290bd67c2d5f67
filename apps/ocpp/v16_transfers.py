"""OCPP 1.6 DataTransfer: of all that makers may send, only what is agreed on about costs is known here.

The application note "OCPP & California Pricing Requirements" of the Open Charge Alliance (§3.4) has a station say when
a cable came out after the stop, reliably: idling ends then, whatever became of its StatusNotification.
"""

from collections.abc import Sequence
from typing import Any

from ocpp.v16 import call_result
from ocpp.v16.enums import DataTransferStatus

from apps.ocpp.domain.instants import read_instant
from apps.ocpp.handling import Request, read_whole
from apps.sessions import services as sessions
from apps.sessions.domain.commands import VehicleStateCommand
from apps.sessions.domain.states import ReportedState
from apps.stations.domain.display import CONNECTOR_UNPLUGGED, COST_VENDOR
from apps.tariffs.domain.json_text import JsonError, load_json


def data_transfers(requests: Sequence[Request]) -> list[call_result.DataTransfer]:
    """Take what is known, and say of the rest what is not."""
    read = [_unplugged(request) for request in requests]
    sessions.record_vehicle_states(tuple(one for one in read if isinstance(one, VehicleStateCommand)))
    accepted = DataTransferStatus.accepted
    return [call_result.DataTransfer(status=accepted if isinstance(one, VehicleStateCommand) else one) for one in read]


def _unplugged(request: Request) -> VehicleStateCommand | DataTransferStatus:
    payload = request.call.payload
    if payload["vendorId"] != COST_VENDOR:
        return DataTransferStatus.unknown_vendor_id
    if payload.get("messageId") != CONNECTOR_UNPLUGGED:
        return DataTransferStatus.unknown_message_id
    data, notes = _data(payload.get("data")), list[str]()
    transaction_id = read_whole(data.get("transactionId"), 0, "transactionId", notes)
    at, _ = read_instant(data.get("timestamp"))
    if transaction_id <= 0 or at is None:
        return DataTransferStatus.rejected
    return VehicleStateCommand(
        station_id=request.station_id,
        transaction_id=transaction_id,
        state=ReportedState.GONE,
        # The station says so itself, in its StatusNotification.
        connector_status=None,
        connector_number=None,
        at=at,
        received_at=request.received_at,
        frame_id=request.frame_id,
    )


def _data(text: Any) -> dict[str, Any]:
    try:
        value = load_json(text) if isinstance(text, str) else None
    except JsonError:
        return {}
    return value if isinstance(value, dict) else {}
