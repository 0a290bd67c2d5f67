"""What the naive engine makes of exact amounts: cap, discount, rounding, bounds, ceiling and floor, in fractions.

Totals are (net, tax, gross) of each tax category, in the order in which the tariff names the categories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from apps.core.domain.money import minor_unit
from apps.tariffs.domain.facts import GrantTerms, SessionFacts
from apps.tariffs.domain.terms import Dimension, PriceLimit, TariffTerms, ZeroEnergyPolicy
from tests.unit.tariffs.naive import Tally, half_up, tally, total_energy


class Total(NamedTuple):
    net: Fraction
    tax: Fraction
    gross: Fraction


NOTHING = Total(Fraction(0), Fraction(0), Fraction(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class NaiveBill:
    """A priced session, to be compared with a ``RatedSession``.

    quantities  of each (element, dimension), steps included
    parts       exact amount of each tax category before cap and discount
    amounts     the same after them
    exact       (net, gross) before rounding, each clamped by its own minimum and maximum price
    """

    quantities: dict[tuple[int, Dimension], int]
    parts: dict[str, Fraction]
    idle_amount: Fraction
    amounts: dict[str, Fraction]
    exact: tuple[Fraction, Fraction]
    totals: dict[str, Total]


def rate(facts: SessionFacts, terms: TariffTerms, grant: GrantTerms, tax_rates: Mapping[str, Decimal]) -> NaiveBill:
    """Price a session in all the steps of TARIFFS.md "Quantity, steps, price"."""
    rates = {category: Fraction(rate) for category, rate in tax_rates.items()}
    found = tally(facts, terms)
    idle_amount, amounts = capped(found, terms)
    discount = 1 - Fraction(grant.discount_percent or 0) / 100
    amounts = {category: amount * discount for category, amount in amounts.items()}
    bounds = [terms.min_price if has_minimum(facts, terms) else None, terms.max_price]
    totals = rounded(amounts, terms, rates)
    for bound, is_beyond in zip(bounds, (is_less, is_more), strict=True):
        totals = bounded(totals, bound, is_beyond, terms, rates)
    return NaiveBill(
        quantities={key: quantity for key, quantity in found.quantities.items() if quantity},
        parts=dict(found.amounts),
        idle_amount=idle_amount,
        amounts=amounts,
        exact=exact(amounts, bounds, terms, rates),
        totals=granted(totals, grant, terms, rates),
    )


def exact_amounts(facts: SessionFacts, terms: TariffTerms) -> dict[str, Fraction]:
    """Return the exact amount of each tax category that has a part, the idle cap applied."""
    return capped(tally(facts, terms), terms)[1]


def categories(terms: TariffTerms) -> list[str]:
    named = [component.tax_category for element in terms.elements for component in element.price_components]
    return list(dict.fromkeys(named))


def capped(found: Tally, terms: TariffTerms) -> tuple[Fraction, dict[str, Fraction]]:
    """Return what idling costs, and all amounts, the idle ones brought down to the cap pro rata."""
    idle = sum(found.idle.values(), Fraction(0))
    kept = Fraction(1)
    if terms.idle.max_amount is not None and idle > terms.idle.max_amount:
        kept = Fraction(terms.idle.max_amount) / idle
    amounts = {
        category: found.amounts[category] - (1 - kept) * found.idle.get(category, 0)
        for category in categories(terms)
        if category in found.amounts
    }
    return kept * idle, amounts


def has_minimum(facts: SessionFacts, terms: TariffTerms) -> bool:
    """Tell whether there was a session, and one that was not let off."""
    if facts.reservation is not None and facts.reservation.expired:
        return False
    return total_energy(facts) > 0 or terms.zero_energy is ZeroEnergyPolicy.FULL


# Rounding and tax ------------------------------------------------------------------------------------------------


def to_minor(amount: Fraction, terms: TariffTerms) -> Fraction:
    grain = 10 ** minor_unit(terms.currency)
    return Fraction(half_up(amount * grain), grain)


def from_net(net: Fraction, rate: Fraction, terms: TariffTerms) -> Total:
    tax = to_minor(net * rate, terms)
    return Total(net, tax, net + tax)


def from_gross(gross: Fraction, rate: Fraction, terms: TariffTerms) -> Total:
    net = to_minor(gross / (1 + rate), terms)
    return Total(net, gross - net, gross)


def rounded(amounts: Mapping[str, Fraction], terms: TariffTerms, rates: Mapping[str, Fraction]) -> dict[str, Total]:
    """Round each category once, on the side that the tariff states."""
    taxed = from_gross if terms.tax_included else from_net
    return {category: taxed(to_minor(amount, terms), rates[category], terms) for category, amount in amounts.items()}


def sum_of(totals: Mapping[str, Total]) -> Total:
    return Total(*(sum(side, Fraction(0)) for side in zip(*totals.values(), NOTHING, strict=True)))


# Bounds, ceiling and floor ---------------------------------------------------------------------------------------


def is_less(amount: Fraction, bound: Fraction) -> bool:
    return amount < bound


def is_more(amount: Fraction, bound: Fraction) -> bool:
    return amount > bound


def sides_of(bound: PriceLimit | None, terms: TariffTerms) -> list[tuple[str, Fraction]]:
    """Return the sides that a minimum or maximum price states, the tariff's own side first."""
    if bound is None:
        return []
    sides = [("net", bound.excl_vat), ("gross", bound.incl_vat)]
    if terms.tax_included:
        sides.reverse()
    return [(side, Fraction(amount)) for side, amount in sides if amount is not None]


