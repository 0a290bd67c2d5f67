"""How long a webhook is tried, and how long an endpoint that fails is left in peace."""

from datetime import datetime, timedelta
from typing import Final

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
)
"""After the first, second, … try (Standard Webhooks' schedule); the last of them is for all further ones."""

USEFUL_FOR: Final = timedelta(days=3)
"""What a last try after so long does not deliver is given up."""

RESTS: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
)
"""For how long an endpoint is asked nothing after one, two, … failures in a row, whatever waits for it."""

ROTATION: Final = timedelta(hours=24)
"""How long messages are signed with the former secret too."""

KEPT_FOR: Final = timedelta(days=90)
"""How long deliveries stay in the log after they ended."""


def next_try(*, attempts: int, waiting_since: datetime, at: datetime) -> datetime:
    """Return when a message is tried again whose ``attempts``-th try is ``at``; the last time when it is given up."""
    pause = PAUSES[min(attempts, len(PAUSES)) - 1]
    last = waiting_since + USEFUL_FOR
    return min(at + pause, last) if at < last else at + pause


def rest_after(failures: int) -> timedelta:
    """Return how long an endpoint rests after so many failures in a row, 1 or more."""
    return RESTS[min(failures, len(RESTS)) - 1]
