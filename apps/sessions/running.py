"""What a session has cost so far, and what it may cost before a stop is obeyed: priced by the engine that bills it."""

from datetime import datetime
from decimal import Decimal

from apps.core.clock import from_epoch_ms
from apps.core.domain.tax import NoTaxRate, SellerNotRegistered, TaxNotSupported
from apps.sessions.domain.limits import at_full_power
from apps.sessions.evidence import Evidence, begin_of, end_of, local_date, tax_rates
from apps.tariffs.domain.facts import GrantTerms, Reading
from apps.tariffs.domain.rating import UnratableFacts
from apps.tariffs.domain.running import running_cost


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

    :raises CannotBePriced: see ``register_so_far``; or there is no tariff or no tax rate
    """
    register = register_so_far(evidence)
    ended_at = evidence.session.ended_at or from_epoch_ms(register[-1].at_ms)
    return _gross(evidence, register, ended_at=ended_at, grant=grant)


def gross_before_a_stop(evidence: Evidence) -> Decimal:
    """Return the gross amount that a live session may reach before a stop requested now is obeyed; no ceiling.

    :raises CannotBePriced: as ``gross_so_far``
    """
    register = register_so_far(evidence)
    ahead = at_full_power(register, max_power_w=evidence.max_power_w)
    return _gross(evidence, (*register, ahead), ended_at=from_epoch_ms(ahead.at_ms), grant=GrantTerms())


def _gross(evidence: Evidence, register: tuple[Reading, ...], *, ended_at: datetime, grant: GrantTerms) -> Decimal:
    session = evidence.session
    if session.tariff_version is None:
        raise CannotBePriced("No tariff applies to the session.")
    terms = session.tariff_version.terms()
    try:
        return running_cost(
            facts_so_far=evidence.facts(register, ended_at=ended_at),
            terms=terms,
            grant=grant,
            tax_rates=tax_rates(session, terms=terms, on=local_date(ended_at, session)),
        )
    except (NoTaxRate, SellerNotRegistered, TaxNotSupported, UnratableFacts) as error:
        raise CannotBePriced(f"It cannot be priced: {error}.") from error
