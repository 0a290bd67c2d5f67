"""How long of a span a station was there, from when it was heard and which connectors it called faulted."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

SILENT_AFTER_MS: Final = 15 * 60 * 1000
"""Three heartbeats (``OCPP_HEARTBEAT_INTERVAL_S``): a longer silence counts as offline from its begin."""


class Told(NamedTuple):
    """What a station said of one connector (any key that tells connectors apart)."""

    at_ms: int
    connector: tuple[int, int]
    is_faulted: bool


class Uptime(NamedTuple):
    """watched: from when it was first heard; the other three add up to it. Faulted: any of its connectors was."""

    watched_ms: int
    available_ms: int
    offline_ms: int
    faulted_ms: int


def uptime_of(*, begin_ms: int, end_ms: int, heard: Sequence[int], told: Sequence[Told]) -> Uptime | None:
    """Return how a span was spent; None where the station was never heard before its end.

    heard  when messages came, ascending; with the last one before the span, if there was any
    told   ascending; with the last of each connector before the span
    """
    heard = [at for at in heard if at < end_ms]
    if not heard:
        return None
    first_ms = max(heard[0], begin_ms)
    silent = [
        (max(earlier, first_ms), later)
        for earlier, later in pairwise([*heard, end_ms])
        if later - earlier > SILENT_AFTER_MS and later > first_ms
    ]
    offline_ms = sum(later - earlier for earlier, later in silent)
    faulted_ms = sum(
        later - earlier - sum(max(min(later, end) - max(earlier, begin), 0) for begin, end in silent)
        for earlier, later in _faulted(told, first_ms, end_ms)
    )
    watched_ms = end_ms - first_ms
    return Uptime(watched_ms, watched_ms - offline_ms - faulted_ms, offline_ms, faulted_ms)


def _faulted(told: Sequence[Told], begin_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Return the spans in which at least one connector was faulted."""
    spans: list[tuple[int, int]] = []
    faulted: set[tuple[int, int]] = set()
    since_ms = 0
    for each in told:
        had_fault = bool(faulted)
        (faulted.add if each.is_faulted else faulted.discard)(each.connector)
        if faulted and not had_fault:
            since_ms = each.at_ms
        elif had_fault and not faulted:
            spans.append((since_ms, each.at_ms))
    if faulted:
        spans.append((since_ms, end_ms))
    cut = ((max(begin, begin_ms), min(end, end_ms)) for begin, end in spans)
    return [(begin, end) for begin, end in cut if end > begin]
