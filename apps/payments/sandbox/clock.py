"""The sandbox's clock: the machine's, plus what a test has advanced it by; and the calendar of banks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

DAY = 24 * 60 * 60
_SATURDAY = 5


class Clock:
    """Unix seconds that only move forward."""

    def __init__(self) -> None:
        self.advanced_by = 0
        self._moment: int | None = None

    def now(self) -> int:
        """Return the sandbox's time in Unix seconds."""
        return int(time.time()) + self.advanced_by if self._moment is None else self._moment

    def advance(self, seconds: int) -> None:
        """Move on by ``seconds`` (≥ 0); what falls due is done by ``State.run_due``."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self.advanced_by += seconds

    @contextmanager
    def standing_at(self, moment: int) -> Iterator[None]:
        """Say ``moment`` meanwhile: what fell due days ago is done as of then, and what follows is due from then."""
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None


def next_midnight(at: int) -> int:
    """Return the first midnight (UTC) after an instant."""
    return at - at % DAY + DAY


def after_business_days(at: int, days: int) -> int:
    """Return the same time of day ``days`` business days later; weekends do not count, bank holidays do."""
    while days:
        at += DAY
        # 1970-01-01 was a Thursday, weekday 3.
        days -= (at // DAY + 3) % 7 < _SATURDAY
    return at
