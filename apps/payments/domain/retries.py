"""When the janitor comes back, and when it must look before it sends (PAYMENTS.md, The rule for every money call)."""

from datetime import datetime, timedelta
from typing import Final

LADDER: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1))
"""Pause after the first, second, third and every further attempt."""

KEY_LIFE: Final = timedelta(hours=23)
"""Stripe forgets a key after 24 hours; an hour before that we stop trusting it."""


def pause_after(attempts: int, *, is_busy: bool = False) -> timedelta:
    """Return how long to wait after this many attempts (≥ 1).

    is_busy  Stripe answered that it did nothing and will do it later (409, 429): never wait longer than an hour

    ========  =======  ====
    attempts  unknown  busy
    ========  =======  ====
    1         1 min    1 min
    2         5 min    5 min
    3         1 h      1 h
    4, 5, …   1 day    1 h
    ========  =======  ====
    """
    ladder = LADDER[:-1] if is_busy else LADDER
    return ladder[min(attempts, len(ladder)) - 1]


def needs_alert(attempts: int) -> bool:
    """Return whether a person should know: the ladder is used up."""
    return attempts >= len(LADDER)


def is_key_old(*, first_sent_at: datetime | None, at: datetime) -> bool:
    """Return whether Stripe may soon have forgotten the key of a call first sent then."""
    return first_sent_at is not None and at - first_sent_at > KEY_LIFE
