"""What a person decides about a session: to bill it as it is, between a begin and an end, or nothing.

A decision is the next revision, with a name and a reason. Its price is shown before, by the same code that writes it.
Where the money cannot wait for a person, the part that nothing contradicts is billed by rule.
"""

from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from django.db import transaction

from apps.accounts.models import User
from apps.core.clock import from_epoch_ms
from apps.sessions.domain.settling import consistent_readings
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.errors import NothingToBill, PriceChanged, RatingRefused, ReasonMissing, RegisterUnusable
from apps.sessions.evidence import Evidence, begin_of, end_of, gather
from apps.sessions.granted import grant_terms
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.overlaps import contested_by
from apps.sessions.services.news import tell_settled
from apps.sessions.services.rating import current_cdr, lock_for_rating, price, verified_facts, write_cdr
from apps.sessions.services.signing import check_signatures
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from apps.tariffs.domain.register import RegisterProblem, RegisterProblemCode

Decision: TypeAlias = Callable[[], Cdr | None]
"""One of the decisions below, with all it needs; None: nobody would have been billed."""
MOST_MILLIWH: Final = 10**15
"""A million megawatt-hours: no meter counts further."""
LONGEST: Final = timedelta(days=31)
"""No session lasts longer; a clock that is wrong by years shall not be billed by a slip."""


def preview_decision(decide: Decision) -> Cdr | None:
    """Return the charge record that a decision would write, and write nothing.

    :raises SessionError, IllegalMove: what the decision would be refused for
    """
    with transaction.atomic():
        cdr = decide()
        transaction.set_rollback(True)
    return cdr


@transaction.atomic
def decide_as_shown(decide: Decision, *, shown_gross: Decimal | None) -> Cdr | None:
    """Decide, if it still comes to what the person was shown.

    :raises PriceChanged: the station has told something since, and the price is another; nothing was written
    """
    cdr = decide()
    gross = None if cdr is None else cdr.gross.amount
    if gross != shown_gross:
        raise PriceChanged("The station has told something meanwhile, and the price is another. Look at it again.")
    return cdr


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
    tell_settled([session], at=at)
    priced = price(session, facts=facts, grant=grant_terms(session))
    return write_cdr(session, priced, at=at, reason=reason[:200], by=by)


@transaction.atomic
def bill_between(*, session_id: int, begin: Reading, end: Reading, reason: str, by: User, at: datetime) -> Cdr:
    """Settle a session in review and rate it between the begin and the end that a person set.

    Readings between them that contradict them are left out. What the station said stays on the session; the charge
    record has the times and the register that were set.

    :raises IllegalMove: the session is not in review
    :raises NothingToBill: nobody agreed to pay, or no tariff applied
    :raises RegisterUnusable: the end lies before the begin, below it, or beyond any meter
    :raises RatingRefused: it cannot be taxed, or calibration law forbids to bill it
    """
    _check_reason(reason)
    session = lock_for_rating(session_id)
    advance(SessionStatus(session.status), SessionStatus.SETTLED)
    if not session.is_billable:
        raise NothingToBill("Nobody agreed to pay for this session: it has no contract or no tariff.")
    _check_ends(session, begin=begin, end=end, at=at)
    check_signatures(session_id=session.pk, at=at)
    if session.ended_at is None:
        session.set_ended_unsaid(ended_at=max(session.started_at, from_epoch_ms(end.at_ms)), at=at)
    session.set_settled(at=at, decision=f"Begin and end set by {by}: {reason}")
    tell_settled([session], at=at)
    (evidence,) = gather([_between(session, begin=begin, end=end)])
    readings = _consistent(evidence.clean(begin=begin, end=end).readings)
    priced = price(session, facts=evidence.facts(readings), grant=grant_terms(session))
    return write_cdr(session, priced, at=at, reason=reason[:200], by=by)


def _check_ends(session: ChargingSession, *, begin: Reading, end: Reading, at: datetime) -> None:
    if session.kind == ChargingSession.Kind.RESERVATION:
        raise RegisterUnusable("Nothing was metered of a reservation that nobody came for.")
    if not 0 <= begin.energy_milliwh <= MOST_MILLIWH or not 0 <= end.energy_milliwh <= MOST_MILLIWH:
        raise RegisterUnusable("A register of imported energy is never negative, and none counts that far.")
    if end.at_ms < begin.at_ms:
        raise RegisterUnusable("The end lies before the begin.")
    if end.energy_milliwh < begin.energy_milliwh:
        raise RegisterUnusable("The register at the end is below the register at the begin.")
    if from_epoch_ms(end.at_ms) > at:
        raise RegisterUnusable("The end lies in the future.")
    if from_epoch_ms(end.at_ms) - from_epoch_ms(begin.at_ms) > LONGEST:
        raise RegisterUnusable(f"Between begin and end are more than {LONGEST.days} days.")


