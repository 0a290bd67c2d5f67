"""Read the instants that stations write: ISO 8601 in the variants seen in the field (OCPP 1.6 §3.15).

Any zone is taken; a text without one is read as UTC, with a note. Fractions beyond microseconds are cut, a
leap second is the first moment of the next minute, and a clock that was never set (1970) is read as it
stands, with a note: whether an instant is plausible is for the service to say, which knows when the message
came. Only what no calendar reckons with (year 1, year 9999) is moved to the nearest instant that every zone and
every interval can be added to.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

NO_ZONE: Final = "a time has no zone and was read as UTC"
UNSET_CLOCK: Final = "the station's clock was not set"
NO_DATE: Final = "a time lies outside 1970 to 2999 and was moved there"

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2999, 12, 31, tzinfo=UTC)
# No charger is older than the century; OCPP itself is of 2009.
_FIRST_PLAUSIBLE_YEAR: Final = 2000

_INSTANT: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,30}))?"
    r" ?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def read_instant(text: Any) -> tuple[datetime | None, tuple[str, ...]]:
    """Read an instant as aware UTC, or None, with notes on what was odd."""
    match = _INSTANT.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= 64 else None
    if match is None:
        return None, (f"no readable time: {str(text)[:40]!r}",)
    try:
        at = _assemble(match)
    except (ValueError, OverflowError):
        return None, (f"no such time: {match.group()!r}",)
    notes = () if match["zone"] else (NO_ZONE,)
    if at != (at := min(max(at, EARLIEST), LATEST)):
        notes = (*notes, NO_DATE)
    return at, (notes if at.year >= _FIRST_PLAUSIBLE_YEAR else (*notes, UNSET_CLOCK))


def _assemble(match: re.Match[str]) -> datetime:
    """:raises ValueError, OverflowError: the parts make no instant"""
    second = int(match["second"])
    # A leap second has no datetime; it is counted as the second that follows 59.
    leap = timedelta(seconds=1) if second == 60 else timedelta()
    day = datetime.fromisoformat(match["date"])
    local = day.replace(
        hour=int(match["hour"]),
        minute=int(match["minute"]),
        second=59 if leap else second,
        microsecond=0 if leap else int((match["fraction"] or "0")[:6].ljust(6, "0")),
        tzinfo=_zone(match["zone"]),
    )
    if not EARLIEST.year <= local.year <= LATEST.year:
        # Moved by its zone or a leap second it may leave the calendar.
        return local.replace(tzinfo=UTC)
    return (local + leap).astimezone(UTC)


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
