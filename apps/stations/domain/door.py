"""Which way in a station takes: the security profiles (OCPP 1.6 security whitepaper §2.1, OCPP 2.0.1 part 2 A00)."""

from dataclasses import dataclass
from enum import IntEnum


class SecurityProfile(IntEnum):
    """How a station proves who it is; a higher one is never worse."""

    BASIC = 1
    BASIC_OVER_TLS = 2
    CLIENT_CERTIFICATE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The subject of a client certificate that was verified: each of its CN and O, in their order."""

    common_names: tuple[str, ...]
    organisations: tuple[str, ...]

    def fits(self, *, serial: str, operator: str) -> bool:
        """Say whether it names this station of this operator (A00.FR.429, 430); two names of a kind fit nobody."""
        return bool(serial and operator) and (self.common_names, self.organisations) == ((serial,), (operator,))


def shown_profile(*, is_encrypted: bool, has_key: bool, has_certificate: bool) -> SecurityProfile | None:
    """Return the highest profile that a connection fulfils; None: it proves nothing.

    has_key  the right one · has_certificate: one that fits the station
    """
    if is_encrypted and has_certificate:
        return SecurityProfile.CLIENT_CERTIFICATE
    if not has_key:
        return None
    return SecurityProfile.BASIC_OVER_TLS if is_encrypted else SecurityProfile.BASIC
