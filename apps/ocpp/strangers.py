"""Who was refused at the door lately, for the platform's operators: a bounded list in the cache, no row anywhere.

Each process gathers its own and hands them over a few times a second at most. Two that do so at once may lose a try of
the other's: it is a hint, and who wants in tries again. Without Redis there is no list, and nothing else changes.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache

from apps.ocpp.authentication import IDENTITY
from apps.ocpp.pool import in_slow_lane
from apps.ocpp.visitors import Visitor

log = logging.getLogger(__name__)

MAX_KEPT: Final = 200
KEPT_S: Final = 7 * 24 * 3600
PAUSE_S: Final = 0.2
_KEY: Final = "ocpp:strangers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An identity that was refused: from where and how it came last, and how often.

    protocols  the subprotocols that it offered, by comma
    """

    identity: str
    address: str
    protocols: str
    first_at: datetime
    last_at: datetime
    tries: int


class Strangers:
    """What one process gathers between two hand-overs."""

    def __init__(self) -> None:
        self._met: dict[str, Stranger] = {}
        self._is_busy = False

    async def meet(self, visitor: Visitor, *, at: datetime) -> None:
        """Remember a visitor whose identity could be a station's."""
        if not IDENTITY.fullmatch(visitor.identity):
            return
        met = Stranger(
            identity=visitor.identity,
            address=visitor.address[:45],
            protocols=", ".join(visitor.subprotocols)[:60],
            first_at=at,
            last_at=at,
            tries=1,
        )
        self._met = _merged(self._met, {met.identity: met})
        if self._is_busy:
            return  # Whoever hands over at the moment takes this one along.
        self._is_busy = True
        try:
            while self._met:
                met_now, self._met = self._met, {}
                await in_slow_lane(_hand_over, strangers=met_now)
                await asyncio.sleep(PAUSE_S)
        finally:
            self._is_busy = False


def strangers_lately() -> list[Stranger]:
    """Return who was refused in the last days, the latest first."""
    return sorted(_kept().values(), key=lambda stranger: stranger.last_at, reverse=True)


def find_stranger(identity: str) -> Stranger | None:
    """Return whether and how one of this very identity was refused lately."""
    return _kept().get(identity)


def _hand_over(strangers: Mapping[str, Stranger]) -> None:
    try:
        kept = _merged(_kept(), strangers)
        cache.set(_KEY, {identity: asdict(stranger) for identity, stranger in kept.items()}, KEPT_S)
    except Exception as error:
        # Whatever the cache says: the list is a hint.
        log.warning("%s refused identities were not remembered: %s", len(strangers), error)


def _kept() -> dict[str, Stranger]:
    kept: dict[str, dict[str, Any]] = cache.get(_KEY) or {}
    return {identity: Stranger(**fields) for identity, fields in kept.items()}


def _merged(older: Mapping[str, Stranger], newer: Mapping[str, Stranger]) -> dict[str, Stranger]:
    """Return both, at most ``MAX_KEPT``: who tried most stays, so that a flood of names drives out no real charger."""
    merged = dict(older)
    for identity, stranger in newer.items():
        known = merged.get(identity)
        merged[identity] = (
            stranger
            if known is None
            else replace(stranger, first_at=known.first_at, tries=known.tries + stranger.tries)
        )
    if len(merged) <= MAX_KEPT:
        return merged
    by_worth = sorted(merged.values(), key=lambda stranger: (stranger.tries, stranger.last_at), reverse=True)
    return {stranger.identity: stranger for stranger in by_worth[:MAX_KEPT]}
