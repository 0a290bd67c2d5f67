"""On what terms a session was granted, as the engine reads them."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from apps.sessions.domain.reservations import ReservationStatus
from apps.sessions.models import ChargingSession
from apps.tariffs.domain.facts import GrantTerms

_WHATEVER_IT_COSTS: Final = Decimal(1_000_000_000)
"""More than any session: a card that charges free waives also the minimum price that a discount leaves."""


def grant_terms(session: ChargingSession) -> GrantTerms:
    """Return the session's discount, ceiling and floor; none without a grant.

    A reservation that turned out to be used is priced with its charge: its own session costs nothing.
    """
    if session.kind == ChargingSession.Kind.RESERVATION and _is_used_after_all(session):
        return GrantTerms(limit_amount=Decimal(0))
    grant = getattr(session, "grant", None)
    if grant is None:
        return GrantTerms()
    return GrantTerms(
        discount_percent=grant.discount_percent,
        limit_amount=grant.limit_amount,
        waive_below=_WHATEVER_IT_COSTS if grant.free_reason else grant.waive_below,
        free_reason=grant.free_reason,
    )


def running_terms(session: ChargingSession) -> GrantTerms:
    """Return the terms of what runs up: small amounts are waived at the end, until then the driver sees them."""
    return replace(grant_terms(session), waive_below=None)


def unlimited_terms(session: ChargingSession) -> GrantTerms:
    """Return the terms of what it would cost without a ceiling."""
    return replace(running_terms(session), limit_amount=None)


def _is_used_after_all(session: ChargingSession) -> bool:
    reservation = getattr(session, "expired_reservation", None)
    return reservation is not None and reservation.status == ReservationStatus.USED
