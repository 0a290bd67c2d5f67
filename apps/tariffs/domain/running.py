"""What a running session costs so far, by the same engine that bills it."""

from collections.abc import Mapping
from decimal import Decimal

from apps.tariffs.domain.facts import GrantTerms, SessionFacts
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import TariffTerms


def running_cost(
    *,
    facts_so_far: SessionFacts,
    terms: TariffTerms,
    grant: GrantTerms,
    tax_rates: Mapping[str, Decimal],
) -> Decimal:
    """Return the gross amount if the session ended now; ``facts_so_far.ended_at_ms`` is now.

    The grant's ceiling holds the amount at the limit.
    """
    rated = rate_session(facts=facts_so_far, terms=terms, grant=grant, tax_rates=tax_rates)
    return rated.gross
