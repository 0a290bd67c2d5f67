"""What we ask of a station (OCPP 1.6): commands' rows to payloads, and whether an answer says yes."""

from typing import Any, Final

from ocpp.v16 import call

from apps.ocpp.wire import arguments, schema_verdict, to_wire

_CALLS: Final[dict[str, Any]] = {
    "RemoteStartTransaction": call.RemoteStartTransaction,
    "RemoteStopTransaction": call.RemoteStopTransaction,
    "UnlockConnector": call.UnlockConnector,
}
_YES: Final = frozenset({"Accepted", "Unlocked"})


class UnknownCallError(ValueError):
    """The command's row asks for nothing that can be put on the wire; its message says why."""


def payload_of(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a request, checked before a station sees it.

    :raises UnknownCallError: no such action here, or not its fields
    """
    if action not in _CALLS:
        raise UnknownCallError(f"{action} is not a command of ours")
    try:
        written = to_wire(_CALLS[action](**arguments(payload)))
    except TypeError as error:
        raise UnknownCallError(str(error)) from error
    verdict = schema_verdict(action, written)
    if verdict is not None:
        raise UnknownCallError(verdict.text)
    return written


def says_yes(answer: dict[str, Any]) -> bool:
    """Say whether a station's answer accepts what was asked."""
    return answer.get("status") in _YES if isinstance(answer.get("status"), str) else False
