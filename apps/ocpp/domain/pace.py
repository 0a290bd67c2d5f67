"""How fast a station is read: a limit that slows down, and never refuses or drops."""

from typing import Final

BURST_S: Final = 10.0
MESSAGE_BYTES: Final = 8 * 1024
"""What one message may weigh; a larger one counts as several, so that no station fills the disk."""


class Pace:
    """A bucket that holds ten seconds' worth of messages and refills at ``per_second``."""

    def __init__(self, *, per_second: float, now_s: float) -> None:
        self._per_second = per_second
        self._at_s = now_s
        self._left = per_second * BURST_S

    def wait_s(self, now_s: float, *, size: int = 0) -> float:
        """Count one message of ``size`` bytes and return how long to wait before it is read, in seconds."""
        refilled = min(self._left + (now_s - self._at_s) * self._per_second, self._per_second * BURST_S)
        self._left = refilled - max(1, size // MESSAGE_BYTES)
        self._at_s = now_s
        return max(0.0, -self._left / self._per_second)
