"""A station's security profile is raised over OCPP and never lowered (security whitepaper A05, OCPP 2.0.1 A05.FR.02).

Whoever holds the console must not be able to talk a station out of TLS; the way down is at the station itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apps.stations.models import ChargingStation, ConfigurationKey

_PROFILE: Final = "securityprofile"
_REPORTED: Final = ("SecurityProfile", "SecurityCtrlr.SecurityProfile")


class CommandRefused(ValueError):
    """The command is not sent; the message says why, for whoever asked."""


def refuse_lower_profile(*, station_id: int, action: str, payload: Mapping[str, Any]) -> None:
    """Check a command before it is written.

    :raises CommandRefused: it would lower the security profile, or asks for one that is no number
    """
    for asked in _asked_profiles(action, payload):
        if not asked.isascii() or not asked.isdecimal():
            raise CommandRefused(f"A security profile is 1, 2 or 3, not “{asked[:20]}”.")
        current = _current_profile(station_id)
        if int(asked) < current:
            raise CommandRefused(
                f"The station is on security profile {current}. A profile is never lowered over OCPP: it would open "
                f"the station to whoever holds this console. Do it at the station itself."
            )


def _asked_profiles(action: str, payload: Mapping[str, Any]) -> Iterator[str]:
    if action == "ChangeConfiguration" and _is_profile(payload.get("key")):
        yield str(payload.get("value", "")).strip()
    elif action == "SetVariables":
        for item in payload.get("setVariableData", ()):
            if _is_profile(item.get("variable", {}).get("name")):
                yield str(item.get("attributeValue", "")).strip()
    elif action == "SetNetworkProfile" and "securityProfile" in payload.get("connectionData", {}):
        yield str(payload["connectionData"]["securityProfile"])


def _is_profile(name: object) -> bool:
    # Names are compared without case (OCPP 1.6 §9, 2.0.1 part 2).
    return isinstance(name, str) and name.strip().lower() == _PROFILE


def _current_profile(station_id: int) -> int:
    """Return the profile the station is known to be on: what it said, came by or is held to, whichever is highest."""
    station = ChargingStation.objects.get(pk=station_id)
    said = ConfigurationKey.objects.filter(station_id=station_id, name__in=_REPORTED).values_list("value", flat=True)
    numbers = (int(value) for value in said if value.isascii() and value.isdecimal())
    return max(station.security_profile, station.used_profile or 0, *numbers)
