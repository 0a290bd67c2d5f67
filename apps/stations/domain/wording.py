"""How a command stands, in a sentence for whoever asked."""

from collections.abc import Mapping
from typing import Any, Final

from apps.stations.domain.status import CommandStatus

_WORDS: Final[Mapping[str, str]] = {
    "Accepted": "The station accepted it.",
    "AcceptedCanceled": "The station accepted it and gave up what it was doing instead.",
    "Unlocked": "The cable is free.",
    "Scheduled": "The station will do it once the running session is over.",
    "RebootRequired": "The station accepted it; it counts after the next restart.",
    "Rejected": "The station refused it.",
    "NotSupported": "The station does not support this.",
    "NotImplemented": "The station does not know this message.",
    "UnlockFailed": "The station could not let go of the cable.",
    "OngoingAuthorizedTransaction": "A session is running there: stop it first.",
    "UnknownConnector": "The station knows no such connector.",
    "Occupied": "The connector is in use.",
    "Faulted": "The connector is out of order.",
    "Unavailable": "The connector is out of service.",
    "Failed": "The station could not do it.",
    "VersionMismatch": "The station holds another version of the list: send the whole list.",
    "UnknownMessageId": "The station knows no such message of this maker.",
    "UnknownVendorId": "The station knows no such maker.",
    "UnknownComponent": "The station has no such component.",
    "UnknownVariable": "The station has no such variable.",
    "NotSupportedAttributeType": "The variable has no such attribute.",
    "InvalidURL": "The station cannot use this address.",
    "NoTransaction": "The station knows no such session.",
}


_ASKED: Final[Mapping[str, str]] = {
    "RemoteStartTransaction": "Start",
    "RequestStartTransaction": "Start",
    "RemoteStopTransaction": "Stop",
    "RequestStopTransaction": "Stop",
    "UnlockConnector": "Unlock",
    "Reset": "Restart",
    "ChangeAvailability": "Availability",
    "ReserveNow": "Reserve",
    "CancelReservation": "Cancel the reservation",
    "ClearCache": "Forget cards",
    "SendLocalList": "Local list",
    "GetLocalListVersion": "Local list's version",
    "ChangeConfiguration": "Settings",
    "GetConfiguration": "Settings",
    "SetVariables": "Settings",
    "GetVariables": "Settings",
    "TriggerMessage": "Report",
    "UpdateFirmware": "Firmware",
}


def asked_in_words(action: str) -> str:
    """Say what a command asks for, as its button does; the message's own name where it has no button."""
    return _ASKED.get(action, action)


def command_in_words(
    *, action: str, status: str, answer: Mapping[str, Any] | None, was_sent: bool, is_online: bool
) -> str:
    """Say how a command stands: what it waits for, what the station answered, or why there is no answer."""
    match CommandStatus(status):
        case CommandStatus.REQUESTED:
            return "On its way." if is_online else "Waits for the station to come online."
        case CommandStatus.SENT:
            return "Sent. Waits for the answer."
        case CommandStatus.TIMED_OUT:
            return "No answer in time." if was_sent else "The station did not come online in time; it was never sent."
        case _:
            return _answer_in_words(action, answer or {})


def _answer_in_words(action: str, answer: Mapping[str, Any]) -> str:
    if "error_code" in answer:
        code, said = str(answer["error_code"]), str(answer.get("description") or "")
        words = _WORDS.get(code, f"The station answered an error: {code}.")
        return f"{words} {said}".strip()
    if "error" in answer:
        return f"It was not sent: {answer['error']}"
    if action == "GetConfiguration":
        return _read(len(answer.get("configurationKey") or ()), answer.get("unknownKey") or ())
    for name in ("getVariableResult", "setVariableResult"):
        if name in answer:
            return _parts_in_words(answer[name])
    status = answer.get("status")
    if status is None:
        return "The station answered." if answer else "The station took note."
    reason = answer.get("statusInfo") if isinstance(answer.get("statusInfo"), Mapping) else {}
    extra = f" ({reason['reasonCode']})" if reason and reason.get("reasonCode") else ""
    return _WORDS.get(str(status), f"The station answered {str(status)[:40]}.") + extra


def _read(count: int, unknown: Any) -> str:
    words = f"{count} setting{'' if count == 1 else 's'} read."
    return f"{words} Unknown to the station: {', '.join(map(str, unknown))[:200]}." if unknown else words


def _parts_in_words(parts: Any) -> str:
    said = [str(part.get("attributeStatus")) for part in parts if isinstance(part, Mapping)]
    good = sum(status in ("Accepted", "RebootRequired") for status in said)
    bad = sorted({_WORDS.get(status, status) for status in said if status not in ("Accepted", "RebootRequired")})
    later = " Some count after the next restart." if "RebootRequired" in said else ""
    return f"{good} of {len(said)} accepted.{later} {' '.join(bad)}".strip()
