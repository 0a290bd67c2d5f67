"""Tax and rounding of a session's exact amounts, and moving the rounded totals to a bound (TARIFFS.md "Rounding").

Owns the one rounding per tax category. Invariant: in every total the tax fits its net or gross by the rate, so that
no bound ever makes a document whose tax is not rate × net.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final, NamedTuple

from apps.core.domain.money import EXACT, allot, from_minor, round_half_up, to_minor
from apps.tariffs.domain.bill import exact_amount
from apps.tariffs.domain.compiled import SHARES_PER_UNIT
from apps.tariffs.domain.facts import GrantTerms
from apps.tariffs.domain.rated import Adjustment, AdjustmentKind, CategoryTotal, ExactAmount
from apps.tariffs.domain.terms import PriceLimit, TariffTerms

_PICO: Final = Decimal("0.000000000001")
_CUTTING: Final = Context(prec=EXACT.prec, rounding=ROUND_DOWN)
_LAST_DIGIT: Final = Decimal("1e-30")
_PER_UNIT: Final = Decimal(SHARES_PER_UNIT)

_REASONS: Final[Mapping[AdjustmentKind, str]] = {
    AdjustmentKind.IDLE_CAP: "idle time limited to its maximum",
    AdjustmentKind.DISCOUNT: "membership discount",
    AdjustmentKind.MIN_PRICE: "raised to the minimum price",
    AdjustmentKind.MAX_PRICE: "limited to the maximum price",
    AdjustmentKind.CEILING: "limited to the amount reserved",
    AdjustmentKind.FLOOR: "small amount waived",
}


class MissingTaxRate(LookupError):
    """The caller gave no rate for a tax category that the session needs."""


class Taxed(NamedTuple):
    """The rounded totals of a session at one step of the order of prices."""

    totals: tuple[CategoryTotal, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal


class Taxes:
    """How one session is taxed: currency, stated side, and the rate of each category."""

    __slots__ = ("_rates", "currency", "is_gross")

    def __init__(self, terms: TariffTerms, tax_rates: Mapping[str, Decimal]) -> None:
        self.currency = terms.currency
        self.is_gross = terms.tax_included
        self._rates = tax_rates

    def rate_of(self, category: str) -> Decimal:
        """Return a category's rate as a fraction of the net.

        :raises MissingTaxRate: none was given
        """
        try:
            return self._rates[category]
        except KeyError:
            raise MissingTaxRate(f"no tax rate given for {category}") from None

    def round(self, shares: Mapping[str, int]) -> Taxed:
        """Round each category's exact amount once, on the side the tariff states."""
        return self._sum_up(
            [
                self._stated(round_half_up(exact_amount(amount), currency=self.currency), category)
                for category, amount in shares.items()
            ]
        )

    def exact(self, shares: Mapping[str, int]) -> ExactAmount:
        """Add the exact amounts and derive the side the tariff does not state, uncut (``cut``)."""
        derived = Decimal(0)
        for category, amount in shares.items():
            factor = 1 + self.rate_of(category)
            other = EXACT.divide(amount, factor) if self.is_gross else EXACT.multiply(amount, factor)
            derived = EXACT.add(derived, other)
        stated = EXACT.divide(sum(shares.values()), _PER_UNIT)
        derived = EXACT.divide(derived, _PER_UNIT)
        return ExactAmount(derived, stated) if self.is_gross else ExactAmount(stated, derived)

    def zero(self, category: str) -> Taxed:
        """Return a total of nothing in one category, for a minimum price where nothing was priced."""
        return self._sum_up([self._stated(from_minor(0, currency=self.currency), category)])

    def with_net(self, taxed: Taxed, net: Decimal) -> Taxed:
        """Bring the net to an amount, pro rata over the categories; tax follows by the rates."""
        shares = self._allot(net - taxed.net, [total.net for total in taxed.totals])
        return self._sum_up(
            self._from_net(total.net + share, total.tax_category) if share else total
            for total, share in zip(taxed.totals, shares, strict=True)
        )

    def with_gross(self, taxed: Taxed, gross: Decimal) -> Taxed:
        """Bring the gross to an amount, pro rata over the categories; net and tax follow by the rates."""
        shares = self._allot(gross - taxed.gross, [total.gross for total in taxed.totals])
        return self._sum_up(
            self._from_gross(total.gross + share, total.tax_category) if share else total
            for total, share in zip(taxed.totals, shares, strict=True)
        )

    def _allot(self, amount: Decimal, weights: list[Decimal]) -> tuple[Decimal, ...]:
        """Split pro rata; where everything is free, the first category takes it."""
        if not any(weights):
            weights = [Decimal(index == 0) for index in range(len(weights))]
        return allot(amount, weights, currency=self.currency)

    def _stated(self, amount: Decimal, category: str) -> CategoryTotal:
        return self._from_gross(amount, category) if self.is_gross else self._from_net(amount, category)

    def _from_net(self, net: Decimal, category: str) -> CategoryTotal:
        rate = self.rate_of(category)
        tax = round_half_up(EXACT.multiply(net, rate), currency=self.currency)
        return CategoryTotal(category, rate, net, tax, net + tax)

    def _from_gross(self, gross: Decimal, category: str) -> CategoryTotal:
        """Take the tax out of a rounded gross amount; the net is rounded, the tax the difference."""
        rate = self.rate_of(category)
        net = round_half_up(EXACT.divide(gross, 1 + rate), currency=self.currency)
        return CategoryTotal(category, rate, net, gross - net, gross)

    def _sum_up(self, totals: Iterator[CategoryTotal] | list[CategoryTotal]) -> Taxed:
        """Add rounded totals; the sum of none is a zero with the currency's decimals."""
        kept = tuple(totals)
        if len(kept) == 1:
            (only,) = kept
            return Taxed(kept, only.net, only.tax, only.gross)
        net = tax = gross = from_minor(0, currency=self.currency)
        for total in kept:
            net, tax, gross = net + total.net, tax + total.tax, gross + total.gross
        return Taxed(kept, net, tax, gross)


