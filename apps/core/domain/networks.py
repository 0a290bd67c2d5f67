"""Networks: who counts as one where tries are counted."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_ONE_SUBSCRIBER: Final = 64
"""Bits of an IPv6 address that an access provider hands out at least; the rest its customer chooses."""


def network_of(address: str) -> str:
    """Return the network of one subscriber: an IPv4 address itself, the first 64 bits of an IPv6 one; "" for none."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, _ONE_SUBSCRIBER), strict=False))
    return str(found)
