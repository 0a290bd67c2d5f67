"""Rate a session: the one engine, from facts and terms to explained totals (TARIFFS.md)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from apps.core.domain.money import EXACT, allot, from_minor, round_half_up, to_minor
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.documents import (
    as_document,
    canonical_bytes,
    inputs_as_document,
    inputs_from_document,
)
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
from apps.tariffs.domain.sweep import UnratableFacts, sweep
from apps.tariffs.domain.terms import TariffTerms
from apps.tariffs.domain.windows import compile_tariff

__all__ = [
    "ENGINE_VERSION",
    "Adjustment",
    "AdjustmentKind",
    "CategoryTotal",
    "ChargingPeriod",
    "ExactAmount",
    "GrantTerms",
    "MissingTaxRate",
    "PricedPart",
    "RatedSession",
    "RatingInputs",
    "Reading",
    "SessionFacts",
    "StateChange",
    "UnratableFacts",
    "VehicleState",
    "ZeroEnergyPolicy",
    "as_document",
    "canonical_bytes",
    "inputs_as_document",
    "inputs_from_document",
    "rate_session",
]

ENGINE_VERSION: Final = "1"
"""Stored with every rating; raised when the same inputs may yield other bytes."""

_DERIVED: Final = Decimal("0.000000000001")


class MissingTaxRate(LookupError):
    """The caller gave no rate for a tax category that the session needs."""


class _Taxed(NamedTuple):
    """The rounded totals of a session at one step of the order of prices."""

    totals: tuple[CategoryTotal, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal


def rate_session(
    *,
    facts: SessionFacts,
    terms: TariffTerms,
    grant: GrantTerms,
    tax_rates: Mapping[TaxCategory, Decimal],
    zero_energy: ZeroEnergyPolicy = ZeroEnergyPolicy.FREE,
) -> RatedSession:
    """Price a session: quantities, unit prices, components, then the grant's ceiling and floor, tax and rounding.

    tax_rates  fraction of the net (0.19) for each tax category of the tariff, as of the end of supply

    :raises UnratableFacts: the end lies before the start, or the register is not clean
    :raises ValueError: the location's zone is unknown
    :raises MissingTaxRate: a category that was priced has no rate
    :raises NotRounded: a grant amount has a fraction of a minor unit
    """
    swept = sweep(tariff=compile_tariff(terms), facts=facts, zero_energy=zero_energy)
    rates = {category: _rate_of(category, tax_rates) for category in swept.exact}
    taxed = _sum_up(
        tuple(
            _round(amount, category=category, rate=rates[category], terms=terms)
            for category, amount in swept.exact.items()
        ),
        currency=terms.currency,
    )
    adjustments: list[Adjustment] = []
    for kind, target in _grant_targets(grant, taxed.gross, terms.currency):
        adjustment, taxed = _adjust(taxed, kind=kind, target=target, currency=terms.currency)
        adjustments.append(adjustment)
    return RatedSession(
        currency=terms.currency,
        energy_milliwh=swept.energy_milliwh,
        charging_ms=swept.charging_ms,
        periods=swept.periods,
        adjustments=tuple(adjustments),
        totals=taxed.totals,
        net=taxed.net,
        tax=taxed.tax,
        gross=taxed.gross,
        exact=_exact(swept.exact, rates, tax_included=terms.tax_included),
        zero_energy=None if swept.energy_milliwh else zero_energy,
        engine_version=ENGINE_VERSION,
    )


def _rate_of(category: TaxCategory, tax_rates: Mapping[TaxCategory, Decimal]) -> Decimal:
    try:
        return tax_rates[category]
    except KeyError:
        raise MissingTaxRate(f"no tax rate given for {category}") from None


def _round(amount: Decimal, *, category: TaxCategory, rate: Decimal, terms: TariffTerms) -> CategoryTotal:
    """Round a category's exact amount once, on the side the tariff states (TARIFFS.md "Rounding and tax")."""
    if terms.tax_included:
        gross = round_half_up(amount, currency=terms.currency)
        return _from_gross(gross, category=category, rate=rate, currency=terms.currency)
    net = round_half_up(amount, currency=terms.currency)
    tax = round_half_up(EXACT.multiply(net, rate), currency=terms.currency)
    return CategoryTotal(tax_category=category, rate=rate, net=net, tax=tax, gross=net + tax)


