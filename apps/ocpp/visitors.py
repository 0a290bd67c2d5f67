"""Who knocks: what a websocket handshake says of the one at the door, before any of it is believed.

What a proxy says of its client (address, TLS, certificate) counts only from the setting TRUSTED_PROXIES; from anybody
else the same headers are noise. ``apps.ocpp.server`` notes the real peer of the TCP connection; without it no proxy is
trusted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from apps.ocpp import conf
from apps.ocpp.authentication import read_key
from apps.stations.domain.door import Certificate

# What proxies write in a subject beside the names that RFC 4514 knows; without it they would hide the rest.
_OTHER_NAMES: Final = {
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One who wants in.

    identity      of the path; anything may stand there
    address       the client's, as far as it is known; behind a trusted proxy, what that says
    is_encrypted  it speaks TLS, with us or with a trusted proxy
    certificate   its client certificate, verified by us or by a trusted proxy
    key           of its Basic header
    subprotocols  as offered
    """

    identity: str
    address: str
    is_encrypted: bool
    certificate: Certificate | None
    key: bytes | None = field(repr=False)
    subprotocols: tuple[str, ...]


def visitor_of(scope: Mapping[str, Any]) -> Visitor:
    """Read an ASGI scope of a websocket to ``/ocpp/<identity>``."""
    extensions = scope.get("extensions", {})
    peer = extensions.get("peer")
    client = scope.get("client")
    address = peer["address"] if peer is not None else client[0] if client else ""
    is_encrypted = peer["is_encrypted"] if peer is not None else scope.get("scheme") == "wss"
    subject = extensions.get("tls", {}).get("client_cert_name")
    if peer is not None and _is_trusted(address):
        headers = _Headers(scope["headers"])
        address = _forwarded_address(headers) or address
        is_encrypted = headers.only(b"x-forwarded-proto") in ("https", "wss")
        subject = headers.only(conf.client_certificate_header().lower().encode()) if is_encrypted else None
    identity = scope["ocpp_identity"]
    return Visitor(
        identity=identity,
        address=address,
        is_encrypted=is_encrypted,
        certificate=read_subject(subject) if subject else None,
        key=read_key(scope["headers"], identity),
        subprotocols=tuple(scope["subprotocols"]),
    )


def read_subject(text: str) -> Certificate | None:
    """Read a certificate's subject as RFC 4514 writes it (``CN=SN-1,O=Operator GmbH``); None: it cannot be read."""
    try:
        name = x509.Name.from_rfc4514_string(text, _OTHER_NAMES)
    except ValueError:
        return None
    return Certificate(
        common_names=_values(name, NameOID.COMMON_NAME), organisations=_values(name, NameOID.ORGANIZATION_NAME)
    )


def is_address(text: str) -> bool:
    return _parse(text) is not None


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))


class _Headers:
    """The headers of a handshake."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = tuple(pairs)

    def only(self, name: bytes) -> str | None:
        """Return the one value of a header; a header that stands twice says nothing."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None

    def all(self, name: bytes) -> list[str]:
        return [value.decode(errors="replace").strip() for key, value in self._pairs if key.lower() == name]


def _forwarded_address(headers: _Headers) -> str | None:
    """Return the last address that no trusted proxy wrote about itself; what stands before it anybody may have sent."""
    hops = [hop.strip() for value in headers.all(b"x-forwarded-for") for hop in value.split(",")]
    for hop in reversed(hops):
        if _parse(hop) is None:
            return None
        if not _is_trusted(hop):
            return hop
    return None


def _is_trusted(address: str) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in _networks(tuple(conf.trusted_proxies())))


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


@lru_cache
def _networks(proxies: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return what is an address or network among the setting's; names and ``*`` trust nobody here."""
    networks = []
    for proxy in proxies:
        try:
            networks.append(ip_network(proxy, strict=False))
        except ValueError:
            continue
    return tuple(networks)
