"""What is forgotten of sessions that nobody is billed for, once nobody will ask any more (RELIABILITY.md "Retention").

A session stays, with its register and why it was not billed. What goes is how it went, minute by minute, and whose card
it was. A charge record carries its own inputs and stays as it is, and so does what still waits for anything.
"""

from datetime import datetime, timedelta
from typing import Final

import pgtrigger
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import Cdr, ChargingSession, Measurement, MeterReading, StateChange, WaitingStop
from apps.sessions.services.lookup import locked_sessions

AT_ONCE: Final = 200
_EVIDENCE: Final = (MeterReading, Measurement, StateChange)
_APPEND_ONLY: Final = (
    "charging_sessions.MeterReading:reading_append_only",
    "charging_sessions.Measurement:measurement_append_only",
    "charging_sessions.StateChange:state_append_only",
)


def forget_unbilled(*, at: datetime, kept_for: timedelta) -> int:
    """Forget the course and the card of sessions settled ``kept_for`` ago that nobody is billed for; return how many.

    Stops that no session was found for go too. Interrupted, it goes on the next time.
    """
    before = at - kept_for
    WaitingStop.objects.filter(received_at__lt=before).delete()
    count = 0
    while forgotten := _forget_some(before):
        count += forgotten
    return count


@transaction.atomic
def _forget_some(before: datetime) -> int:
    ids = [session.pk for session in _to_forget(locked_sessions(), before)[:AT_ONCE]]
    with pgtrigger.ignore(*_APPEND_ONLY):
        for model in _EVIDENCE:
            model.objects.filter(session_id__in=ids).delete()
    return ChargingSession.objects.filter(pk__in=ids).update(id_token="", token=None, vehicle=None)


def _to_forget(sessions: "QuerySet[ChargingSession]", before: datetime) -> "QuerySet[ChargingSession]":
    """Keep the settled sessions that nobody is billed for and of which something is left to forget."""
    has_course = [Exists(model.objects.filter(session=OuterRef("pk"))) for model in _EVIDENCE]
    return sessions.filter(
        ~Q(authorisation=AuthorisationStatus.ACCEPTED) | Q(tariff_version__isnull=True),
        ~Exists(Cdr.objects.filter(session=OuterRef("pk"))),
        ~Q(id_token="") | has_course[0] | has_course[1] | has_course[2],
        status=SessionStatus.SETTLED,
        settled_at__lt=before,
    )
