"""From when standing without charging costs something, as the engine that bills it says: nothing is computed here."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from apps.tariffs.domain.facts import GrantTerms, Measured, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.rated import RatedSession
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import Dimension, TariffTerms

LOOK_AHEAD: Final = timedelta(hours=24)
"""So long the vehicle is taken to stand there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePrice:
    """The first price of idling: per hour, net or gross as the tariff says, from ``from_ms`` (UTC epoch ms) on."""

    from_ms: int
    price: Decimal


def idle_price_ahead(facts: SessionFacts, *, terms: TariffTerms) -> IdlePrice | None:
    """Return what a session costs next by idling alone, if from ``facts.ended_at_ms`` on its vehicle takes no energy.

    None: nothing within ``LOOK_AHEAD``, or its cap is reached. ``facts`` have a reading at least.

    :raises UnratableFacts: see ``rate_session``
    """
    now_ms = facts.ended_at_ms
    end_ms = now_ms + LOOK_AHEAD // timedelta(milliseconds=1)
    standing = replace(
        facts,
        ended_at_ms=end_ms,
        states=(*facts.states, StateChange(at_ms=now_ms, state=VehicleState.IDLE)),
        register=(*facts.register, Reading(at_ms=end_ms, energy_milliwh=facts.register[-1].energy_milliwh)),
        powers=(*facts.powers, Measured(at_ms=now_ms, value=0)),
        currents=(*facts.currents, Measured(at_ms=now_ms, value=0)),
    )
    rated = _rated(standing, terms)
    if rated.idle_amount == _rated(facts, terms).idle_amount:
        return None
    return next(
        IdlePrice(from_ms=max(period.start_ms, now_ms), price=part.price)
        for period in rated.periods
        if period.end_ms > now_ms
        for part in period.parts
        if part.dimension is Dimension.PARKING_TIME and part.price
    )


def _rated(facts: SessionFacts, terms: TariffTerms) -> RatedSession:
    """Rate without tax: what is read of it, amounts of idling and prices, is as the tariff states it."""
    categories = {component.tax_category for element in terms.elements for component in element.price_components}
    return rate_session(facts=facts, terms=terms, grant=GrantTerms(), tax_rates=dict.fromkeys(categories, Decimal(0)))
