"""Rate a session: the one engine, from facts and terms to explained totals (TARIFFS.md)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from apps.tariffs.domain.bill import exact_amount
from apps.tariffs.domain.compiled import SHARES_PER_PICO, SHARES_PER_UNIT, CompiledTariff, compile_tariff
from apps.tariffs.domain.documents import (
    as_document,
    canonical_bytes,
    inputs_as_document,
    inputs_from_document,
)
from apps.tariffs.domain.facts import (
    GrantTerms,
    Measured,
    RatingInputs,
    Reading,
    Reservation,
    SessionFacts,
    StateChange,
    VehicleState,
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
from apps.tariffs.domain.sweep import Swept, sweep
from apps.tariffs.domain.taxing import (
    MissingTaxRate,
    Taxed,
    Taxes,
    adjustment,
    bounded,
    bounded_exactly,
    cut,
    grant_targets,
)
from apps.tariffs.domain.terms import PriceLimit, TariffTerms, ZeroEnergyPolicy
from apps.tariffs.domain.tracks import UnratableFacts

__all__ = [
    "ENGINE_VERSION",
    "Adjustment",
    "AdjustmentKind",
    "CategoryTotal",
    "ChargingPeriod",
    "ExactAmount",
    "GrantTerms",
    "Measured",
    "MissingTaxRate",
    "PricedPart",
    "RatedSession",
    "RatingInputs",
    "Reading",
    "Reservation",
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

ENGINE_VERSION: Final = "2"
"""Stored with every rating; raised when the same inputs may yield other bytes."""

_WHOLE: Final = 1_000_000
"""A discount's rest is counted in millionths: a percentage has at most 4 decimals."""


def rate_session(
    *,
    facts: SessionFacts,
    terms: TariffTerms,
    grant: GrantTerms,
    tax_rates: Mapping[str, Decimal],
) -> RatedSession:
    """Price a session, in the order of TARIFFS.md "Quantity, steps, price": parts, the idle cap, the discount; then,
    rounded per tax category, minimum and maximum price, the grant's ceiling and its floor.

    tax_rates  fraction of the net (0.19) for each tax category of the tariff, as of the end of supply

    :raises UnratableFacts: an end lies before its start, or the register is not clean
    :raises ValueError: the location's zone is unknown, or a discount is no percentage
    :raises MissingTaxRate: a category that was priced has no rate
    :raises NotRounded: a grant amount has a fraction of a minor unit
    """
    tariff = compile_tariff(terms)
    swept = sweep(tariff=tariff, facts=facts)
    price = _Price(tariff, swept, Taxes(terms, tax_rates))
    price.cap_idle(terms.idle.max_amount)
    price.discount(grant.discount_percent)
    if terms.min_price is not None and _has_minimum(swept, facts):
        price.bound(terms.min_price, AdjustmentKind.MIN_PRICE)
    if terms.max_price is not None:
        price.bound(terms.max_price, AdjustmentKind.MAX_PRICE)
    price.limit(grant)
    taxed = price.taxed
    return RatedSession(
        currency=terms.currency,
        energy_milliwh=swept.energy_milliwh,
        charging_ms=swept.charging_ms,
        idle_ms=swept.idle_ms,
        idle_amount=exact_amount(price.idle_shares),
        periods=swept.periods,
        adjustments=tuple(price.adjustments),
        totals=taxed.totals,
        net=taxed.net,
        tax=taxed.tax,
        gross=taxed.gross,
        exact=cut(price.exact),
        zero_energy=None if swept.energy_milliwh or _is_expired(facts) else terms.zero_energy,
        engine_version=ENGINE_VERSION,
    )


def _has_minimum(swept: Swept, facts: SessionFacts) -> bool:
    """Tell whether a minimum price holds: not for a session let off, nor where nobody came."""
    return not swept.is_let_off and not _is_expired(facts)


def _is_expired(facts: SessionFacts) -> bool:
    return facts.reservation is not None and facts.reservation.expired


class _Price:
    """A session's price on its way from the sum of the parts to the total; each step that changes it leaves a line."""

    def __init__(self, tariff: CompiledTariff, swept: Swept, taxes: Taxes) -> None:
        self._taxes = taxes
        self._categories = tariff.tax_categories
        self._idle = swept.idle_shares
        self._shares = {
            category: shares
            for category, shares in zip(tariff.tax_categories, swept.shares, strict=True)
            if shares is not None
        }
        self.idle_shares = sum(swept.idle_shares.values())
        self.taxed: Taxed = taxes.round(self._shares)
        self._bounded: ExactAmount | None = None
        self.adjustments: list[Adjustment] = []

    @property
    def exact(self) -> ExactAmount:
        """Return what the steps so far left, uncut. No step after a bound changes the parts' sum."""
        return self._bounded or self._taxes.exact(self._shares)

    def cap_idle(self, max_amount: Decimal | None) -> None:
        """Take off what idling costs beyond its cap, pro rata over the tax categories that priced it."""
        if max_amount is None:
            return
        cap = int(max_amount * SHARES_PER_UNIT)
        excess = self.idle_shares - cap
        if excess <= 0:
            return
        shares = dict(self._shares)
        taken = seen = 0
        for index, idle in self._idle.items():
            seen += idle
            # Running quotients telescope, so the categories' cuts add up to the excess.
            until = excess * seen // self.idle_shares
            shares[self._categories[index]] -= until - taken
            taken = until
        self.idle_shares = cap
        self._reprice(shares, AdjustmentKind.IDLE_CAP)

    def discount(self, percent: Decimal | None) -> None:
        """Take a percentage off every category's exact amount."""
        if percent is None:
            return
        rest = (100 - percent) * (_WHOLE // 100)
        if not 0 < percent <= 100 or rest != int(rest):
            raise ValueError(f"a discount of {percent} % is no percentage up to 100 with at most 4 decimals")
        # In whole picos: a category's tie is one of them, so cutting below it changes no rounding.
        shares = {
            category: amount * int(rest) // (_WHOLE * SHARES_PER_PICO) * SHARES_PER_PICO
            for category, amount in self._shares.items()
        }
        self._reprice(shares, AdjustmentKind.DISCOUNT, detail=f" of {percent.normalize():f} %")

    def bound(self, limit: PriceLimit, kind: AdjustmentKind) -> None:
        """Hold the rounded total, and each exact side, to a minimum or maximum price."""
        taxed = self.taxed if self.taxed.totals else self._taxes.zero(self._categories[0])
        after = bounded(taxed, limit, kind=kind, taxes=self._taxes)
        self._bounded = bounded_exactly(self.exact, limit, kind=kind, rate=taxed.totals[0].rate)
        if after is not taxed:
            self._append(kind, after)

    def limit(self, grant: GrantTerms) -> None:
        """Apply the grant's ceiling, then its floor. Gross is what a grant speaks of, so it decides net and tax."""
        for kind, target in grant_targets(grant, self.taxed.gross, currency=self._taxes.currency):
            self._append(kind, self._taxes.with_gross(self.taxed, target))

    def _reprice(self, shares: dict[str, int], kind: AdjustmentKind, *, detail: str = "") -> None:
        self._shares = shares
        after = self._taxes.round(shares)
        if after.totals != self.taxed.totals:
            self._append(kind, after, detail=detail)

    def _append(self, kind: AdjustmentKind, after: Taxed, *, detail: str = "") -> None:
        self.adjustments.append(adjustment(kind, self.taxed, after, detail=detail))
        self.taxed = after
