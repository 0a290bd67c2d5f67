"""What a station's answer to a command means: yes or no, and what is known of the station from then on.

The first outcome of a command wins; only the answer that ends it has an effect.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from django.db import transaction

from apps.ocpp.versions import version_of
from apps.sessions import services as sessions
from apps.stations import services as stations
from apps.stations.domain.operating import variable_name
from apps.stations.models import StationCommand
from apps.stations.selectors import read_reservation
from apps.stations.services import ReportedKey

_YES: Final = frozenset({"Accepted", "AcceptedCanceled", "Unlocked", "Scheduled", "RebootRequired"})
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "SetVariables": ("setVariableResult", "attributeStatus"),
    "GetVariables": ("getVariableResult", "attributeStatus"),
}
"""Actions of 2.0.1 that are answered part by part: where the parts stand, and a part's verdict."""

Effect: TypeAlias = Callable[[StationCommand, Mapping[str, Any], datetime], None]


@transaction.atomic
def take_answer(
    *,
    station_id: int,
    message_id: str,
    payload: Mapping[str, Any] | None,
    error: Mapping[str, Any] | None,
    at: datetime,
) -> bool:
    """End the command that an answer names and draw its consequences; False: it ended no open command.

    payload  of a CALLRESULT · error: what a CALLERROR says, or why the command was not sent; one of the two is None
    """
    command = (
        StationCommand.objects.filter(station_id=station_id, message_id=message_id).select_related("station").first()
    )
    if command is None:
        return False
    accepted = payload is not None and says_yes(command, payload)
    ended = stations.finish_command(
        station_id=station_id,
        message_id=message_id,
        accepted=accepted,
        answer=error if payload is None else payload,
        at=at,
    )
    if ended and accepted and payload is not None and command.action in _EFFECTS:
        _EFFECTS[command.action](command, payload, at)
    return ended


def says_yes(command: StationCommand, payload: Mapping[str, Any]) -> bool:
    """Say whether a station's answer accepts what was asked; what has no verdict is accepted by being answered."""
    if command.action in _PARTS:
        name, verdict = _PARTS[command.action]
        parts = [part for part in _list(payload, name) if isinstance(part, Mapping)]
        judged = [part.get(verdict) in _YES for part in parts]
        # What was read is worth having even if another name was unknown; what was set is set all of it or not.
        return any(judged) if command.action == "GetVariables" else bool(judged) and all(judged)
    if "status" in payload or _must_have_status(command):
        status = payload.get("status")
        return isinstance(status, str) and status in _YES
    return True


def _must_have_status(command: StationCommand) -> bool:
    schemas = version_of(command.station.protocol).schemas
    if command.action not in schemas.actions:
        return True
    return "status" in schemas.document(f"{command.action}Response").get("required", ())


def _read_keys(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    """Keep the answer to GetConfiguration (OCPP 1.6 §6.24)."""
    entries = [
        ReportedKey(name=item["key"], value=_text(item.get("value")), is_readonly=_flag(item.get("readonly")))
        for item in _list(payload, "configurationKey")
        if isinstance(item, Mapping) and isinstance(item.get("key"), str)
    ]
    stations.record_configuration(station_id=command.station_id, entries=entries, at=at)


def _read_variables(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    """Keep the answer to GetVariables (OCPP 2.0.1 B06)."""
    stations.record_configuration(station_id=command.station_id, entries=list(_variables(payload)), at=at)


def _variables(payload: Mapping[str, Any]) -> Iterator[ReportedKey]:
    for item in _list(payload, "getVariableResult"):
        if item.get("attributeStatus") == "Accepted" and item.get("attributeType", "Actual") == "Actual":
            name = variable_name(item.get("component", {}), item.get("variable", {}))
            yield ReportedKey(name=name, value=_text(item.get("attributeValue")))


def _note_change(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    """Keep what a station agreed to (OCPP 1.6 ChangeConfiguration, 2.0.1 SetVariables)."""
    if command.action == "ChangeConfiguration":
        changed = [(str(command.payload["key"]), str(command.payload["value"]))]
    else:
        changed = [
            (variable_name(item["component"], item["variable"]), str(item["attributeValue"]))
            for item in command.payload["setVariableData"]
        ]
    entries = [ReportedKey(name=name, value=value) for name, value in changed]
    stations.record_configuration(station_id=command.station_id, entries=entries, at=at)


def _note_list(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    stations.record_local_list(station_id=command.station_id, payload=command.payload, at=at)


def _note_cache(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    # Whoever charged between the sending and the answer may be remembered again: the sending counts.
    stations.record_cache_cleared(station_id=command.station_id, at=command.sent_at or at)


def _note_reservation(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    kept = read_reservation(command.payload)
    sessions.record_reservation(
        station_id=command.station_id,
        reservation_id=kept.reservation_id,
        evse_number=kept.evse_number,
        token=kept.token,
        expires_at=kept.expires_at,
        at=at,
    )


def _note_cancelled(command: StationCommand, payload: Mapping[str, Any], at: datetime) -> None:
    sessions.cancel_reservation(station_id=command.station_id, reservation_id=command.payload["reservationId"], at=at)


def _list(payload: Mapping[str, Any], name: str) -> list[Any]:
    found = payload.get(name)
    return found if isinstance(found, list) else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_EFFECTS: Final[Mapping[str, Effect]] = {
    "CancelReservation": _note_cancelled,
    "ChangeConfiguration": _note_change,
    "ClearCache": _note_cache,
    "GetConfiguration": _read_keys,
    "GetVariables": _read_variables,
    "ReserveNow": _note_reservation,
    "SendLocalList": _note_list,
    "SetVariables": _note_change,
}
