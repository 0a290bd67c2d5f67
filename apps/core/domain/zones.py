"""IANA time zones by name."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones


@cache
def is_zone(name: str) -> bool:
    """Return whether ``name`` is an IANA time zone of this machine's database."""
    return name in available_timezones()


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone.

    :raises ValueError: no such zone
    """
    if not is_zone(name):
        raise ValueError(f"{name!r} is no IANA time zone")
    return ZoneInfo(name)
