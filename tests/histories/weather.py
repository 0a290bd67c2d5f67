"""What the dice make of calls and events: faults in Stripe's way, kills, events lost, doubled, shuffled, forged."""

import json
import random
import time
from typing import Any, Final

from apps.payments.sandbox import FaultKind, Sandbox
from apps.payments.sandbox.webhooks import signature

SECRET: Final = "whsec_of_histories"
Event = dict[str, Any]

FAULTS: Final = [
    FaultKind.DROP_ANSWER,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_AFTER,
    FaultKind.TOO_MANY,
    FaultKind.IN_USE,
]
LOST, DOUBLED, FORGED = 0.2, 0.2, 0.05
"""Of a hundred events so many are never told, told again later, told by somebody else."""


class Killed(BaseException):
    """The process is gone: nothing catches it, open transactions are rolled back."""


class Weather:
    """One history's dice. Everything that happens by chance asks them, so that a seed tells the same again."""

    def __init__(self, sandbox: Sandbox, seed: str) -> None:
        self.dice = random.Random(seed)
        self.control, self.api = sandbox.control, sandbox.api
        self._seen: set[str] = set()
        self._on_their_way: list[Event] = []
        self.is_calm = True

    def strew(self) -> None:
        """Put a fault in the way of one or two of the next calls."""
        self.control.fault(
            self.dice.choice(FAULTS),
            method=self.dice.choice(["POST", "POST", "GET"]),
            times=self.dice.choice([1, 1, 2]),
        )

    def chance(self, share: float) -> bool:
        """Throw the dice; nothing bad happens any more once it is calm."""
        return not self.is_calm and self.dice.random() < share

    def turn_bad(self) -> None:
        """Let things go wrong from now on."""
        self.is_calm = False

    def calm_down(self) -> None:
        """Lift all faults and lose nothing more; what was lost stays lost."""
        self.is_calm = True
        self.control.clear_faults()

    def next_event(self) -> tuple[bytes, str] | None:
        """Return the body and signature of an event that arrives now, in any order; None when none is on its way."""
        self._gather()
        if not self._on_their_way:
            return None
        event = self._on_their_way.pop(self.dice.randrange(len(self._on_their_way)))
        if self.chance(DOUBLED):
            self._on_their_way.append(event)
        return self._sent(event)

    def _gather(self) -> None:
        for event in self.control.objects("event"):
            if event["id"] not in self._seen:
                self._seen.add(event["id"])
                if not self.chance(LOST):
                    self._on_their_way.append(event)

    def _sent(self, event: Event) -> tuple[bytes, str]:
        body = json.dumps(event).encode()
        if not self.chance(FORGED):
            return body, signature(body, SECRET, at=int(time.time()))
        forgery = self.dice.choice(["secret", "stale", "live"])
        if forgery == "secret":
            return body, signature(body, "whsec_of_somebody_else", at=int(time.time()))
        if forgery == "stale":
            return body, signature(body, SECRET, at=int(time.time()) - 3600)
        live = json.dumps(event | {"id": "evt_forged", "livemode": True}).encode()
        return live, signature(live, SECRET, at=int(time.time()))
