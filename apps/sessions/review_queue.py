"""What waits for a person's decision: since when, why, and the register as it was told, with what is odd about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from apps.sessions.domain.status import SessionStatus
from apps.sessions.evidence import begin_of, end_of, gather
from apps.sessions.models import ChargingSession
from apps.tariffs.domain.facts import Reading

ALARM_AFTER: Final = timedelta(days=3)
"""A session that waits longer is somebody's forgotten money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRegister:
    """A session's register as its station told it.

    readings  as stored, with those told at start and stop, ascending in time · begin, end  told at start and stop
    odd       the readings that contradict others, or that no connector can have delivered
    problems  a sentence each
    """

    readings: tuple[Reading, ...]
    begin: Reading | None
    end: Reading | None
    odd: frozenset[Reading]
    problems: tuple[str, ...]


def in_review() -> "QuerySet[Any]":
    """Return the sessions in review with ``waiting_since``, the longest waiting first.

    Waiting since its stop came or was no longer waited for; since it was settled where later evidence contradicts that.
    """
    return (
        ChargingSession.objects.filter(status=SessionStatus.REVIEW)
        .annotate(waiting_since=Coalesce("settled_at", "end_received_at", "start_received_at"))
        .order_by("waiting_since", "pk")
    )


def is_alarming(waiting_since: datetime, at: datetime) -> bool:
    """Whether a session has waited so long that it alarms."""
    return at - waiting_since > ALARM_AFTER


def told_register(session: ChargingSession) -> ToldRegister:
    """Return a session's register with what is wrong about it; ``session`` with its tariff version loaded."""
    (evidence,) = gather([session])
    begin, end = begin_of(session), end_of(session)
    anchors = [anchor for anchor in (begin, end) if anchor is not None]
    readings = tuple(sorted({*evidence.readings, *anchors}))
    first = begin or next(iter(evidence.readings), None)
    problems: Sequence[Any] = evidence.clean(begin=first, end=end).problems if first is not None else ()
    return ToldRegister(
        readings=readings,
        begin=begin,
        end=end,
        odd=frozenset(reading for problem in problems for reading in problem.readings),
        problems=tuple(problem.message for problem in problems),
    )