def _between(session: ChargingSession, *, begin: Reading, end: Reading) -> ChargingSession:
    """Return the session as it would be had its station told this begin and this end; never saved."""
    told = copy(session)
    told.started_at, told.ended_at = from_epoch_ms(begin.at_ms), from_epoch_ms(end.at_ms)
    told.meter_start_milliwh, told.meter_stop_milliwh = begin.energy_milliwh, end.energy_milliwh
    if told.occupied_until is not None and told.occupied_until < told.ended_at:
        told.occupied_until = None
    if told.reserved_from is not None and told.reserved_from > told.started_at:
        told.reserved_from = None
    return told


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
        tell_settled([session], at=at)
    elif current is not None and current.gross.amount == 0:
        return current
    if not session.is_billable:
        return None
    (evidence,) = gather([session])
    # A ceiling of zero keeps what was delivered on the record and makes it cost nothing.
    priced = price(session, facts=_facts_at_best(evidence), grant=GrantTerms(limit_amount=Decimal(0)))
    return write_cdr(session, priced, at=at, reason=reason[:200], by=by)


@transaction.atomic
def bill_undisputed(*, session_id: int, reason: str, at: datetime) -> Cdr | None:
    """Settle a session in review by rule: bill its register up to the first reading that is odd, or nothing.

    For money that cannot wait until a person has looked, such as a hold that ends. Later evidence still makes a
    revision. A session that is not in review is left as it is; returns its current charge record, if any.

    reason  why it cannot wait, a sentence of at most 200 characters
    """
    session = lock_for_rating(session_id)
    if session.status != SessionStatus.REVIEW or not session.is_billable:
        return current_cdr(session)
    check_signatures(session_id=session.pk, at=at)
    if session.ended_at is None:
        _end_at_last_evidence(session, at)
    (evidence,) = gather([session])
    try:
        facts, grant = _undisputed_facts(evidence), grant_terms(session)
        priced = price(session, facts=facts, grant=grant)
        decision = "Billed by rule up to the last reading that nothing contradicts"
    except (RegisterUnusable, RatingRefused):
        # As when a person bills nothing: what was delivered stays on the record.
        priced = price(session, facts=_facts_at_best(evidence), grant=GrantTerms(limit_amount=Decimal(0)))
        decision = "Billed by rule to nobody, since nothing of it is beyond doubt"
    session.set_settled(at=at, decision=f"{decision}: {reason}")
    tell_settled([session], at=at)
    is_first = current_cdr(session) is None
    return write_cdr(session, priced, at=at, reason=reason, is_automatic=not is_first)


def _undisputed_facts(evidence: Evidence) -> SessionFacts:
    """Return what is evidenced from the begin to the last reading before the first one that something contradicts.

    :raises RegisterUnusable: not even the begin is beyond doubt
    :raises RatingRefused: calibration law asks for verified readings, and there are none
    """
    session = evidence.session
    if _needs_verified(session):
        return verified_facts(evidence)
    begin = begin_of(session)
    if begin is None or session.kind == ChargingSession.Kind.RESERVATION:
        raise RegisterUnusable("The register at the beginning is not known.")
    if contested_by(session) is not None:
        raise RegisterUnusable("Another session counts the same energy.")
    clean = evidence.clean(begin=begin, end=end_of(session))
    odd_ms = [reading.at_ms for problem in clean.problems for reading in _odd_of(problem)]
    sure = [reading for reading in clean.readings if not odd_ms or reading.at_ms < min(odd_ms)]
    if not sure:
        raise RegisterUnusable("The register at the beginning is contradicted.")
    end = max(sure)
    (told,) = gather([_between(session, begin=begin, end=end)])
    return told.facts(_consistent(told.clean(begin=begin, end=end).readings))


def _odd_of(problem: RegisterProblem) -> tuple[Reading, ...]:
    """Return the readings that may be wrong; an end that lies before the begin or below it is odd by itself."""
    is_about_end = problem.code in (RegisterProblemCode.END_BELOW_BEGIN, RegisterProblemCode.END_BEFORE_BEGIN)
    return problem.readings[1:] if is_about_end else problem.readings


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
        raise RegisterUnusable(
            "The station never said when this session ended: set its begin and end, or bill nothing."
        )
    if session.ended_at < session.started_at:
        raise RegisterUnusable("The session ends before it starts: set its begin and end, or bill nothing.")
    if session.kind == ChargingSession.Kind.RESERVATION:
        return evidence.facts(())
    begin = begin_of(session) or next(iter(evidence.readings), None)
    if begin is None:
        raise RegisterUnusable("The session has no reading: set its begin and end, or bill nothing.")
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
            "The end reading is below the begin reading: set its begin and end, or bill nothing."
        ) from None


def _facts_at_best(evidence: Evidence) -> SessionFacts:
    """Return the usable facts, or none but the instants where nothing is usable."""
    try:
        return _usable_facts(evidence)
    except RegisterUnusable:
        return evidence.facts(())
