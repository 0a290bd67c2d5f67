"""How a community's cost is shared among its units: by days and weights, or by consumption, exact to the cent.

By days, worked: 90.00 EUR of June between two units of equal weight, of which one changes hands on the 16th. Each day
carries 3.00, each unit 1.50 of it: 45.00 for the first, 15 × 1.50 = 22.50 for each of the other's holders. What a day
cannot be divided by is kept as a fraction, and the cents are allotted once, by largest remainder, so that the shares
add up to the cost whatever the key is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import lcm

from apps.contracts.domain.plans import Cycle, Days, period_of
from apps.core.domain.money import EXACT, allot, round_half_up


class KeyKind(StrEnum):
    """By what a cost is shared: each unit alike, floor area, a table of weights, or the energy that was charged."""

    EQUAL = "equal"
    AREA = "area"
    TABLE = "table"
    CONSUMPTION = "consumption"


class NotShared(ValueError):
    """The cost cannot be shared as things stand; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """What a unit weighs on some days, > 0; days on which it weighs nothing are in none of them. unit: its label"""

    unit: str
    first: date
    end: date | None
    weight: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Who holds a unit from a day on, until before another (None: open). holder: the contract that is billed."""

    unit: str
    holder: int
    first: date
    end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a holder of a unit bears. part: of the whole, 0 to 1, exact · amount: rounded to the currency"""

    unit: str
    holder: int
    days: Days
    part: Fraction
    amount: Decimal


def periods_of(*, first: date, end: date | None, is_monthly: bool, until: date) -> tuple[Days, ...]:
    """Return the periods of a cost that are over by a day: calendar months, cut where it begins or ends, or all of it.

    A cost that is no monthly one has an end.
    """
    found, day = [], first
    while end is None or day < end:
        period = period_from(day, end=end, is_monthly=is_monthly)
        if period.last > until:
            break
        found.append(period)
        day = period.end
    return tuple(found)


def period_from(day: date, *, end: date | None, is_monthly: bool) -> Days:
    """Return the period of a cost that begins on a day: until the month is over or the cost ends."""
    if not is_monthly:
        assert end is not None, "a single cost has an end"
        return Days(first=day, end=end)
    month = period_of(day, cycle=Cycle.MONTH)
    return Days(first=day, end=min(month.end, end or month.end))


def amount_of(amount: Decimal, *, period: Days, is_monthly: bool, currency: str) -> Decimal:
    """Return what a period costs: a month's amount by its days where the cost begins or ends within; half up."""
    if not is_monthly:
        return amount
    month = period_of(period.first, cycle=Cycle.MONTH)
    return round_half_up(EXACT.divide(amount * period.count, Decimal(month.count)), currency=currency)


def share_by_days(
    amount: Decimal, *, period: Days, weights: Sequence[Weighted], stays: Sequence[Stay], currency: str
) -> tuple[Share, ...]:
    """Share a cost whose every day weighs alike, by what each unit weighs on that day; whoever holds it then bears it.

    :raises NotShared: on some day no unit weighs anything, or nobody holds a unit that does
    """
    parts: dict[Stay, Fraction] = {}
    for days in _cut(period, [*weights, *stays]):
        weighing = [one for one in weights if _covers(one, days.first)]
        whole = sum((Fraction(one.weight) for one in weighing), Fraction(0))
        if not whole:
            raise NotShared(f"no unit has a weight from {days.first} to {days.last}")
        for one in weighing:
            stay = next((stay for stay in stays if stay.unit == one.unit and _covers(stay, days.first)), None)
            if stay is None:
                raise NotShared(
                    f"nobody holds {one.unit} from {days.first} to {days.last}: enter its tenant, or its owner"
                )
            share = Fraction(one.weight) / whole * Fraction(days.count, period.count)
            parts[stay] = parts.get(stay, Fraction(0)) + share
    return _allotted(amount, parts, period=period, currency=currency)


def share_by_consumption(
    amount: Decimal, *, period: Days, stays: Sequence[Stay], milliwh: Sequence[int], currency: str
) -> tuple[Share, ...]:
    """Share a cost by the energy that each holder charged within the period; who charged nothing bears nothing.

    milliwh  one a stay, in order

    :raises NotShared: nobody charged anything
    """
    whole = sum(milliwh)
    if not whole:
        raise NotShared(f"nobody charged from {period.first} to {period.last}: choose another key for these days")
    parts = {stay: Fraction(energy, whole) for stay, energy in zip(stays, milliwh, strict=True) if energy}
    return _allotted(amount, parts, period=period, currency=currency)


def clipped(stay: Stay, period: Days) -> Days | None:
    """Return the days of a stay within a period; None: there are none."""
    first, end = max(stay.first, period.first), min(stay.end or period.end, period.end)
    return Days(first=first, end=end) if first < end else None


def _cut(period: Days, spans: Iterable[Weighted | Stay]) -> Iterable[Days]:
    """Cut a period at every day on which a weight or a holder changes."""
    edges = {period.first, period.end}
    for span in spans:
        edges |= {day for day in (span.first, span.end) if day is not None and period.first < day < period.end}
    ordered = sorted(edges)
    return [Days(first=first, end=end) for first, end in pairwise(ordered)]


def _covers(span: Weighted | Stay, day: date) -> bool:
    return span.first <= day and (span.end is None or day < span.end)


def _allotted(amount: Decimal, parts: dict[Stay, Fraction], *, period: Days, currency: str) -> tuple[Share, ...]:
    stays = sorted(parts, key=lambda stay: (stay.unit, stay.first))
    common = lcm(*(parts[stay].denominator for stay in stays))
    amounts = allot(amount, [Decimal(int(parts[stay] * common)) for stay in stays], currency=currency)
    shares = []
    for stay, one in zip(stays, amounts, strict=True):
        days = clipped(stay, period)
        assert days is not None, "only stays within the period weigh"
        shares.append(Share(unit=stay.unit, holder=stay.holder, days=days, part=parts[stay], amount=one))
    return tuple(shares)
