"""TransactionEvent (OCPP 2.0.1 E): one message for the start, the course and the end of a transaction.

The natural key is (station, transactionId). Nothing depends on ``seqNo``, which many stations leave at 0, nor on the
order of arrival: a queue told after an outage may come in any. Each event may be the first that is heard of its
transaction, and any may bring the id token. Whatever an event says, its answer is valid: ``{}``, or what the id token
in it is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from ocpp.v201 import call_result
from ocpp.v201.enums import AuthorizationStatusEnumType

from apps.ocpp.handling import (
    MAX_TOKEN_CHARS,
    Request,
    ask_about_second_ends,
    ask_for_review,
    for_review,
    read_at,
    read_token,
    read_whole,
)
from apps.ocpp.price_answers import NOTHING_TOLD, Told, told_of_sessions
from apps.sessions import services as sessions
from apps.sessions.domain.clocks import believed_at
from apps.sessions.domain.commands import (
    AuthorisationStatus,
    EndCommand,
    MeterSample,
    Phase,
    ReadingsCommand,
    StartCommand,
    StartOutcome,
    VehicleStateCommand,
)
from apps.sessions.domain.states import UNPLUGGED, ReportedState
from apps.stations.domain.status import ConnectorStatus
from apps.stations.selectors import find_remote_starts

_MAX_REF_CHARS: Final = 36
_NO_TOKEN: Final = "NoAuthorization"  # noqa: S105 - a type of id token, no secret.
_BEGIN: Final = "Transaction.Begin"
_END: Final = "Transaction.End"

_CHARGING_STATES: Final = {
    "Charging": (ReportedState.CHARGING, ConnectorStatus.CHARGING),
    "SuspendedEV": (ReportedState.IDLE, ConnectorStatus.SUSPENDED_EV),
    "SuspendedEVSE": (ReportedState.HELD_BACK, ConnectorStatus.SUSPENDED_EVSE),
    "EVConnected": (ReportedState.IDLE, ConnectorStatus.OCCUPIED),
    "Idle": (ReportedState.GONE, None),
}
"""ChargingStateEnumType → what it says of the vehicle, and of the connector. Its Idle is no idling: no cable is in."""
_USED_TWICE: Final = "a transaction begins under the id of one that has ended; what it delivers is in no session"
_AFTER_THE_END: Final = ("EVConnected", "Idle")
"""What an Ended event may say of the time after it; any other state is that of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """An event as far as it can be read.

    command          None: it names no transaction
    remote_start_id  of our RequestStartTransaction; 0: none
    """

    request: Request
    phase: Phase | None
    token: str
    at: datetime
    command: StartCommand | None
    remote_start_id: int
    connector_number: int | None
    charging_state: Any
    reason: str


def transaction_events(requests: Sequence[Request]) -> list[call_result.TransactionEvent]:
    """Carry out the events, whatever order they come in, and answer each."""
    events = _bound_to_commands([_read(request) for request in requests])
    ask_for_review(
        (event.request, "an event of a transaction that is neither Started, Updated nor Ended")
        for event in events
        if event.phase is None
    )
    ask_for_review(
        (event.request, "a transaction event without a transaction id") for event in events if event.command is None
    )
    placed = [event for event in events if event.command is not None]
    outcomes = sessions.follow_transactions(tuple(event.command for event in placed if event.command is not None))
    told = list(zip(placed, outcomes, strict=True))
    ask_for_review((event.request, _USED_TWICE) for event, outcome in told if _begins_anew(event, outcome))
    sessions.record_readings(tuple(_readings(*pair) for pair in told if pair[0].phase is not Phase.ENDED))
    ends = tuple(_end(*pair) for pair in told if pair[0].phase is Phase.ENDED)
    ask_about_second_ends(zip(ends, sessions.end_sessions(ends), strict=True))
    sessions.record_vehicle_states(tuple(state for pair in told if (state := _vehicle_state(*pair)) is not None))
    by_frame = {event.request.frame_id: outcome for event, outcome in told}
    prices = told_of_sessions([pair for each in told if (pair := _priced(*each)) is not None])
    return [
        _answer(event, by_frame.get(event.request.frame_id), prices.get(event.request.frame_id, NOTHING_TOLD))
        for event in events
    ]


def read_id_token(value: Any, notes: list[str]) -> str:
    """Read an IdTokenType (OCPP 2.0.1 part 2 §2.25); "" where it names nobody."""
    if not isinstance(value, dict) or value.get("type") == _NO_TOKEN:
        return ""
    return (read_token(value.get("idToken"), "idToken", notes) or "").strip()


def _read(request: Request) -> _Event:
    payload, notes = request.call.payload, list(request.notes)
    info = payload["transactionInfo"] if isinstance(payload.get("transactionInfo"), dict) else {}
    evse = payload["evse"] if isinstance(payload.get("evse"), dict) else {}
    kind = payload.get("eventType")
    phase = Phase(kind) if kind in tuple(Phase) else None
    token = read_id_token(payload.get("idToken"), notes)
    at = read_at(payload, request.received_at, notes)
    ref = _read_ref(info.get("transactionId"), notes)
    return _Event(
        request=request,
        phase=phase,
        token=token,
        at=at,
        command=None
        if ref is None
        else StartCommand(
            station_id=request.station_id,
            evse_number=read_whole(evse["id"], 0, "evse.id", notes) if "id" in evse else 0,
            id_token=token,
            meter_start_milliwh=_begin_reading(request, phase),
            started_at=at,
            received_at=request.received_at,
            frame_id=request.frame_id,
            notes=for_review(notes),
            transaction_ref=ref,
            phase=phase or Phase.UPDATED,
            reservation_id=read_whole(payload.get("reservationId", 0), 0, "reservationId", []),
        ),
        remote_start_id=read_whole(info["remoteStartId"], 0, "remoteStartId", []) if "remoteStartId" in info else 0,
        connector_number=read_whole(evse["connectorId"], 0, "connectorId", []) or None
        if "connectorId" in evse
        else None,
        charging_state=info.get("chargingState"),
        reason=_reason(info, payload.get("triggerReason")),
    )