def bounded(
    totals: dict[str, Total], bound: PriceLimit | None, is_beyond, terms: TariffTerms, rates: Mapping[str, Fraction]
) -> dict[str, Total]:
    for side, amount in sides_of(bound, terms):
        if is_beyond(getattr(sum_of(totals), side), amount):
            totals = moved(totals or {categories(terms)[0]: NOTHING}, side, amount, terms, rates)
    return totals


def granted(
    totals: dict[str, Total], grant: GrantTerms, terms: TariffTerms, rates: Mapping[str, Fraction]
) -> dict[str, Total]:
    """Apply the ceiling, then the floor to what is left."""
    if grant.limit_amount is not None and sum_of(totals).gross > grant.limit_amount:
        totals = moved(totals, "gross", Fraction(grant.limit_amount), terms, rates)
    if grant.waive_below is not None and sum_of(totals).gross < grant.waive_below:
        totals = dict.fromkeys(totals, NOTHING)
    return totals


def moved(
    totals: dict[str, Total], side: str, target: Fraction, terms: TariffTerms, rates: Mapping[str, Fraction]
) -> dict[str, Total]:
    """Bring the sum of one side to ``target``, pro rata over the categories; the other side follows by the rate."""
    taxed = from_net if side == "net" else from_gross
    weights = [getattr(total, side) for total in totals.values()]
    if not any(weights):
        weights[0] = Fraction(1)
    shares = largest_remainder(target - sum(getattr(total, side) for total in totals.values()), weights, terms)
    return {
        category: taxed(getattr(total, side) + share, rates[category], terms) if share else total
        for (category, total), share in zip(totals.items(), shares, strict=True)
    }


def largest_remainder(amount: Fraction, weights: Sequence[Fraction], terms: TariffTerms) -> list[Fraction]:
    """Split an amount of whole minor units pro rata; the largest remainders, the first of them first, get the rest."""
    grain = 10 ** minor_unit(terms.currency)
    sign = -1 if amount < 0 else 1
    quotas = [abs(amount) * grain * weight / sum(weights) for weight in weights]
    shares = [int(quota) for quota in quotas]
    for _ in range(int(abs(amount) * grain) - sum(shares)):
        remainders = [quota - share for quota, share in zip(quotas, shares, strict=True)]
        shares[remainders.index(max(remainders))] += 1
    return [Fraction(sign * share, grain) for share in shares]


# Unrounded -------------------------------------------------------------------------------------------------------


def exact(
    amounts: Mapping[str, Fraction],
    bounds: Sequence[PriceLimit | None],
    terms: TariffTerms,
    rates: Mapping[str, Fraction],
) -> tuple[Fraction, Fraction]:
    """Return exact net and gross, each within its own bounds; a side without a bound follows the other pro rata."""
    factors = {category: 1 + rates[category] for category in amounts}
    if terms.tax_included:
        net, gross = (
            sum((amount / factors[name] for name, amount in amounts.items()), Fraction(0)),
            sum(amounts.values()),
        )
    else:
        net, gross = (
            sum(amounts.values()),
            sum((amount * factors[name] for name, amount in amounts.items()), Fraction(0)),
        )
    for bound, clamp in zip(bounds, (max, min), strict=True):
        if bound is None:
            continue
        # What is nothing on both sides is taxed as the first category.
        factor = gross / net if net else 1 + rates[next(iter(amounts), categories(terms)[0])]
        bounded_net = net if bound.excl_vat is None else clamp(net, Fraction(bound.excl_vat))
        bounded_gross = gross if bound.incl_vat is None else clamp(gross, Fraction(bound.incl_vat))
        net = bounded_gross / factor if bound.excl_vat is None else bounded_net
        gross = bounded_net * factor if bound.incl_vat is None else bounded_gross
    return Fraction(net), Fraction(gross)
