"""What the laws of rating share: how far they search, and how a rated session is read."""

import os
from collections import defaultdict
from fractions import Fraction

from hypothesis import settings

from apps.tariffs.domain.facts import GrantTerms, SessionFacts
from apps.tariffs.domain.rated import AdjustmentKind, PricedPart, RatedSession
from apps.tariffs.domain.rating import as_document, canonical_bytes, rate_session
from apps.tariffs.domain.terms import Dimension, TariffTerms
from tests.unit.tariffs.drawn import RATES

# Enough for every run; ``LAW_EXAMPLES=3000`` for a change of the engine.
EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "20"))
law = settings(max_examples=EXAMPLES, deadline=None)
main_law = settings(max_examples=3 * EXAMPLES, deadline=None)
NO_GRANT = GrantTerms()
PICO = Fraction(1, 10**12)
GRANTED = (AdjustmentKind.CEILING, AdjustmentKind.FLOOR)


def rate(facts: SessionFacts, terms: TariffTerms, grant: GrantTerms = NO_GRANT) -> RatedSession:
    return rate_session(facts=facts, terms=terms, grant=grant, tax_rates=RATES)


def document_bytes(rated: RatedSession) -> bytes:
    return canonical_bytes(as_document(rated))


def parts_of(rated: RatedSession) -> list[PricedPart]:
    return [part for period in rated.periods for part in period.parts]


def parts_by_category(rated: RatedSession) -> dict[str, Fraction]:
    amounts: dict[str, Fraction] = defaultdict(Fraction)
    for part in parts_of(rated):
        amounts[part.tax_category] += Fraction(part.amount)
    return dict(amounts)


def quantities_of(rated: RatedSession) -> dict[tuple[int, Dimension], int]:
    quantities: dict[tuple[int, Dimension], int] = defaultdict(int)
    for part in parts_of(rated):
        quantities[part.element_index, part.dimension] += part.quantity
    return dict(quantities)