def _read_ref(value: Any, notes: list[str]) -> str | None:
    """Read a transaction id, which is the station's own; None: it has none.

    One that is too long is shortened to what still tells it from others, for a person to look at.
    """
    text = str(value) if type(value) in (int, str) else ""
    if not text.strip():
        return None
    if len(text) > _MAX_REF_CHARS:
        notes.append(f"transactionId is too long: {text[:40]!r}")
        return sha256(text.encode()).hexdigest()[:_MAX_REF_CHARS]
    return text


def _begin_reading(request: Request, phase: Phase | None) -> int | None:
    """Return the register at the transaction's begin: as marked in any event, else the first value of Started."""
    samples = request.values.readings
    marked = [sample for sample in samples if sample.context == _BEGIN]
    first = next(iter(marked or (samples if phase is Phase.STARTED else ())), None)
    return None if first is None else first.energy_milliwh


def _end_reading(samples: Sequence[MeterSample]) -> int | None:
    """Return the register at the transaction's end: as marked, else the last value of Ended."""
    marked = [sample for sample in samples if sample.context == _END]
    others = [sample for sample in samples if sample.context != _BEGIN]
    told = marked or others
    return told[-1].energy_milliwh if told else None


def _reason(info: dict[str, Any], trigger: Any) -> str:
    reason = info.get("stoppedReason")
    if isinstance(reason, str):
        return reason[:20]
    # The reason may be left out where it is Local (OCPP 2.0.1 part 2 §3.67), and is where the vehicle has just left.
    return UNPLUGGED if trigger in ("EVDeparted", "EVCommunicationLost") else "Local"


def _bound_to_commands(events: Sequence[_Event]) -> list[_Event]:
    """Take token and EVSE, where an event says neither, from the RequestStartTransaction that it follows."""
    asked = find_remote_starts(
        {(event.request.station_id, event.remote_start_id) for event in events} if events else ()
    )
    bound = []
    for event in events:
        command = asked.get((event.request.station_id, event.remote_start_id))
        if command is not None and event.command is not None:
            token = event.token or str(command.payload["idToken"]["idToken"])[:MAX_TOKEN_CHARS]
            evse_number = event.command.evse_number or int(command.payload.get("evseId", 0))
            start = replace(event.command, id_token=token, evse_number=evse_number)
            event = replace(event, command=start)
        bound.append(event)
    return bound


def _begins_anew(event: _Event, outcome: StartOutcome) -> bool:
    """Tell whether a station uses an id again, which OCPP 2.0.1 forbids (E01.FR.08) and a reset counter does."""
    return event.phase is Phase.STARTED and outcome.ended_at is not None and event.at > outcome.ended_at


def _readings(event: _Event, outcome: StartOutcome) -> ReadingsCommand:
    request = event.request
    return ReadingsCommand(
        station_id=request.station_id,
        evse_number=0,
        transaction_id=outcome.transaction_id,
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=request.notes,
    )


def _end(event: _Event, outcome: StartOutcome) -> EndCommand:
    request = event.request
    return EndCommand(
        station_id=request.station_id,
        transaction_id=outcome.transaction_id,
        id_token=event.token or None,
        meter_stop_milliwh=_end_reading(request.values.readings),
        ended_at=event.at,
        reason=event.reason,
        samples=request.values.readings,
        measured=request.values.measured,
        signed=request.values.signed,
        received_at=request.received_at,
        frame_id=request.frame_id,
        notes=for_review(request.notes),
    )


def _vehicle_state(event: _Event, outcome: StartOutcome) -> VehicleStateCommand | None:
    name = event.charging_state
    if not isinstance(name, str) or name not in _CHARGING_STATES:
        return None
    if event.phase is Phase.ENDED and name not in _AFTER_THE_END:
        return None
    state, status = _CHARGING_STATES[name]
    return VehicleStateCommand(
        station_id=event.request.station_id,
        transaction_id=outcome.transaction_id,
        state=state,
        connector_status=status,
        connector_number=event.connector_number,
        at=event.at,
        received_at=event.request.received_at,
        frame_id=event.request.frame_id,
    )


def _priced(event: _Event, outcome: StartOutcome) -> tuple[Request, int, bool] | None:
    """Return whose price the answer may tell, and whether in the end: when a card was read, and then."""
    is_end = event.phase is Phase.ENDED
    return (event.request, outcome.session_id, is_end) if is_end or event.token else None


def _answer(event: _Event, outcome: StartOutcome | None, told: Told) -> call_result.TransactionEvent:
    """Say what the event's id token is worth, and what the session costs, if the display is to show it.

    One without a token is only acknowledged (OCPP 2.0.1 E01.FR.11).
    """
    price = {"total_cost": told.total_cost, "updated_personal_message": told.message}
    if not event.token:
        return call_result.TransactionEvent(**price)
    if outcome is not None and outcome.speaks_of(event.token):
        status: AuthorisationStatus = outcome.status
    else:
        request = event.request
        at = believed_at(event.at, request.received_at)
        status = sessions.authorise(token=event.token, station_id=request.station_id, at=at)
    info = {"status": AuthorizationStatusEnumType(status.value)}
    return call_result.TransactionEvent(id_token_info=info, **price)
