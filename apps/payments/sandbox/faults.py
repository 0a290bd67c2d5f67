"""Faults on demand: what a network and a troubled Stripe do to the next requests that match."""

import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """What goes wrong.

    DROP_ANSWER   do it, then cut the connection without an answer
    ERROR_BEFORE  do nothing and answer 500, stored under the idempotency key
    ERROR_AFTER   do it and answer 500, stored under the idempotency key
    TOO_MANY      do nothing and answer 429, not stored
    IN_USE        do nothing and answer 409, as while the first request with the key is under way
    SLOW          wait ``seconds``, then do it; meanwhile the idempotency key is in flight
    """

    DROP_ANSWER = "drop_answer"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TOO_MANY = "too_many"
    IN_USE = "in_use"
    SLOW = "slow"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule: the next ``times`` requests with this method ("" = any) and path prefix meet it."""

    kind: FaultKind
    method: str = ""
    path: str = "/v1/"
    times: int = 1
    seconds: float = 0

    def __post_init__(self) -> None:
        """Refuse what could never work."""
        self.kind = FaultKind(self.kind)
        self.method = self.method.upper()
        if self.times < 1 or self.seconds < 0:
            raise ValueError("times must be at least 1 and seconds not negative")

    def matches(self, method: str, path: str) -> bool:
        """Say whether a request meets this rule."""
        return self.method in ("", method) and path.startswith(self.path)


class Faults:
    """The rules in force, oldest first; each is gone when it has been met ``times`` times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first rule that matches and count it as met."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(method, path):
                    rule.times -= 1
                    if rule.times == 0:
                        self._rules.remove(rule)
                    return rule
        return None

    def listed(self) -> list[dict[str, Any]]:
        """Return the rules in force."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._rules.clear()
