"""How a settled session becomes a charge record: rated once, frozen, with all that was told to compute it."""

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256

from django.db import OperationalError, transaction
from django.db.models import Max

from apps.accounts.models import User
from apps.core.bells import ring_on_commit
from apps.core.clock import from_epoch_ms
from apps.core.domain.tax import NoTaxRate, SellerNotRegistered, TaxNotSupported
from apps.core.sweeps import one_by_one
from apps.sessions.domain.calibration import NotCalibrated, check_energy_alone
from apps.sessions.domain.status import SessionStatus
from apps.sessions.errors import RatingRefused
from apps.sessions.evidence import Evidence, begin_of, end_of, gather, local_date, tax_rates
from apps.sessions.granted import grant_terms
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.overlaps import contested_by
from apps.sessions.services.lookup import locked_sessions
from apps.sessions.services.news import tell_rated
from apps.sessions.services.signing import check_signatures, verified_readings
from apps.sessions.services.spending import end_reservation
from apps.tariffs.domain.facts import GrantTerms, RatingInputs, SessionFacts
from apps.tariffs.domain.rating import (
    RatedSession,
    UnratableFacts,
    as_document,
    canonical_bytes,
    inputs_as_document,
    rate_session,
)

log = logging.getLogger(__name__)

_ONLY_VERIFIED = "Its station may bill only verified energy (calibration law)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A rating that is not stored yet. tax_date: local day of the end of supply."""

    inputs: RatingInputs
    rated: RatedSession
    tax_date: date


@transaction.atomic
def rate_settled(*, session_id: int, at: datetime) -> Cdr:
    """Rate a settled session and keep the result as revision 1; a session that has a charge record returns it.

    :raises RatingRefused: not settled, nobody pays, no tax rate, or facts that contradict themselves
    """
    session = lock_for_rating(session_id)
    current = current_cdr(session)
    if current is not None:
        return current
    check_signatures(session_id=session.pk, at=at)
    return write_cdr(session, price(session, facts=settled_facts(session), grant=grant_terms(session)), at=at)


def settled_facts(session: ChargingSession) -> SessionFacts:
    """Return what is evidenced of a settled session, between the readings given with its start and its stop.

    Under calibration law these are what the meter signed, and nothing between them.

    :raises RatingRefused: not settled, nobody pays, its readings contradict themselves, or are not verified
    """
    if session.status != SessionStatus.SETTLED or session.ended_at is None:
        raise RatingRefused(f"The session is {session.status}, not settled.")
    if not session.is_billable:
        raise RatingRefused("Nobody pays for the session.")
    (evidence,) = gather([session])
    if session.kind == ChargingSession.Kind.RESERVATION:
        return evidence.facts(())
    begin, end = begin_of(session), end_of(session)
    if begin is None or end is None:
        raise RatingRefused("The session's register has no beginning or no end.")
    clean = evidence.clean(begin=begin, end=end)
    if clean.problems:
        raise RatingRefused(clean.problems[0].message)
    facts = verified_facts(evidence) if session.is_under_calibration_law else evidence.facts(clean.readings)
    if (other := contested_by(session)) is not None:
        # Asked only now that both ends are committed: of two that settle at once, the later rated sees the other.
        raise RatingRefused(f"Session {other} counts the same energy of the same connector at the same time.")
    return facts


def verified_facts(evidence: Evidence) -> SessionFacts:
    """Return what is evidenced of a session by its meter's signature; its signed records are checked already.

    :raises RatingRefused: there is no verified begin and end, or they are not of this session
    """
    session = evidence.session
    begin, end = begin_of(session), end_of(session)
    if begin is None or end is None or end.at_ms < begin.at_ms:
        raise RatingRefused(f"{_ONLY_VERIFIED} The register has no beginning or no end to compare it with.")
    try:
        begin, end = verified_readings(session, begin=begin, end=end)
    except NotCalibrated as refusal:
        raise RatingRefused(f"{_ONLY_VERIFIED} {refusal}") from refusal
    return evidence.facts(replace(evidence, readings=()).clean(begin=begin, end=end).readings)


@transaction.atomic
def rate_or_review(*, session_id: int, at: datetime) -> Cdr | None:
    """Rate a settled session; one that cannot be rated goes to review with the reason, and nothing is billed."""
    try:
        with transaction.atomic():
            return rate_settled(session_id=session_id, at=at)
    except RatingRefused as refusal:
        log.warning("session %s is not rated: %s", session_id, refusal)
        session = lock_for_rating(session_id)
        # What was checked went with the savepoint; whoever looks at the session wants to see it.
        check_signatures(session_id=session.pk, at=at)
        if session.status == SessionStatus.SETTLED:
            session.set_in_review(reasons=[str(refusal)])
        return None
    except OperationalError:
        raise
    except Exception as error:
        # It would break again at every sweep, and nobody would ever be told of it.
        log.exception("session %s could not be rated", session_id)
        session = lock_for_rating(session_id)
        if session.status == SessionStatus.SETTLED:
            session.set_in_review(reasons=[f"It could not be priced ({type(error).__name__}); the log says more."])
        return None


def sweep_unrated(*, at: datetime, limit: int = 500) -> int:
    """Rate the settled sessions that no bell has brought here, oldest first; return how many were looked at."""
    ids = list(
        ChargingSession.objects.filter(
            status=SessionStatus.SETTLED,
            authorisation="Accepted",
            tariff_version__isnull=False,
            cdrs__isnull=True,
        )
        .order_by("settled_at", "pk")
        .values_list("pk", flat=True)[:limit]
    )
    one_by_one(ids, lambda session_id: rate_or_review(session_id=session_id, at=at))
    return len(ids)


