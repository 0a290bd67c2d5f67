"""Price a stored charge record anew under other terms: the same facts, grant and tax, another tariff.

Pure: the record is handed in with what it stored, and rates of tax it did not need by whoever knows them.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from apps.analytics.domain.tally import Outcome, Tally
from apps.core.domain.money import round_half_up
from apps.core.domain.tax import TaxNotSupported
from apps.core.domain.zones import zone
from apps.tariffs.domain.rating import RatedSession, inputs_from_document, rate_session
from apps.tariffs.domain.terms import TariffTerms


class StoredRecord(NamedTuple):
    """What a trial reads of a charge record and its session.

    inputs        as ``inputs_as_document`` wrote them
    net, gross    as charged, rounded
    group         kind of the paying customer, or ``tally.AD_HOC``
    country       of the charger (ISO 3166-1 alpha-2) · tax_date  local day of the end of supply
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
    inputs: Mapping[str, Any]


RateOf: TypeAlias = Callable[[str, date, str], Decimal]
"""(country, day, tax category) → fraction of the net; raises what ``decide_tax`` raises."""


def rerate(record: StoredRecord, *, terms: TariffTerms, categories: frozenset[str], rate_of: RateOf) -> RatedSession:
    """Price a record's stored facts under ``terms``, whose tax categories are ``categories``.

    The record's own tax rates hold; only those of categories that its own tariff did not have are asked for.

    :raises UnratableFacts, MissingTaxRate, NoTaxRate, SellerNotRegistered, TaxNotSupported: the terms cannot price it
    :raises KeyError: the inputs were not written by ``inputs_as_document``
    """
    inputs = inputs_from_document(record.inputs)
    rates: Mapping[str, Decimal] = inputs.tax_rates
    missing = categories - rates.keys()
    if missing:
        asked = {category: rate_of(record.country, record.tax_date, category) for category in sorted(missing)}
        rates = {**rates, **asked}
    return rate_session(facts=inputs.facts, terms=terms, grant=inputs.grant, tax_rates=rates)


def add_to(
    tally: Tally, record: StoredRecord, *, terms: TariffTerms, categories: frozenset[str], rate_of: RateOf
) -> None:
    """Price a record anew and add what comes of it; one that cannot be compared is counted with its reason."""
    if record.currency != terms.currency:
        tally.other_currencies[record.currency] += 1
        return
    try:
        rated = rerate(record, terms=terms, categories=categories, rate_of=rate_of)
    except (LookupError, ValueError, TaxNotSupported) as error:
        # One record that cannot be priced (no tax rate, damaged inputs) is named and stops no other.
        tally.leave_out(f"its stored inputs lack {error}" if type(error) is KeyError else str(error))
        return
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


def categories_of(terms: TariffTerms) -> frozenset[str]:
    """Return the tax categories that the terms may price."""
    return frozenset(str(part.tax_category) for element in terms.elements for part in element.price_components)
