"""How long a webhook is tried, and how long an endpoint that fails is left in peace."""

from datetime import timedelta
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
"""After the first, second, … try (Standard Webhooks' schedule); after the last of them each further one waits as long."""

USEFUL_FOR: Final = timedelta(days=3)
"""What could not be delivered for so long is given up."""

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


def pause_after(attempts: int) -> timedelta:
    """Return how long a message waits after its ``attempts``-th try, 1 or more."""
    return PAUSES[min(attempts, len(PAUSES)) - 1]


def rest_after(failures: int) -> timedelta:
    """Return how long an endpoint rests after so many failures in a row, 1 or more."""
    return RESTS[min(failures, len(RESTS)) - 1]
