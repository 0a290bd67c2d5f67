"""The versions of OCPP that are spoken here: one row each, so that nothing else asks which version it is."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.ocpp import v16, v201
from apps.ocpp.domain.frames import Call, Refusal
from apps.ocpp.domain.registers import Readings
from apps.ocpp.handling import Handler
from apps.ocpp.wire import SCHEMAS_16, SCHEMAS_201, SPELLED_IN_201, Schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What one version of OCPP makes of frames.

    protocol        as ``ChargingStation.protocol`` stores it
    subprotocol     as the websocket handshake names it (OCPP-J §3.1.2)
    handlers        by action, of the requests that a station may send
    commands        the actions that we may send
    readings_in     the register values of a request; their problems belong on the raw frame
    minimal_answer  to a transaction message that broke its handler; None for any other
    spelled         error codes that are spelled otherwise than in 1.6
    nameless        the error code for a frame without a readable message id
    """

    protocol: str
    subprotocol: str
    schemas: Schemas
    handlers: Mapping[str, Handler]
    commands: frozenset[str]
    readings_in: Callable[[Call], Readings]
    minimal_answer: Callable[[str], dict[str, Any] | None]
    spelled: Mapping[str, str]
    nameless: str | None = None

    def error_code(self, refusal: Refusal) -> str:
        """Return the code with which an unreadable frame is answered."""
        if refusal.message_id is None and self.nameless is not None:
            return self.nameless
        return self.spelled.get(refusal.error_code, refusal.error_code)


OCPP_16: Final = Version(
    protocol="1.6",
    subprotocol="ocpp1.6",
    schemas=SCHEMAS_16,
    handlers=v16.HANDLERS,
    commands=v16.COMMANDS,
    readings_in=v16.readings_in,
    minimal_answer=v16.minimal_answer,
    spelled={},
)
OCPP_201: Final = Version(
    protocol="2.0.1",
    subprotocol="ocpp2.0.1",
    schemas=SCHEMAS_201,
    handlers=v201.HANDLERS,
    commands=v201.COMMANDS,
    readings_in=v201.readings_in,
    minimal_answer=v201.minimal_answer,
    spelled=SPELLED_IN_201,
    nameless="RpcFrameworkError",
)

VERSIONS: Final = (OCPP_201, OCPP_16)
"""The newest first: that is the order in which they are chosen."""


def choose_version(offered: Collection[str], *, only: str = "") -> Version | None:
    """Choose among the subprotocols that a station offers; None: there is none in common.

    only  the one protocol that the station may speak; "": whatever it offers
    """
    for version in VERSIONS:
        if version.subprotocol in offered and only in ("", version.protocol):
            return version
    return None


def version_of(protocol: str) -> Version:
    """Return the version that a station's ``protocol`` names."""
    return next(version for version in VERSIONS if version.protocol == protocol)
