"""The sandbox's clock: the machine's, plus what a test has advanced it by."""

import time


class Clock:
    """Unix seconds that only move forward."""

    def __init__(self) -> None:
        self.advanced_by = 0

    def now(self) -> int:
        """Return the sandbox's time in Unix seconds."""
        return int(time.time()) + self.advanced_by

    def advance(self, seconds: int) -> None:
        """Move on by ``seconds`` (≥ 0); what falls due is done by ``State.run_due``."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self.advanced_by += seconds