def lock_for_rating(session_id: int) -> ChargingSession:
    """Lock a session and load what its rating reads."""
    return locked_sessions().select_related("tariff_version", "grant", "evse__station__location").get(pk=session_id)


def current_cdr(session: ChargingSession) -> Cdr | None:
    """Return the session's highest revision, if any."""
    return session.cdrs.filter(purpose=session.record_purpose).order_by("-revision").first()


def price(session: ChargingSession, *, facts: SessionFacts, grant: GrantTerms) -> Priced:
    """Price the facts under the session's tariff, with the tax of the day the supply ended.

    :raises RatingRefused: no tax rate, facts that contradict themselves, or what calibration law forbids to bill
    """
    version = session.tariff_version
    assert version is not None
    terms = version.terms()
    tax_date = local_date(from_epoch_ms(facts.ended_at_ms), session)
    try:
        inputs = RatingInputs(facts=facts, grant=grant, tax_rates=tax_rates(session, terms=terms, on=tax_date))
        rated = rate_session(facts=inputs.facts, terms=terms, grant=inputs.grant, tax_rates=inputs.tax_rates)
    except (NoTaxRate, SellerNotRegistered, TaxNotSupported, UnratableFacts) as error:
        raise RatingRefused(f"It cannot be priced: {error}.") from error
    _check_calibration_law(session, facts, rated)
    return Priced(inputs=inputs, rated=rated, tax_date=tax_date)


def _check_calibration_law(session: ChargingSession, facts: SessionFacts, rated: RatedSession) -> None:
    """Let no way lead around the verified energy, whoever decides; what costs nothing needs no proof."""
    if not session.is_under_calibration_law or rated.gross <= 0:
        return
    try:
        check_energy_alone(rated)
    except NotCalibrated as refusal:
        raise RatingRefused(f"{_ONLY_VERIFIED} {refusal}") from refusal
    if rated.energy_milliwh:
        (evidence,) = gather([session])
        if verified_facts(evidence).register != facts.register:
            raise RatingRefused(f"{_ONLY_VERIFIED} These are other readings.")


def write_cdr(
    session: ChargingSession,
    priced: Priced,
    *,
    at: datetime,
    reason: str = "",
    by: User | None = None,
    is_automatic: bool = False,
) -> Cdr:
    """Freeze a rating as the session's next revision; the caller holds the session's lock."""
    assert session.tariff_version is not None
    inputs, rated = priced.inputs, priced.rated
    document = as_document(rated)
    last = session.cdrs.filter(purpose=session.record_purpose).aggregate(last=Max("revision"))["last"] or 0
    cdr = Cdr.objects.create(
        session=session,
        purpose=session.record_purpose,
        revision=last + 1,
        tariff_version=session.tariff_version,
        started_at=from_epoch_ms(inputs.facts.started_at_ms),
        ended_at=from_epoch_ms(inputs.facts.ended_at_ms),
        energy_milliwh=rated.energy_milliwh,
        currency=rated.currency,
        net=rated.net,
        tax=rated.tax,
        gross=rated.gross,
        tax_date=priced.tax_date,
        inputs=inputs_document(inputs),
        document=document,
        content_hash=content_hash(document),
        engine_version=rated.engine_version,
        rated_at=at,
        reason=reason,
        revised_by=by,
        is_automatic=is_automatic,
    )
    if session.late_evidence_at is not None:
        # It was gathered under the lock: this revision knows it.
        session.set_late_evidence(None)
    end_reservation(session, spent=cdr.gross.amount, at=at)
    tell_rated(cdr, session, at=at)
    ring_on_commit("session.rated", id=cdr.pk)
    return cdr


@transaction.atomic
def repeat_cdr(*, cdr_id: int, reason: str, at: datetime) -> Cdr:
    """Write a session's current record again as its next revision, word by word, so that it can be billed anew.

    reason  why another document bills it; no person and no other truth is behind it

    :raises RatingRefused: it is not the session's current record
    """
    session_id = Cdr.objects.values_list("session_id", flat=True).get(pk=cdr_id)
    session = lock_for_rating(session_id)
    cdr = current_cdr(session)
    if cdr is None or cdr.pk != cdr_id:
        raise RatingRefused("The charge record was revised meanwhile.")
    again = Cdr(
        **{
            field.attname: getattr(cdr, field.attname)
            for field in Cdr._meta.concrete_fields
            if field.attname not in ("id", "revised_by_id")
        }
    )
    again.revision, again.rated_at = cdr.revision + 1, at
    again.reason, again.is_automatic = reason[:200], True
    again.save()
    tell_rated(again, session, at=at)
    ring_on_commit("session.rated", id=again.pk)
    return again


def inputs_document(inputs: RatingInputs) -> dict[str, object]:
    """Return what a rating read besides its tariff, as it is stored."""
    return inputs_as_document(facts=inputs.facts, grant=inputs.grant, tax_rates=inputs.tax_rates)


def content_hash(document: dict[str, object]) -> str:
    """Return the SHA-256 of a rated session's canonical bytes, hexadecimal."""
    return sha256(canonical_bytes(document)).hexdigest()
