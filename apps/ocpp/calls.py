"""What we ask of a station: commands' rows to payloads; what it answers is read by ``answers``."""

from typing import Any

from apps.ocpp.versions import Version


class UnknownCallError(ValueError):
    """The command's row asks for nothing that can be put on the wire; its message says why."""


def payload_of(version: Version, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a request, checked before a station sees it.

    :raises UnknownCallError: no such action in the version that the station speaks, or not its fields
    """
    if action not in version.commands:
        raise UnknownCallError(f"{action} is not a command of OCPP {version.protocol}")
    verdict = version.schemas.request_verdict(action, payload)
    if verdict is not None:
        raise UnknownCallError(verdict.text)
    return payload
