"""How far a station's clock is believed, and when a start told again is the same start."""

from datetime import datetime, timedelta
from typing import Final

MOST_BEHIND: Final = timedelta(days=7)
"""A station that was offline tells its past; further back it is its clock that is wrong."""
MOST_AHEAD: Final = timedelta(minutes=10)
REPEATED_WITHIN: Final = timedelta(hours=72)


def is_plausible(told_at: datetime, received_at: datetime) -> bool:
    """Tell whether the station's clock can be right about something that was received at ``received_at``."""
    return received_at - MOST_BEHIND <= told_at <= received_at + MOST_AHEAD


def believed_at(told_at: datetime, received_at: datetime) -> datetime:
    """Return the station's instant if its clock can be right, else when it was received."""
    return told_at if is_plausible(told_at, received_at) else received_at


def is_repeated_start(
    *, is_live: bool, started_at: datetime, start_received_at: datetime, received_at: datetime
) -> bool:
    """Tell whether a start with the same natural key as a session's repeats it (RELIABILITY.md).

    A box whose clock restarts in 1970 says the same instant for ever, so an ended session counts only if its time was
    plausible and its start came within 72 h.
    """
    if is_live:
        return True
    return is_plausible(started_at, start_received_at) and abs(received_at - start_received_at) <= REPEATED_WITHIN
