"""How it stands with the cable of a charge that has ended."""

from datetime import datetime

from django.db.models import Q

from apps.adhoc.domain.cable import CableFacts, CableWord, cable_word
from apps.adhoc.selectors import is_online, open_grants
from apps.payments.models import PaymentAttempt
from apps.sessions.models import ChargingSession
from apps.stations.models import StationCommand


def cable_of(attempt: PaymentAttempt, *, at: datetime) -> CableWord:
    """Tell whether the attempt's driver may have the cable unlocked, and what became of it."""
    session = attempt.grant.used_by_session if attempt.grant else None
    if session is None or session.ended_at is None:
        return CableWord.NOT_YET
    evse = attempt.evse
    here = Q(payload__connectorId=evse.number) if evse.station.protocol == "1.6" else Q(payload__evseId=evse.number)
    tries = StationCommand.objects.filter(
        here,
        station_id=evse.station_id,
        action="UnlockConnector",
        requested_by__isnull=True,
        requested_at__gte=session.started_at,
    )
    others = ChargingSession.objects.filter(evse=evse, pk__gt=session.pk)
    return cable_word(
        CableFacts(
            since_end=at - session.ended_at,
            is_last=not others.exists() and not open_grants(evse, at=at).exists(),
            is_online=is_online(evse.station, at=at),
            tries=tuple(tries.order_by("pk").values_list("status", flat=True)),
        )
    )
