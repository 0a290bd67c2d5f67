"""A session gives back what it reserved of its contract's spending limit, once: for its price, or for nothing."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from apps.contracts.spending import exchange
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession, StartGrant


def end_reservation(session: ChargingSession, *, spent: Decimal, at: datetime) -> None:
    """Exchange a locked session's reservation for what it cost, gross; one that ended before is left alone."""
    grant: StartGrant | None = getattr(session, "grant", None)
    if grant is None or grant.reserved_amount is None or grant.reservation_ended_at is not None:
        return
    assert grant.contract_id is not None, "only contracts reserve"
    # Where the payer changed meanwhile, somebody else owes it.
    owed = spent if grant.contract_id == session.contract_id else Decimal(0)
    exchange(contract_id=grant.contract_id, reserved=grant.reserved_amount, spent=owed)
    grant.reservation_ended_at = at
    grant.save(update_fields=["reservation_ended_at"])


@transaction.atomic
def sweep_spending(*, at: datetime) -> int:
    """End the reservations of sessions that are settled and will never have a price; return how many."""
    standing = StartGrant.objects.filter(reserved_amount__isnull=False, reservation_ended_at__isnull=True)
    unpriced = Q(used_by_session__tariff_version__isnull=True) | ~Q(used_by_session__authorisation="Accepted")
    ids = standing.filter(unpriced, used_by_session__status=SessionStatus.SETTLED).values("used_by_session")
    sessions = list(ChargingSession.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk"))
    for session in sessions:
        end_reservation(session, spent=Decimal(0), at=at)
    return len(sessions)
