"""Where the server may be sent by somebody who names a URL: the public internet, nowhere else (OWASP SSRF).

Names are judged by the addresses they resolve to, never by how they look: ``0x7f.1`` and ``localtest.me`` are
127.0.0.1 too.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

MOST_CHARS: Final = 500
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})

# Beside what the standard library calls not global: its lists differ between versions of Python.
_REFUSED: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT, and metadata of some clouds
        "169.254.0.0/16",  # link-local, and metadata of most
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ip_network("2002::/16")


class UrlRefused(ValueError):
    """Nothing is sent to this URL; the message says why, and what would do."""


def check_url(url: str, *, allow_localhost: bool) -> SplitResult:
    """Return the parts of a URL that messages may be sent to, as far as its text tells.

    allow_localhost  plain http to this very machine will do too (development)

    :raises UrlRefused: it is no https URL of a public host
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused("This is no URL. Write it as https://example.com/path.") from error
    if len(url) > MOST_CHARS or not url.isascii() or any(character <= " " for character in url):
        raise UrlRefused(f"A URL has at most {MOST_CHARS} ASCII characters and no spaces; write others as %20.")
    host = parts.hostname or ""
    if not host or port == 0:
        raise UrlRefused("The URL names no host. Write it as https://example.com/path.")
    if parts.username or parts.password:
        raise UrlRefused("Leave user and password out of the URL: the signature says who sends.")
    if parts.fragment:
        raise UrlRefused("Leave out what stands behind #: it is never sent.")
    if allow_localhost and parts.scheme == "http" and host in _LOOPBACK_NAMES:
        return parts
    if parts.scheme != "https":
        raise UrlRefused("The URL must begin with https://, so that nobody reads what is sent.")
    try:
        is_refused = not is_public(host)
    except ValueError:
        return parts  # a name: it is judged when it is resolved
    if is_refused:
        raise UrlRefused(f"{host} is no public address: nothing is sent into private networks.")
    return parts


def is_local(parts: SplitResult) -> bool:
    """Whether ``check_url`` let a URL pass as this very machine."""
    return parts.scheme == "http"


def is_public(address: str) -> bool:
    """Whether an IP address, with whatever IPv4 address is wrapped in it, is of the public internet.

    :raises ValueError: it is no IP address
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and (inner := _wrapped(ip)) is not None:
        return _is_public(inner)
    return _is_public(ip)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _REFUSED)


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056)."""
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip in _SIX_TO_FOUR:
        return ip.sixtofour
    return None
