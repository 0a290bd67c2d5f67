"""How fast a station is read: a limit that slows down, and never refuses or drops."""

from typing import Final

BURST_S: Final = 10.0


class Pace:
    """A bucket that holds ten seconds' worth of messages and refills at ``per_second``."""

    def __init__(self, *, per_second: float, now_s: float) -> None:
        self._per_second = per_second
        self._at_s = now_s
        self._left = per_second * BURST_S

    def wait_s(self, now_s: float) -> float:
        """Count one message and return how long to wait before it is read, in seconds."""
        self._left = min(self._left + (now_s - self._at_s) * self._per_second, self._per_second * BURST_S) - 1
        self._at_s = now_s
        return max(0.0, -self._left / self._per_second)
