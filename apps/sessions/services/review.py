"""What a person decides about a session: to bill it as it is, or nothing. A decision is the next revision."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.accounts.models import User
from apps.sessions.domain.settling import consistent_readings
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.errors import NothingToBill, ReasonMissing, RegisterUnusable
from apps.sessions.evidence import Evidence, begin_of, end_of, gather
from apps.sessions.granted import grant_terms
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import current_cdr, lock_for_rating, price, verified_facts, write_cdr
from apps.sessions.services.signing import check_signatures
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from apps.tariffs.domain.register import RegisterProblemCode


@transaction.atomic
def accept_session(*, session_id: int, reason: str, by: User, at: datetime) -> Cdr:
    """Settle a session in review and rate it as it is, without the readings that contradict the rest.

    :raises IllegalMove: the session is not in review
    :raises NothingToBill: nobody agreed to pay, or no tariff applied
    :raises RegisterUnusable: no end is known, or the register cannot be made consistent
    :raises RatingRefused: it cannot be taxed, or calibration law forbids to bill it
    """
    _check_reason(reason)
    session = lock_for_rating(session_id)
    advance(SessionStatus(session.status), SessionStatus.SETTLED)
    if not session.is_billable:
        raise NothingToBill("Nobody agreed to pay for this session: it has no contract or no tariff.")
    check_signatures(session_id=session.pk, at=at)
    (evidence,) = gather([session])
    facts = verified_facts(evidence) if _needs_verified(session) else _usable_facts(evidence)
    session.set_settled(at=at, decision=f"Accepted as it is by {by}: {reason}")
    priced = price(session, facts=facts, grant=grant_terms(session))
    return write_cdr(session, priced, at=at, reason=reason[:200], by=by)


@transaction.atomic
def bill_nothing(*, session_id: int, reason: str, by: User, at: datetime) -> Cdr | None:
    """Decide that a session costs nothing: its next revision has zero totals. Doing it again changes nothing.

    Returns None where nobody would have been billed anyway (unknown card, no tariff): the session is just settled.

    :raises IllegalMove: the session is neither in review nor settled
    """
    _check_reason(reason)
    session = lock_for_rating(session_id)
    current = current_cdr(session)
    if session.status != SessionStatus.SETTLED:
        advance(SessionStatus(session.status), SessionStatus.SETTLED)
        if session.ended_at is None:
            _end_at_last_evidence(session, at)
        session.set_settled(at=at, decision=f"Billed to nobody by {by}: {reason}")
    elif current is not None and current.gross.amount == 0:
        return current
    if not session.is_billable:
        return None
    (evidence,) = gather([session])
    # A ceiling of zero keeps what was delivered on the record and makes it cost nothing.
    priced = price(session, facts=_facts_at_best(evidence), grant=GrantTerms(limit_amount=Decimal(0)))
    return write_cdr(session, priced, at=at, reason=reason[:200], by=by)


def _needs_verified(session: ChargingSession) -> bool:
    return session.is_under_calibration_law and session.kind == ChargingSession.Kind.CHARGE


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing("Say why; the reason stays with the charge record.")


def _end_at_last_evidence(session: ChargingSession, at: datetime) -> None:
    last = session.readings.order_by("-at").first()
    session.set_ended_unsaid(ended_at=max(session.started_at, last.at) if last else session.started_at, at=at)


def _usable_facts(evidence: Evidence) -> SessionFacts:
    """Return the facts a person accepts: anchored, and without the readings that contradict the others.

    :raises RegisterUnusable: no end is known, or nothing consistent is left
    """
    session = evidence.session
    if session.ended_at is None:
        raise RegisterUnusable("The station never said when this session ended; it can only be billed as nothing.")
    if session.ended_at < session.started_at:
        raise RegisterUnusable("The session ends before it starts; it can only be billed as nothing.")
    if session.kind == ChargingSession.Kind.RESERVATION:
        return evidence.facts(())
    begin = begin_of(session) or next(iter(evidence.readings), None)
    if begin is None:
        raise RegisterUnusable("The session has no reading; it can only be billed as nothing.")
    clean = evidence.clean(begin=begin, end=end_of(session))
    readings = clean.readings
    if any(problem.code is RegisterProblemCode.BEGIN_NOT_REGISTER for problem in clean.problems):
        # A begin of 0 would bill the whole odometer.
        readings = readings[1:]
    return evidence.facts(_consistent(readings))


def _consistent(readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    try:
        return consistent_readings(readings)
    except ValueError:
        raise RegisterUnusable(
            "The end reading is below the begin reading; it can only be billed as nothing."
        ) from None


def _facts_at_best(evidence: Evidence) -> SessionFacts:
    """Return the usable facts, or none but the instants where nothing is usable."""
    try:
        return _usable_facts(evidence)
    except RegisterUnusable:
        return evidence.facts(())
