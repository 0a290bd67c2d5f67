"""What a session has cost so far, and what it may cost before a stop is obeyed: priced by the engine that bills it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.core.domain.tax import NoTaxRate, SellerNotRegistered, TaxNotSupported
from apps.sessions.domain.limits import at_full_power, most_delivered
from apps.sessions.evidence import Evidence, begin_of, end_of, local_date, tax_rates
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from apps.tariffs.domain.idling import IdlePrice, idle_price_ahead
from apps.tariffs.domain.rating import UnratableFacts, rate_session
from apps.tariffs.domain.running import running_cost
from apps.tariffs.domain.terms import TariffTerms


class CannotBePriced(Exception):
    """What is known of the session contradicts itself, or nothing prices it; the message is a sentence."""


def register_so_far(evidence: Evidence) -> tuple[Reading, ...]:
    """Return the session's clean register, from its beginning to its end or its last reading.

    :raises CannotBePriced: it has no beginning, or its readings contradict each other
    """
    begin = begin_of(evidence.session)
    if begin is None:
        raise CannotBePriced("The begin reading could not be read.")
    end = end_of(evidence.session)
    if end is not None and end.at_ms < begin.at_ms:
        raise CannotBePriced("The session ends before it starts.")
    clean = evidence.clean(begin=begin, end=end)
    if clean.problems:
        raise CannotBePriced(clean.problems[0].message)
    return clean.readings


def gross_so_far(evidence: Evidence, *, grant: GrantTerms) -> Decimal:
    """Return the gross amount as of the session's end or last reading; nothing is extrapolated.

    Idling after the stop counts as far as it is known.

    :raises CannotBePriced: see ``register_so_far``; or there is no tariff or no tax rate
    """
    register = register_so_far(evidence)
    if evidence.session.ended_at is not None:
        return _gross(evidence, evidence.facts(register), grant=grant)
    facts = evidence.facts_so_far(register, ended_at=from_epoch_ms(register[-1].at_ms))
    return _gross(evidence, facts, grant=grant)


def gross_before_a_stop(evidence: Evidence, *, grant: GrantTerms, at: datetime) -> Decimal:
    """Return the gross amount that a live session may reach before a stop requested at ``at`` is obeyed.

    Readings that contradict each other, or whose clock is wrong, count for as much as they can mean: a limit that they
    switch off would be none.

    :raises CannotBePriced: nothing is known of the register, or there is no tariff or no tax rate
    """
    register = _register_at_most(evidence, at)
    ahead = at_full_power(register, max_power_w=evidence.max_power_w)
    facts = evidence.facts_so_far((*register, ahead), ended_at=from_epoch_ms(ahead.at_ms))
    return _gross(evidence, facts, grant=grant)


def _register_at_most(evidence: Evidence, at: datetime) -> tuple[Reading, ...]:
    begin = begin_of(evidence.session) or next(iter(evidence.readings), None)
    if begin is None:
        raise CannotBePriced("The register is not known.")
    most_milliwh = begin.energy_milliwh + most_delivered(begin, evidence.readings)
    clean = evidence.clean(begin=begin, end=None)
    if not clean.problems and clean.readings[-1].energy_milliwh == most_milliwh:
        return clean.readings
    until_ms = max(begin.at_ms + 1, to_epoch_ms(at))
    return (begin, Reading(at_ms=until_ms, energy_milliwh=most_milliwh))


def idle_amount_until(evidence: Evidence, *, until: datetime) -> Decimal:
    """Return what idling has cost of an ended session whose vehicle stands there until ``until``, its cap applied.

    :raises CannotBePriced: as ``gross_so_far``
    """
    facts = evidence.facts(register_so_far(evidence), until=until)
    terms, rates = _terms_and_rates(evidence, facts)
    try:
        return rate_session(facts=facts, terms=terms, grant=GrantTerms(), tax_rates=rates).idle_amount
    except UnratableFacts as error:
        raise CannotBePriced(f"It cannot be priced: {error}.") from error


def idle_price_of(evidence: Evidence, *, at: datetime) -> IdlePrice | None:
    """Return what idling costs next, if from ``at`` on the vehicle takes no energy; None: nothing within a day.

    :raises CannotBePriced: as ``gross_so_far``
    """
    if evidence.terms is None or not evidence.prices_idle:
        return None
    register = register_so_far(evidence)
    at = max(at, from_epoch_ms(register[-1].at_ms))
    is_over = evidence.session.ended_at is not None
    facts = evidence.facts(register, until=at) if is_over else evidence.facts_so_far(register, ended_at=at)
    try:
        return idle_price_ahead(facts, terms=evidence.terms)
    except UnratableFacts as error:
        raise CannotBePriced(f"It cannot be priced: {error}.") from error


def _gross(evidence: Evidence, facts: SessionFacts, *, grant: GrantTerms) -> Decimal:
    terms, rates = _terms_and_rates(evidence, facts)
    try:
        return running_cost(facts_so_far=facts, terms=terms, grant=grant, tax_rates=rates)
    except UnratableFacts as error:
        raise CannotBePriced(f"It cannot be priced: {error}.") from error


def _terms_and_rates(evidence: Evidence, facts: SessionFacts) -> tuple[TariffTerms, Mapping[str, Decimal]]:
    session, terms = evidence.session, evidence.terms
    if terms is None:
        raise CannotBePriced("No tariff applies to the session.")
    on = local_date(from_epoch_ms(facts.ended_at_ms), session)
    try:
        return terms, tax_rates(session, terms=terms, on=on)
    except (NoTaxRate, SellerNotRegistered, TaxNotSupported) as error:
        raise CannotBePriced(f"It cannot be priced: {error}.") from error