def _from_gross(gross: Decimal, *, category: TaxCategory, rate: Decimal, currency: str) -> CategoryTotal:
    """Take the tax out of a rounded gross amount; the net is rounded, the tax the difference."""
    net = round_half_up(EXACT.divide(gross, 1 + rate), currency=currency)
    return CategoryTotal(tax_category=category, rate=rate, net=net, tax=gross - net, gross=gross)


def _sum_up(totals: tuple[CategoryTotal, ...], *, currency: str) -> _Taxed:
    """Add rounded totals; the sum of none is a zero with the currency's decimals."""
    net = tax = gross = from_minor(0, currency=currency)
    for total in totals:
        net, tax, gross = net + total.net, tax + total.tax, gross + total.gross
    return _Taxed(totals=totals, net=net, tax=tax, gross=gross)


def _grant_targets(grant: GrantTerms, gross: Decimal, currency: str) -> Iterator[tuple[AdjustmentKind, Decimal]]:
    """Name what the grant changes and to which gross: the ceiling first, then the floor on what is left."""
    if grant.limit_amount is not None:
        limit = _checked(grant.limit_amount, currency=currency)
        if gross > limit:
            gross = limit
            yield AdjustmentKind.CEILING, limit
    if grant.waive_below is not None:
        floor = _checked(grant.waive_below, currency=currency)
        if 0 < gross < floor:
            yield AdjustmentKind.FLOOR, from_minor(0, currency=currency)


def _checked(amount: Decimal, *, currency: str) -> Decimal:
    """Return a grant's amount with the currency's decimals.

    :raises NotRounded: it has a fraction of a minor unit
    :raises ValueError: it is negative
    """
    minor = to_minor(amount, currency=currency)
    if minor < 0:
        raise ValueError(f"a grant's amount is negative: {amount}")
    return from_minor(minor, currency=currency)


_REASONS: Final[Mapping[AdjustmentKind, str]] = {
    AdjustmentKind.CEILING: "limited to the amount reserved",
    AdjustmentKind.FLOOR: "small amount waived",
}


def _adjust(taxed: _Taxed, *, kind: AdjustmentKind, target: Decimal, currency: str) -> tuple[Adjustment, _Taxed]:
    """Bring the gross down to ``target``, pro rata over the tax categories.

    Gross is what the grant speaks of, so each category's new gross decides its net and tax.
    """
    shares = allot(target - taxed.gross, [total.gross for total in taxed.totals], currency=currency)
    after = _sum_up(
        tuple(
            _from_gross(total.gross + share, category=total.tax_category, rate=total.rate, currency=currency)
            for total, share in zip(taxed.totals, shares, strict=True)
        ),
        currency=currency,
    )
    split = tuple(_difference(*pair) for pair in zip(taxed.totals, after.totals, strict=True))
    line = Adjustment(
        kind=kind,
        reason=_REASONS[kind],
        net=after.net - taxed.net,
        tax=after.tax - taxed.tax,
        gross=after.gross - taxed.gross,
        split=split,
    )
    return line, after


def _difference(before: CategoryTotal, after: CategoryTotal) -> CategoryTotal:
    return CategoryTotal(
        tax_category=before.tax_category,
        rate=before.rate,
        net=after.net - before.net,
        tax=after.tax - before.tax,
        gross=after.gross - before.gross,
    )


def _exact(
    amounts: Mapping[TaxCategory, Decimal],
    rates: Mapping[TaxCategory, Decimal],
    *,
    tax_included: bool,
) -> ExactAmount:
    """Add the exact amounts and derive the side the tariff does not state."""
    stated = sum(amounts.values(), Decimal(0))
    derived = Decimal(0)
    for category, amount in amounts.items():
        factor = 1 + rates[category]
        other = EXACT.divide(amount, factor) if tax_included else EXACT.multiply(amount, factor)
        derived += other.quantize(_DERIVED, context=EXACT)
    if tax_included:
        return ExactAmount(net=derived, gross=stated)
    return ExactAmount(net=stated, gross=derived)
