"""The key in a Basic header (OCPP-J 1.6 §6.2, security profiles 1 and 2), and the brake on those who guess one.

Guessing is made slow, not impossible: the brake delays only refusals,
after the key was checked, so that no number of wrong guesses keeps the real station out.
"""

import asyncio
import base64
import binascii
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

# "." and ".." mean another path to every proxy on the way.
IDENTITY: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9*\-_=+|@.:]{1,48}", re.ASCII)


def read_key(headers: Iterable[tuple[bytes, bytes]], identity: str) -> bytes | None:
    """Return the key that a Basic header gives for ``identity``, as its bytes, or None.

    The decoded pair must begin with the identity of the path and a colon: an identity may itself hold colons, so the
    pair cannot be cut at the first one.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, encoded = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return None
    head = f"{identity}:".encode(errors="replace")
    return pair.removeprefix(head) if pair.startswith(head) else None


class Brake:
    """Delays refusals more and more, by remote address and by identity; it forgets after a quiet minute.

    free        refusals without delay
    max_delay_s longest delay of one refusal
    """

    MAX_REMEMBERED: Final = 10_000
    MAX_HELD: Final = 200
    FORGET_S: Final = 60.0

    def __init__(self, *, free: int = 5, max_delay_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = free
        self._max_delay_s = max_delay_s
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._held = 0

    def delay_s(self, address: str, identity: str) -> float:
        """Count a refusal and return how long its answer should wait."""
        count = max(self._count(f"address {address}"), self._count(f"identity {identity}"))
        return 0.0 if count <= self._free else min(0.1 * 2 ** min(count - self._free, 10), self._max_delay_s)

    def is_suspect(self, address: str) -> bool:
        """Say whether an address was refused so often lately that it waits behind the others."""
        count, at = self._failures.get(f"address {address}", (0, 0.0))
        return count > self._free and self._clock() - at <= self.FORGET_S

    async def hold(self, address: str, identity: str) -> None:
        """Wait before a refusal; when too many wait already, not at all (waiting sockets cost memory)."""
        delay_s = self.delay_s(address, identity)
        if delay_s == 0 or self._held >= self.MAX_HELD:
            return
        self._held += 1
        try:
            await asyncio.sleep(delay_s)
        finally:
            self._held -= 1

    def _count(self, key: str) -> int:
        now = self._clock()
        count, at = self._failures.pop(key, (0, now))
        count = 1 if now - at > self.FORGET_S else count + 1
        self._failures[key] = (count, now)
        while len(self._failures) > self.MAX_REMEMBERED:
            self._failures.popitem(last=False)
        return count
