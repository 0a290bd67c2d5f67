"""No kilowatt-hour of one EVSE is billed twice: two sessions may not count the same stretch of its register at once.

Sessions that follow each other share no time, and those of a meter that counts each from zero share none either, so
both are asked: the times overlap, and the registers do. Which of the two was real, a person must say.
"""

from django.db.models import OuterRef, Q, QuerySet, Subquery

from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.models import Cdr, ChargingSession


def contested_by(session: ChargingSession) -> ChargingSession | None:
    """Return a session that is, or will be, billed for energy that this ended one would be billed for too."""
    if session.ended_at is None or session.meter_start_milliwh is None or session.meter_stop_milliwh is None:
        return None
    return (
        _that_cost_something(ChargingSession.objects.filter(evse=session.evse_id).exclude(pk=session.pk))
        .filter(
            started_at__lt=session.ended_at,
            ended_at__gt=session.started_at,
            meter_start_milliwh__lt=session.meter_stop_milliwh,
            meter_stop_milliwh__gt=session.meter_start_milliwh,
        )
        .order_by("pk")
        .first()
    )


def _that_cost_something(sessions: "QuerySet[ChargingSession]") -> "QuerySet[ChargingSession]":
    """Leave out those nobody pays for, and those whose current charge record came to nothing."""
    records = Cdr.objects.filter(session=OuterRef("pk")).order_by("-revision")
    paid = sessions.filter(
        kind=ChargingSession.Kind.CHARGE, authorisation=AuthorisationStatus.ACCEPTED, tariff_version__isnull=False
    )
    return paid.annotate(cost=Subquery(records.values("gross")[:1])).filter(Q(cost__isnull=True) | ~Q(cost=0))
