"""A session never runs past what its grant allows: its cost is watched here, and the station asked to stop."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.accounts.models import User
from apps.core.clock import from_epoch_ms
from apps.core.domain.tax import NoTaxRate, SellerNotRegistered
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.sessions.services.evidence import Evidence, begin_of, gather, local_date, tax_rates
from apps.sessions.services.lookup import locked_sessions
from apps.stations.domain.status import CommandStatus
from apps.stations.models import StationCommand
from apps.stations.services import request_command
from apps.tariffs.domain.facts import GrantTerms
from apps.tariffs.domain.running import running_cost

log = logging.getLogger(__name__)

STOP: Final = "RemoteStopTransaction"
STOP_LASTS: Final = timedelta(minutes=2)
_FAILED: Final = [CommandStatus.REJECTED, CommandStatus.TIMED_OUT]


@transaction.atomic
def request_stop(*, session_id: int, at: datetime, requested_by: User | None = None) -> StationCommand | None:
    """Ask the station to stop a session; None if it is not live or a stop is on its way or was accepted already.

    requested_by  None: the system
    """
    session = locked_sessions().get(pk=session_id)
    payload = {"transactionId": session.transaction_id}
    asked = StationCommand.objects.filter(station_id=session.station_id, action=STOP, payload=payload)
    if session.status != SessionStatus.LIVE or asked.exclude(status__in=_FAILED).exists():
        return None
    return request_command(
        station_id=session.station_id,
        action=STOP,
        payload=payload,
        requested_at=at,
        deadline_at=at + STOP_LASTS,
        requested_by=requested_by,
    )


def stop_at_limits(received: Mapping[int, datetime]) -> None:
    """Request the stop of those sessions whose cost has reached their grant's limit.

    received  session id → when its newest reading was received
    """
    limited = list(
        ChargingSession.objects.filter(pk__in=received, grant__limit_amount__isnull=False)
        .select_related("grant", "tariff_version", "evse__station__location")
        .order_by("pk")
    )
    for evidence in gather(limited) if limited else []:
        if _has_reached_limit(evidence):
            request_stop(session_id=evidence.session.pk, at=received[evidence.session.pk])


def _has_reached_limit(evidence: Evidence) -> bool:
    session = evidence.session
    begin, version = begin_of(session), session.tariff_version
    if begin is None or version is None or not evidence.readings:
        return False
    clean = evidence.clean(begin=begin, end=None)
    if clean.problems:
        # Nothing can be priced; the end sends the session to review, and it will not cost more than its limit.
        log.warning("session %s: the limit cannot be watched: %s", session.pk, clean.problems[0].code)
        return False
    last_at = from_epoch_ms(clean.readings[-1].at_ms)
    terms = version.terms()
    try:
        rates = tax_rates(session, terms=terms, on=local_date(last_at, session))
    except (NoTaxRate, SellerNotRegistered) as error:
        log.warning("session %s: the limit cannot be watched: %s", session.pk, error)
        return False
    cost = running_cost(
        facts_so_far=evidence.facts(clean.readings, ended_at=last_at), terms=terms, grant=GrantTerms(), tax_rates=rates
    )
    return session.grant.limit_amount is not None and cost >= session.grant.limit_amount
