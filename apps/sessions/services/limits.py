"""A session never runs past what its grant allows: its cost is watched here, and the station asked to stop."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.core.domain.money import minor_unit
from apps.sessions.domain.limits import pause_ms
from apps.sessions.evidence import Evidence, gather
from apps.sessions.granted import unlimited_terms
from apps.sessions.models import ChargingSession, StartGrant
from apps.sessions.running import CannotBePriced, gross_before_a_stop
from apps.sessions.services.lookup import locked_sessions
from apps.stations.domain.calls import StationCall, stop_call
from apps.stations.domain.status import CommandStatus
from apps.stations.models import StationCommand
from apps.stations.services import request_command

log = logging.getLogger(__name__)

STOP_LASTS: Final = timedelta(minutes=2)
HAS_LIMIT: Final = Q(grant__limit_amount__isnull=False) | Q(grant__reserved_amount__isnull=False)
_not_before: Final[dict[int, datetime]] = {}
"""Session id → when it is looked at again: of this process, and only of sessions with very many readings."""
_MOST_PAUSED: Final = 10_000
_FAILED: Final = [CommandStatus.REJECTED, CommandStatus.TIMED_OUT]


@transaction.atomic
def request_stop(
    *, session_id: int, at: datetime, requested_by: User | None = None, reason: str = ""
) -> StationCommand | None:
    """Ask the station to stop a session; None if it has ended or a stop is on its way or was accepted already.

    requested_by  None: the system · reason: why it asks, a sentence
    """
    session = locked_sessions().get(pk=session_id)
    if not session.may_run or is_stop_asked(session):
        return None
    action, payload = _stop_call(session)
    return request_command(
        station_id=session.station_id,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + STOP_LASTS,
        requested_by=requested_by,
        reason=reason,
    )


def is_stop_asked(session: ChargingSession) -> bool:
    """Tell whether a stop of the session is on its way or was accepted."""
    action, payload = _stop_call(session)
    asked = StationCommand.objects.filter(station_id=session.station_id, action=action, payload=payload)
    return asked.exclude(status__in=_FAILED).exists()


def _stop_call(session: ChargingSession) -> StationCall:
    return stop_call(transaction_id=session.transaction_id, transaction_ref=session.transaction_ref)


def stop_at_limits(received: Mapping[int, datetime]) -> None:
    """Request the stop of those sessions that may pass their grant's limit before a stop is obeyed.

    received  session id → when its newest reading was received
    """
    if not received:
        return
    due = [session_id for session_id, at in received.items() if at >= _not_before.get(session_id, at)]
    limited = list(
        ChargingSession.objects.filter(HAS_LIMIT, pk__in=due)
        .select_related("grant", "tariff_version", "evse__station__location")
        .order_by("pk")
    )
    for evidence in gather(limited) if limited else []:
        at = received[evidence.session.pk]
        _pause(evidence, at)
        if _may_pass_limit(evidence, at):
            request_stop(
                session_id=evidence.session.pk,
                at=at,
                reason=f"At full power the cost may soon pass the limit of {_in_words(evidence.session.grant)}.",
            )


def _pause(evidence: Evidence, at: datetime) -> None:
    if pause := pause_ms(len(evidence.readings)):
        if len(_not_before) >= _MOST_PAUSED:
            _not_before.clear()
        _not_before[evidence.session.pk] = at + timedelta(milliseconds=pause)


def _may_pass_limit(evidence: Evidence, at: datetime) -> bool:
    limit, terms = _limit_of(evidence.session.grant), unlimited_terms(evidence.session)
    try:
        return limit is not None and gross_before_a_stop(evidence, grant=terms, at=at) >= limit
    except CannotBePriced as error:
        # Nothing was told of the register yet, or its price was taken away: the end sends it to review.
        log.warning("session %s: the limit cannot be watched: %s", evidence.session.pk, error)
        return False


def _limit_of(grant: StartGrant) -> Decimal | None:
    """Return the lower of a grant's ceiling and of what it reserves of its contract's spending limit."""
    return min((amount for amount in (grant.limit_amount, grant.reserved_amount) if amount is not None), default=None)


def _in_words(grant: StartGrant) -> str:
    return f"{_limit_of(grant):.{minor_unit(grant.currency)}f} {grant.currency}"
