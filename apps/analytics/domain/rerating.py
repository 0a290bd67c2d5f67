"""Price a stored charge record anew under other terms: the same facts, grant and tax, another tariff.

Pure: the record is handed in with what it stored, and rates of tax it did not need by whoever knows them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self, TypeAlias

from apps.analytics.domain.tally import Gap, Outcome, Tally
from apps.core.domain.money import round_half_up
from apps.core.domain.tax import NoTaxRate, TaxNotSupported
from apps.core.domain.zones import zone
from apps.sessions.domain.settling import asks_for_current, asks_for_power, prices_idle
from apps.tariffs.domain.facts import RatingInputs
from apps.tariffs.domain.rating import MissingTaxRate, RatedSession, inputs_from_document, rate_session
from apps.tariffs.domain.terms import TariffTerms
from apps.tariffs.domain.timeline import mean_powers


class StoredRecord(NamedTuple):
    """What a trial reads of a charge record and its session.

    inputs        as ``inputs_as_document`` wrote them
    net, gross    as charged, rounded
    group         kind of the paying customer, or ``tally.AD_HOC``
    country       of the charger (ISO 3166-1 alpha-2) · tax_date  local day of the end of supply
    tells_idling  its own tariff priced idling, so that the facts go on after the stop
    """

    session_id: int
    uid: str
    started_at: datetime
    time_zone: str
    location_id: int
    country: str
    group: str
    tax_date: date
    energy_milliwh: int
    currency: str
    net: Decimal
    gross: Decimal
    tells_idling: bool
    inputs: Mapping[str, Any]


RateOf: TypeAlias = Callable[[str, date, str], Decimal]
"""(country, day, tax category) → fraction of the net; raises what ``decide_tax`` raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Terms to try, with what they ask of a session, worked out once.

    categories  the tax categories that they may price
    """

    terms: TariffTerms
    categories: frozenset[str]
    asks_for_idling: bool
    asks_for_power: bool
    asks_for_current: bool

    @classmethod
    def of(cls, terms: TariffTerms) -> Self:
        components = (component for element in terms.elements for component in element.price_components)
        return cls(
            terms=terms,
            categories=frozenset(str(component.tax_category) for component in components),
            asks_for_idling=prices_idle(terms),
            asks_for_power=asks_for_power(terms),
            asks_for_current=asks_for_current(terms),
        )

    def gaps(self, record: StoredRecord, inputs: RatingInputs) -> tuple[Gap, ...]:
        """Return what the terms ask for and the record does not tell, because its own tariff did not ask."""
        found = []
        if self.asks_for_idling and not record.tells_idling:
            found.append(Gap.IDLING)
        if self.asks_for_power and not inputs.facts.powers:
            found.append(Gap.POWER)
        if self.asks_for_current and not inputs.facts.currents:
            found.append(Gap.CURRENT)
        return tuple(found)


def rerate(record: StoredRecord, inputs: RatingInputs, *, tried: Tried, rate_of: RateOf) -> RatedSession:
    """Price a record's stored facts under the terms tried.

    The record's own tax rates hold; only those of categories that its own tariff did not have are asked for. Power that
    it did not need is the mean between its readings.

    :raises UnratableFacts, MissingTaxRate, NoTaxRate, SellerNotRegistered, TaxNotSupported: the terms cannot price it
    """
    facts, rates = inputs.facts, inputs.tax_rates
    if tried.asks_for_power and not facts.powers:
        facts = replace(facts, powers=mean_powers(facts.register))
    missing = tried.categories - rates.keys()
    if missing:
        asked = {category: rate_of(record.country, record.tax_date, category) for category in sorted(missing)}
        rates = {**rates, **asked}
    return rate_session(facts=facts, terms=tried.terms, grant=inputs.grant, tax_rates=rates)


def add_to(tally: Tally, record: StoredRecord, *, tried: Tried, rate_of: RateOf) -> None:
    """Price a record anew and add what comes of it; one that cannot be compared is counted with its reason."""
    if record.currency != tried.terms.currency:
        tally.other_currencies[record.currency] += 1
        return
    try:
        inputs = inputs_from_document(record.inputs)
        rated = rerate(record, inputs, tried=tried, rate_of=rate_of)
    except (LookupError, ValueError, ArithmeticError, TypeError, TaxNotSupported) as error:
        # One record that cannot be priced (no tax rate, damaged inputs) is named and stops no other.
        is_said = isinstance(error, (ValueError, TaxNotSupported, MissingTaxRate, NoTaxRate))
        tally.leave_out(str(error) if is_said else f"its stored inputs are damaged ({type(error).__name__})")
        return
    tally.gaps.update(tried.gaps(record, inputs))
    tally.add(
        Outcome(
            session_id=record.session_id,
            uid=record.uid,
            started_at=record.started_at,
            location_id=record.location_id,
            hour=record.started_at.astimezone(zone(record.time_zone)).hour,
            group=record.group,
            energy_milliwh=record.energy_milliwh,
            # A column has more decimals than the currency; these are rounded already.
            net_before=round_half_up(record.net, currency=record.currency),
            gross_before=round_half_up(record.gross, currency=record.currency),
            net_after=rated.net,
            gross_after=rated.gross,
        )
    )
