"""What people ask of a station in the day's work, written as its version of OCPP has it: action and payload.

Beside ``calls``, which holds what lets a charge begin and end. EVSE number 0 or None is the whole station.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from apps.stations.domain.calls import PROTOCOL_201, StationCall

_RFID: Final = re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})", re.ASCII)
_VARIABLE: Final = re.compile(
    r"(?P<component>[^\[\]@.]+)(?:\[(?P<component_instance>[^\]]*)\])?(?:@(?P<evse>\d{1,5})(?::(?P<connector>\d{1,5}))?)?"
    r"\.(?P<variable>[^\[\]]+)(?:\[(?P<variable_instance>[^\]]*)\])?",
    re.ASCII,
)

MOST_TOKEN_CHARS: Final = {"1.6": 20, "2.0.1": 36}
"""OCPP 1.6 §7.28, 2.0.1 IdTokenType."""
TRIGGERS: Final[Mapping[str, tuple[str, ...]]] = {
    "1.6": (
        "BootNotification",
        "StatusNotification",
        "MeterValues",
        "Heartbeat",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
    ),
    "2.0.1": (
        "BootNotification",
        "StatusNotification",
        "MeterValues",
        "TransactionEvent",
        "Heartbeat",
        "LogStatusNotification",
        "FirmwareStatusNotification",
    ),
}
"""What TriggerMessage can ask for (OCPP 1.6 §7.31; 2.0.1 MessageTriggerEnumType without certificates)."""


class UnknownVariable(ValueError):
    """The text names no variable of OCPP 2.0.1; the message says how one is written."""


class ResetKind(StrEnum):
    """Soft lets what runs come to its end first (2.0.1: OnIdle); hard does not (Immediate)."""

    SOFT = "soft"
    HARD = "hard"


class ListUpdate(StrEnum):
    """OCPP 1.6 §7.47 UpdateType."""

    FULL = "Full"
    DIFFERENTIAL = "Differential"


def reset_call(protocol: str, kind: ResetKind) -> StationCall:
    """Ask for a restart (OCPP 1.6 §5.14, 2.0.1 B11–B12)."""
    if protocol == PROTOCOL_201:
        return "Reset", {"type": "OnIdle" if kind is ResetKind.SOFT else "Immediate"}
    return "Reset", {"type": "Soft" if kind is ResetKind.SOFT else "Hard"}


def availability_call(protocol: str, *, is_operative: bool, evse_number: int | None) -> StationCall:
    """Take the station or one of its EVSEs out of service, or back (OCPP 1.6 §5.2, 2.0.1 G03–G04)."""
    wanted = "Operative" if is_operative else "Inoperative"
    if protocol != PROTOCOL_201:
        return "ChangeAvailability", {"connectorId": evse_number or 0, "type": wanted}
    place = {"evse": {"id": evse_number}} if evse_number else {}
    return "ChangeAvailability", {"operationalStatus": wanted, **place}


def read_configuration_call(protocol: str, names: Sequence[str], *, request_id: int) -> StationCall:
    """Ask for settings by name; for all of them where none is named (OCPP 1.6 §5.8, 2.0.1 B06–B07).

    request_id  under which a 2.0.1 station reports all

    :raises UnknownVariable: a name is no variable of 2.0.1
    """
    if protocol != PROTOCOL_201:
        return "GetConfiguration", {"key": list(names)} if names else {}
    if not names:
        return "GetBaseReport", {"requestId": request_id, "reportBase": "FullInventory"}
    return "GetVariables", {"getVariableData": [read_variable_name(name) for name in names]}


def change_configuration_call(protocol: str, *, name: str, value: str) -> StationCall:
    """Ask that a setting be changed (OCPP 1.6 §5.3, 2.0.1 B05).

    :raises UnknownVariable: the name is no variable of 2.0.1
    """
    if protocol != PROTOCOL_201:
        return "ChangeConfiguration", {"key": name, "value": value}
    return "SetVariables", {"setVariableData": [{**read_variable_name(name), "attributeValue": value}]}


def trigger_call(protocol: str, *, message: str, evse_number: int | None) -> StationCall:
    """Ask that the station say something now (OCPP 1.6 §5.17, 2.0.1 F06)."""
    if protocol != PROTOCOL_201:
        place: dict[str, object] = {"connectorId": evse_number} if evse_number else {}
    else:
        place = {"evse": {"id": evse_number}} if evse_number else {}
    return "TriggerMessage", {"requestedMessage": message, **place}


def clear_cache_call() -> StationCall:
    """Ask that all remembered cards be forgotten (OCPP 1.6 §5.4, 2.0.1 C11)."""
    return "ClearCache", {}


def local_list_call(
    protocol: str, *, version: int, update: ListUpdate, added: Sequence[str], removed: Sequence[str] = ()
) -> StationCall:
    """Send the local list, or what changed in it (OCPP 1.6 §5.15, 2.0.1 D01); a card without info is removed."""
    if protocol != PROTOCOL_201:
        listed = [{"idTag": uid, "idTagInfo": {"status": "Accepted"}} for uid in added]
        entries = [*listed, *({"idTag": uid} for uid in removed)]
        return "SendLocalList", {
            "listVersion": version,
            "updateType": update.value,
            "localAuthorizationList": entries,
        }
    told = [{"idToken": id_token(uid), "idTokenInfo": {"status": "Accepted"}} for uid in added]
    listed_201 = [*told, *({"idToken": id_token(uid)} for uid in removed)]
    payload: dict[str, object] = {"versionNumber": version, "updateType": update.value}
    # 2.0.1 demands at least one entry where there are any: an empty list is left out.
    return "SendLocalList", {**payload, **({"localAuthorizationList": listed_201} if listed_201 else {})}


def entries_of(payload: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Read a SendLocalList of either version: (uids added, uids removed)."""
    added: list[str] = []
    removed: list[str] = []
    for entry in payload.get("localAuthorizationList", ()):
        uid = entry["idTag"] if "idTag" in entry else entry["idToken"]["idToken"]
        (added if "idTagInfo" in entry or "idTokenInfo" in entry else removed).append(uid)
    return added, removed


