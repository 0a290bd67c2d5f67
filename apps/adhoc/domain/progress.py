"""Where a driver's charge stands: derived from the attempt, its start command, its session and its receipt.

Nothing of this is stored (PAYMENTS.md, "The driver's payment"): the attempt's own states are those of its money.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """What the driver's page shows.

    PAYING      the hosted page waits for a card · CONFIRMING: the card's answer is awaited
    STARTING    paid, the charger was asked to start · PLUG_IN: it will, as soon as the car is plugged in
    CHARGING    · OFFLINE: the charger has stopped reporting, the charge goes on being counted
    FINALISING  ended, the price is being made · CHECKING: a person looks at it first
    DONE        there is a receipt · UNCOLLECTED: there is one, and its money could not be taken, or not all of it
    CLOSED      nothing was charged; the reason says why
    """

    PAYING = "paying"
    STARTING = "starting"
    PLUG_IN = "plug_in"
    CHARGING = "charging"
    OFFLINE = "offline"
    FINALISING = "finalising"
    CHECKING = "checking"
    DONE = "done"
    UNCOLLECTED = "uncollected"
    CLOSED = "closed"


MOVING: Final = frozenset(Stage) - {Stage.DONE, Stage.UNCOLLECTED, Stage.CLOSED}
"""The page looks again by itself."""
CLOSED_STATUSES: Final = frozenset({"releasing", "released", "checkout_expired", "payment_failed", "hold_expired"})

PAYABLE: Final = frozenset({"capture_failed", "hold_expired", "released", "captured"})
"""Nothing more comes of the hold by itself: what is open of the receipt then is to be paid by its link."""


class CloseReason(StrEnum):
    """Why nothing is charged: what adhoc gives when it lets go of a hold."""

    TAKEN = "taken"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    NO_ANSWER = "no_answer"
    NOT_STARTED = "not_started"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an attempt; None: there is no such row.

    attempt  payments' word for its money · command  of the start · session  its status
    is_open  something of the receipt is still to be paid, now that its hold is used up or gone
    """

    attempt: str
    has_receipt: bool = False
    is_open: bool = False
    command: str | None = None
    session: str | None = None


_SESSION_STAGES: Final = {
    "live": Stage.CHARGING,
    "unresolved": Stage.OFFLINE,
    "ended": Stage.FINALISING,
    "settled": Stage.FINALISING,
    "review": Stage.CHECKING,
}


def stage_of(facts: Facts) -> Stage:
    """Tell where the charge stands; a receipt outweighs all, a session whatever became of the money."""
    if facts.has_receipt:
        return Stage.UNCOLLECTED if facts.is_open and facts.attempt in PAYABLE else Stage.DONE
    if facts.session is not None:
        return _SESSION_STAGES[facts.session]
    if facts.attempt in CLOSED_STATUSES:
        return Stage.CLOSED
    if facts.attempt in ("created", "checkout_open"):
        return Stage.PAYING
    return Stage.PLUG_IN if facts.command == "accepted" else Stage.STARTING
