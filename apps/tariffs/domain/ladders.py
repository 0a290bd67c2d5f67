"""Prices that depend on how much a whole period used: tiers, percentages with something free, commitments.

Pure and exact, like ``period.py``; every function returns lines whose amounts add up to the charge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from apps.core.domain.money import EXACT
from apps.tariffs.domain.period import LineKind, PeriodLine, line_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A step of a ladder.

    up_to       the last unit of it, included; None: open. The first tier begins at 0, each other where the one before
                ends.
    unit_price  of each unit in it
    flat        once, when it is entered; the first tier is entered without any use
    """

    up_to: Decimal | None
    unit_price: Decimal
    flat: Decimal = Decimal(0)


def graduated_lines(*, units: Decimal, tiers: Sequence[Tier], unit: str, tax_category: str) -> tuple[PeriodLine, ...]:
    """Price each unit in the tier in which it falls, plus the flat of every tier entered.

    :raises ValueError: units are negative, or the tiers do not ascend to an open one
    """
    _check(units, tiers)
    lines: list[PeriodLine] = []
    start = Decimal(0)
    for tier in tiers:
        if start and units <= start:
            break
        end = units if tier.up_to is None else min(units, tier.up_to)
        lines += _tier_lines(tier, end - start, start, unit=unit, tax_category=tax_category)
        start = end
        if tier.up_to is None or units <= tier.up_to:
            break
    return tuple(lines)


def volume_lines(*, units: Decimal, tiers: Sequence[Tier], unit: str, tax_category: str) -> tuple[PeriodLine, ...]:
    """Price all units in the one tier in which their total falls; more use may so cost less (see ``what_changes``).

    :raises ValueError: units are negative, or the tiers do not ascend to an open one
    """
    _check(units, tiers)
    start = Decimal(0)
    for tier in tiers:
        if tier.up_to is None or units <= tier.up_to:
            break
        start = tier.up_to
    return tuple(_tier_lines(tier, units, start, unit=unit, tax_category=tax_category))


def percentage_lines(
    *,
    amounts: Sequence[Decimal],
    rate: Decimal,
    fixed: Decimal = Decimal(0),
    free_events: int | None = None,
    free_amount: Decimal | None = None,
    currency: str,
    tax_category: str,
) -> tuple[PeriodLine, ...]:
    """Take a percentage of events' amounts and a fixed fee of each: a commission on payments or roaming.

    The first events are free, until ``free_events`` of them have passed or ``free_amount`` is used up, whichever comes
    first. The event within which the amount is used up pays the percentage on what lies above, and the fixed fee.

    amounts      one an event, in order of time, ≥ 0
    rate         fraction (0.013)
    free_events, free_amount  None: no bound by that; both None: nothing is free

    :raises ValueError: an amount is negative
    """
    if any(amount < 0 for amount in amounts):
        raise ValueError("an event's amount is negative")
    nothing_free = free_events is None and free_amount is None
    taxable, paying, left = Decimal(0), 0, free_amount
    for at, amount in enumerate(amounts):
        is_within = not nothing_free and (free_events is None or at < free_events)
        free = (amount if left is None else min(amount, left)) if is_within else Decimal(0)
        left = None if left is None else left - free
        taxable += amount - free
        paying += not (is_within and free == amount)
    lines = []
    if taxable:
        words = f"{taxable:f} {currency} × {_percent(rate)} %"
        lines.append(
            line_of(kind=LineKind.PERCENTAGE, quantity=taxable, price=rate, words=words, tax_category=tax_category)
        )
    if paying and fixed:
        words = f"{paying} × {fixed:f} {currency}"
        lines.append(
            line_of(kind=LineKind.EVENT, quantity=Decimal(paying), price=fixed, words=words, tax_category=tax_category)
        )
    return tuple(lines)


def commitment_lines(
    *, charged: Decimal, committed: Decimal, currency: str, tax_category: str
) -> tuple[PeriodLine, ...]:
    """Return the line that brings a period up to what was committed to; none where that was reached.

    charged, committed  on the same side of the tax
    """
    if charged >= committed:
        return ()
    missing = committed - charged
    words = f"{missing:f} {currency} up to the minimum of {committed:f} {currency}"
    return (line_of(kind=LineKind.TRUE_UP, quantity=Decimal(1), price=missing, words=words, tax_category=tax_category),)


def _tier_lines(tier: Tier, units: Decimal, start: Decimal, *, unit: str, tax_category: str) -> list[PeriodLine]:
    span = f"over {start:f}" if tier.up_to is None else f"{start:f} to {tier.up_to:f}"
    lines = []
    if tier.flat:
        words = f"{tier.flat:f} for {span} {unit}"
        lines.append(
            line_of(
                kind=LineKind.TIER_FLAT, quantity=Decimal(1), price=tier.flat, words=words, tax_category=tax_category
            )
        )
    if units:
        words = f"{units:f} {unit} × {tier.unit_price:f} ({span})"
        lines.append(
            line_of(kind=LineKind.TIER, quantity=units, price=tier.unit_price, words=words, tax_category=tax_category)
        )
    return lines


def _check(units: Decimal, tiers: Sequence[Tier]) -> None:
    if units < 0:
        raise ValueError(f"{units} units are negative")
    if not tiers or tiers[-1].up_to is not None:
        raise ValueError("the last tier is not open")
    bounds = [Decimal(0), *(tier.up_to for tier in tiers[:-1] if tier.up_to is not None)]
    if len(bounds) != len(tiers) or any(after <= before for before, after in pairwise(bounds)):
        raise ValueError("the tiers do not ascend")


def _percent(rate: Decimal) -> str:
    return f"{EXACT.multiply(rate, Decimal(100)).normalize():f}"
