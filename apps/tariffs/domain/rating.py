"""Rate a session: the one engine, from facts and terms to explained totals (TARIFFS.md)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import (
    GrantTerms,
    RatingInputs,
    Reading,
    SessionFacts,
    StateChange,
    VehicleState,
    ZeroEnergyPolicy,
)
from apps.tariffs.domain.rated import (
    Adjustment,
    AdjustmentKind,
    CategoryTotal,
    ChargingPeriod,
    ExactAmount,
    PricedPart,
    RatedSession,
)
from apps.tariffs.domain.terms import TariffTerms

__all__ = [
    "ENGINE_VERSION",
    "Adjustment",
    "AdjustmentKind",
    "CategoryTotal",
    "ChargingPeriod",
    "ExactAmount",
    "GrantTerms",
    "PricedPart",
    "RatedSession",
    "RatingInputs",
    "Reading",
    "SessionFacts",
    "StateChange",
    "VehicleState",
    "ZeroEnergyPolicy",
    "rate_session",
]

ENGINE_VERSION: Final = "1"


def rate_session(
    *,
    facts: SessionFacts,
    terms: TariffTerms,
    grant: GrantTerms,
    tax_rates: Mapping[TaxCategory, Decimal],
    zero_energy: ZeroEnergyPolicy = ZeroEnergyPolicy.FREE,
) -> RatedSession:
    """Price a session.

    tax_rates  fraction of the net (0.19) for each tax category of the tariff, as of the end of supply
    """
    raise NotImplementedError
