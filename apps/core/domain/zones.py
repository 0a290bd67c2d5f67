"""IANA time zones by name."""

from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_OF_THE_MACHINE: Final = frozenset({"localtime", "posixrules", "Factory"})
"""Files that lie among the zones and are none: what they say is how a machine was set up, and so would a price be."""


@cache
def is_zone(name: str) -> bool:
    """Return whether ``name`` is an IANA time zone of this machine's database."""
    return name in available_timezones() - _OF_THE_MACHINE


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone.

    :raises ValueError: no such zone
    """
    if not is_zone(name):
        raise ValueError(f"{name!r} is no IANA time zone")
    return ZoneInfo(name)