def version_in(payload: Mapping[str, Any]) -> int:
    """Read the list's version out of a SendLocalList of either version."""
    return int(payload["listVersion"] if "listVersion" in payload else payload["versionNumber"])


def reserve_call(
    protocol: str, *, reservation_id: int, evse_number: int, token: str, expires_at: datetime
) -> StationCall:
    """Keep an EVSE for a card until an instant (OCPP 1.6 §5.13, 2.0.1 H01)."""
    until = expires_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if protocol != PROTOCOL_201:
        return "ReserveNow", {
            "connectorId": evse_number,
            "expiryDate": until,
            "idTag": token,
            "reservationId": reservation_id,
        }
    return "ReserveNow", {
        "id": reservation_id,
        "expiryDateTime": until,
        "idToken": id_token(token),
        "evseId": evse_number,
    }


def cancel_reservation_call(*, reservation_id: int) -> StationCall:
    """Give up a reservation (OCPP 1.6 §5.1, 2.0.1 H02)."""
    return "CancelReservation", {"reservationId": reservation_id}


def id_token(uid: str) -> dict[str, object]:
    """Write a card as OCPP 2.0.1 names it: a reader's serial number is ISO 14443, anything else the system's own."""
    return {"idToken": uid, "type": "ISO14443" if _RFID.fullmatch(uid) else "Central"}


def variable_name(component: Mapping[str, Any], variable: Mapping[str, Any]) -> str:
    """Write a variable of OCPP 2.0.1 in one line: ``Component[instance]@evse:connector.Variable[instance]``."""
    evse = component.get("evse") or {}
    place = f"@{evse.get('id')}" if evse else ""
    if evse.get("connectorId") is not None:
        place += f":{evse['connectorId']}"
    return f"{_with_instance(component)}{place}.{_with_instance(variable)}"


def _with_instance(part: Mapping[str, Any]) -> str:
    return f"{part.get('name', '')}[{part['instance']}]" if part.get("instance") else str(part.get("name", ""))


def read_variable_name(text: str) -> dict[str, object]:
    """Read what ``variable_name`` writes.

    :raises UnknownVariable: it is not written so
    """
    found = _VARIABLE.fullmatch(text.strip())
    if found is None:
        raise UnknownVariable(f"“{text[:60]}” is no variable: write Component.Variable, such as AuthCtrlr.Enabled.")
    component: dict[str, object] = {"name": found["component"]}
    if found["component_instance"]:
        component["instance"] = found["component_instance"]
    if found["evse"]:
        connector = {"connectorId": int(found["connector"])} if found["connector"] else {}
        component["evse"] = {"id": int(found["evse"]), **connector}
    variable: dict[str, object] = {"name": found["variable"]}
    if found["variable_instance"]:
        variable["instance"] = found["variable_instance"]
    return {"component": component, "variable": variable}
