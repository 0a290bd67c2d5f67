"""What a plan adds to an invoice: base fee, included energy, steps, minimum and maximum of a span of days.

A span is the part of a billing period in which one plan is in force; its amounts, allowance and steps are the period's
share by days. Worked: 100 kWh included and 30.00 a month, from 15 March: 17 of 31 days give 54.838 kWh and
30.00 × 17 ÷ 31 = 16.4516… → 16.45.

Order within a span: included energy, then steps on what is charged beyond it, then minimum or maximum. Every line is
quantity × price, exact, and rounded once when it is billed; minimum and maximum count what is billed, so that the
invoice adds up to them to the cent. Sessions are rounded one by one, included energy in one sum: 12 sessions of
1.001 kWh × 0.49 cost 12 × 0.49 = 5.88, and 12.012 kWh are −5.89; where all is included a line of 0.01 makes it nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from apps.contracts.domain.plans import Days, IncludedFor, PlanTerms
from apps.core.domain.money import EXACT, round_half_up
from apps.tariffs.domain.ladders import Tier, commitment_lines, graduated_lines
from apps.tariffs.domain.period import (
    IncludedEnergy,
    LineKind,
    PeriodLine,
    PeriodPart,
    included_lines,
    line_of,
    prorate_days,
    share_each,
    share_pool,
)

_MILLIWH_PER_KWH = Decimal(1_000_000)
_WH = Decimal("0.001")


class SeveralSupplies(ValueError):
    """Steps and maxima change what one supply costs, and the span's sessions are taxed in more than one way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the sessions of a span come to.

    parts    their energy by price; ``tax_category`` names how the supply is taxed
    charged  what they cost, rounded, on the plan's side of the tax
    energy_only  record → what it costs, rounded, on its tariff's side of the tax; of records that lie whole in the
             span and cost nothing besides energy, all taxed in one way
    stated   what a line comes to, rounded, on the plan's side of the tax: a tariff may state its prices on the other
    """

    parts: tuple[PeriodPart, ...]
    charged: Decimal
    energy_only: Mapping[str, Decimal]
    stated: Callable[[PeriodLine], Decimal]


def base_fee_line(terms: PlanTerms, *, days: Days, period: Days, tax_category: str) -> PeriodLine | None:
    """Return the base fee of a span; None where the plan has none."""
    if not terms.base_fee:
        return None
    return line_of(
        kind=LineKind.BASE_FEE,
        quantity=Decimal(1),
        price=_share(terms.base_fee, days=days, period=period, currency=terms.currency),
        words=terms.name,
        tax_category=tax_category,
    )


def usage_lines(
    terms: PlanTerms, *, days: Days, period: Days, usage: Usage, service_tax: str
) -> tuple[PeriodLine, ...]:
    """Return the lines that a span's sessions and plan add.

    service_tax  how the line is taxed that brings up to a minimum: nothing was delivered for it

    :raises SeveralSupplies: steps or a maximum apply to sessions that are taxed in several ways
    """
    covered = _included(terms, usage.parts, days=days, period=period)
    lines = [*included_lines(covered, each_owner=terms.included_for is IncludedFor.VEHICLE)]
    lines += _rounding_lines(lines, covered, usage, currency=terms.currency)
    lines += _step_lines(terms, usage.parts, covered, days=days, period=period)
    charged = usage.charged + sum((usage.stated(line) for line in lines), Decimal(0))
    if terms.minimum is not None:
        committed = _share(terms.minimum, days=days, period=period, currency=terms.currency)
        lines += commitment_lines(
            charged=charged, committed=committed, currency=terms.currency, tax_category=service_tax
        )
    if terms.maximum is not None:
        limit = _share(terms.maximum, days=days, period=period, currency=terms.currency)
        if charged > limit:
            lines.append(_cap_line(charged - limit, limit, terms=terms, tax_category=_only_supply(usage.parts)))
    return tuple(line for line in lines if line.amount)


def _included(terms: PlanTerms, parts: Iterable[PeriodPart], *, days: Days, period: Days) -> tuple[IncludedEnergy, ...]:
    allowance = prorate_days(included_milliwh=terms.included_milliwh, days=days.count, of_days=period.count)
    if terms.included_for is IncludedFor.CONTRACT:
        return share_pool(parts=parts, included_milliwh=allowance)
    parts = tuple(parts)
    return share_each(parts=parts, included_milliwh={part.owner: allowance for part in parts if part.owner})


def _rounding_lines(
    included: Sequence[PeriodLine], covered: Sequence[IncludedEnergy], usage: Usage, *, currency: str
) -> list[PeriodLine]:
    """Let included energy take off no more than sessions cost that are nothing but energy, and all where it is all."""
    lines = []
    for tax in sorted({line.tax_category for line in included}):
        parts = [part for part in usage.parts if part.tax_category == tax and part.price and part.energy_milliwh]
        covers = [cover for cover in covered if cover.part.tax_category == tax]
        records = {_record_of(cover.part) for cover in covers}
        if not records <= usage.energy_only.keys():
            continue
        cost = sum((usage.energy_only[record] for record in records), Decimal(0))
        taken = -sum(
            (round_half_up(line.amount, currency=currency) for line in included if line.tax_category == tax), Decimal(0)
        )
        is_all = sum(part.energy_milliwh for part in parts) == sum(cover.energy_milliwh for cover in covers)
        surplus = taken - (cost if is_all else min(taken, cost))
        lines.append(
            line_of(kind=LineKind.ROUNDING, quantity=Decimal(1), price=surplus, words="rounding", tax_category=tax)
        )
    return [line for line in lines if line.amount]


def _record_of(part: PeriodPart) -> str:
    return part.part_id.partition("/")[0]


def _step_lines(
    terms: PlanTerms,
    parts: Sequence[PeriodPart],
    covered: Sequence[IncludedEnergy],
    *,
    days: Days,
    period: Days,
) -> tuple[PeriodLine, ...]:
    """Price what goes beyond the included energy by the steps of its sum."""
    beyond = sum(part.energy_milliwh for part in parts) - sum(cover.energy_milliwh for cover in covered)
    if not terms.steps or not beyond:
        return ()
    steps = [_step_share(step, days=days, period=period) for step in terms.steps]
    units = EXACT.divide(Decimal(beyond), _MILLIWH_PER_KWH)
    return graduated_lines(units=units, tiers=steps, unit="kWh", tax_category=_only_supply(parts))


def _cap_line(surplus: Decimal, limit: Decimal, *, terms: PlanTerms, tax_category: str) -> PeriodLine:
    return line_of(
        kind=LineKind.CAP,
        quantity=Decimal(-1),
        price=surplus,
        words=f"at most {limit:f} {terms.currency}",
        tax_category=tax_category,
    )


def _only_supply(parts: Iterable[PeriodPart]) -> str:
    supplies = {part.tax_category for part in parts}
    if len(supplies) != 1:
        raise SeveralSupplies("the plan's steps and maximum need sessions that are all taxed in one way")
    return supplies.pop()


def _share(amount: Decimal, *, days: Days, period: Days, currency: str) -> Decimal:
    """Return an amount's share for some days of a period, rounded half up; all of it for all days."""
    if days.count == period.count:
        return amount
    return round_half_up(EXACT.divide(EXACT.multiply(amount, Decimal(days.count)), period.count), currency=currency)


def _step_share(step: Tier, *, days: Days, period: Days) -> Tier:
    """Return a step that ends earlier in a shorter span, at a whole Wh; its flat amount stays."""
    if step.up_to is None or days.count == period.count:
        return step
    share = EXACT.divide(EXACT.multiply(step.up_to, Decimal(days.count)), period.count)
    return replace(step, up_to=share.quantize(_WH, ROUND_HALF_UP))