def bounded(taxed: Taxed, limit: PriceLimit, *, kind: AdjustmentKind, taxes: Taxes) -> Taxed:
    """Raise rounded totals to a minimum, or lower them to a maximum, price.

    The stated side's bound is applied first, then the other's where it is still passed: tax always fits by the rate,
    so both sides of a limit are reached at once only where they agree with the rate.
    """
    for is_gross in (taxes.is_gross, not taxes.is_gross):
        bound = limit.incl_vat if is_gross else limit.excl_vat
        if bound is None:
            continue
        target = round_half_up(bound, currency=taxes.currency)
        amount = taxed.gross if is_gross else taxed.net
        if amount < target if kind is AdjustmentKind.MIN_PRICE else amount > target:
            taxed = taxes.with_gross(taxed, target) if is_gross else taxes.with_net(taxed, target)
    return taxed


def bounded_exactly(exact: ExactAmount, limit: PriceLimit, *, kind: AdjustmentKind, rate: Decimal) -> ExactAmount:
    """Bound each side of an exact amount by its own limit; a side without one follows the other pro rata.

    rate  of the category that takes a minimum where nothing was priced, which is no proportion to follow
    """
    best = max if kind is AdjustmentKind.MIN_PRICE else min
    net = exact.net if limit.excl_vat is None else best(exact.net, limit.excl_vat)
    gross = exact.gross if limit.incl_vat is None else best(exact.gross, limit.incl_vat)
    was = exact if exact.net and exact.gross else ExactAmount(net=Decimal(1), gross=1 + rate)
    if limit.excl_vat is None:
        net = EXACT.divide(EXACT.multiply(was.net, gross), was.gross)
    if limit.incl_vat is None:
        gross = EXACT.divide(EXACT.multiply(was.gross, net), was.net)
    return ExactAmount(net=net, gross=gross)


def cut(exact: ExactAmount) -> ExactAmount:
    """Cut both sides at 12 decimals, so that a tie of any currency, which lies on one of them, still is one.

    A quotient of 60 digits may be its last digit short of the tie it stands for.
    """
    net, gross = exact
    return ExactAmount(
        _CUTTING.quantize(EXACT.add(net, _LAST_DIGIT), _PICO),
        _CUTTING.quantize(EXACT.add(gross, _LAST_DIGIT), _PICO),
    )


def grant_targets(grant: GrantTerms, gross: Decimal, *, currency: str) -> Iterator[tuple[AdjustmentKind, Decimal]]:
    """Name what the grant changes and to which gross: the ceiling first, then the floor on what is left.

    :raises NotRounded: a grant amount has a fraction of a minor unit
    :raises ValueError: it is negative
    """
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
    """Return a grant's amount with the currency's decimals."""
    minor = to_minor(amount, currency=currency)
    if minor < 0:
        raise ValueError(f"a grant's amount is negative: {amount}")
    return from_minor(minor, currency=currency)


def adjustment(kind: AdjustmentKind, before: Taxed, after: Taxed, *, detail: str = "") -> Adjustment:
    """Return the line that leads from one step's totals to the next's."""
    was = {total.tax_category: total for total in before.totals}
    return Adjustment(
        kind=kind,
        reason=f"{_REASONS[kind]}{detail}",
        net=after.net - before.net,
        tax=after.tax - before.tax,
        gross=after.gross - before.gross,
        split=tuple(_difference(was.get(total.tax_category), total) for total in after.totals),
    )


def _difference(before: CategoryTotal | None, after: CategoryTotal) -> CategoryTotal:
    if before is None:
        return after
    return CategoryTotal(
        tax_category=after.tax_category,
        rate=after.rate,
        net=after.net - before.net,
        tax=after.tax - before.tax,
        gross=after.gross - before.gross,
    )
