"""Who collects for a seller whose money goes through another's Stripe account.

``payments`` cannot see the agreements, which lie above it: the app that keeps them registers the question when it is
loaded. Whoever has none collects for itself, and nothing here concerns it.
"""

from collections.abc import Callable
from datetime import datetime

FindCollector = Callable[[int, datetime], int | None]
_finders: list[FindCollector] = []


def register_collector(find: FindCollector) -> FindCollector:
    """Register what is asked, with the seller's id and the instant of the wish to pay, for the collecting platform."""
    if find not in _finders:
        _finders.append(find)
    return find


def collector_of(*, seller_id: int, at: datetime) -> int | None:
    """Return the organisation that collects for the seller at an instant; None: the seller itself."""
    return next((found for find in _finders if (found := find(seller_id, at)) is not None), None)
