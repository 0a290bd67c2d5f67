"""What a contract's plan says, and into which billing periods it cuts time.

Days are local ones of the seller. A period begins on the first day of a month or quarter and ends before the first of
the next; a plan that begins or ends within one has a span of its days.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from apps.tariffs.domain.ladders import Tier

_MONTHS_A_YEAR = 12


class Cycle(StrEnum):
    """How long a billing period is."""

    MONTH = "month"
    QUARTER = "quarter"


class IncludedFor(StrEnum):
    """Who draws on the included energy: all of the contract on one pool, or each vehicle on its own."""

    CONTRACT = "contract"
    VEHICLE = "vehicle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Local days from ``first`` until before ``end``; at least one."""

    first: date
    end: date

    @property
    def count(self) -> int:
        return (self.end - self.first).days

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """What is agreed for each whole period; amounts and prices net or gross as ``tax_included`` says.

    base_fee, in_advance   ≥ 0; in advance: due when the period begins, else when it is over
    included_milliwh       energy that costs nothing, ``included_for`` whom
    steps                  what each kWh beyond the included ones costs besides its tariff, by the period's sum; below
                           zero it is a rebate; empty: nothing
    minimum, maximum       of what the sessions of the period come to after all that; None: no bound
    """

    name: str
    currency: str
    cycle: Cycle
    tax_included: bool
    base_fee: Decimal = Decimal(0)
    in_advance: bool = False
    included_milliwh: int = 0
    included_for: IncludedFor = IncludedFor.CONTRACT
    steps: tuple[Tier, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSpan:
    """A plan in force from a day on, until before another; None: open."""

    terms: PlanTerms
    first: date
    end: date | None = None


def while_running(
    spans: Iterable[PlanSpan], *, until: date | None, pauses: Iterable[tuple[date, date | None]]
) -> list[PlanSpan]:
    """Return what is left of plans while their contract runs, in order: none of a day without it.

    until   the first day without the contract; None: it runs until further notice
    pauses  (first day without it, day from which it runs again); None: it has ended
    """
    running = sorted(spans, key=lambda span: span.first)
    for first, end in [*pauses, *([(until, None)] if until else [])]:
        running = [part for span in running for part in _around(span, first, end)]
    return running


def _around(span: PlanSpan, first: date, end: date | None) -> Iterator[PlanSpan]:
    """Yield what of a span lies before and after days that are cut out of it."""
    if span.first < first:
        yield replace(span, end=first if span.end is None else min(span.end, first))
    if end is not None and (span.end is None or span.end > end):
        yield replace(span, first=max(span.first, end))


def closed_steps(steps: Iterable[Tier]) -> tuple[Tier, ...]:
    """Return steps that price every kWh: beyond a last one that ends nothing is added."""
    given = tuple(steps)
    if not given or given[-1].up_to is None:
        return given
    return (*given, Tier(up_to=None, unit_price=Decimal(0)))


def period_of(day: date, *, cycle: Cycle) -> Days:
    """Return the whole period in which a day lies."""
    length = 1 if cycle is Cycle.MONTH else 3
    first_month = (day.month - 1) // length * length
    return Days(first=_month(day.year, first_month), end=_month(day.year, first_month + length))


def periods_until(spans: Iterable[PlanSpan], *, until: date) -> Iterator[Days]:
    """Yield the periods of a contract that have begun by a day, the first with a plan first.

    Plans follow one another, and the cycle only changes between two periods.
    """
    end = date.min
    for span in sorted(spans, key=lambda span: span.first):
        day = max(span.first, end)
        while day <= until and (span.end is None or day < span.end):
            period = period_of(day, cycle=span.terms.cycle)
            yield period
            day = end = period.end


def spans_in(period: Days, spans: Iterable[PlanSpan]) -> tuple[tuple[PlanTerms, Days], ...]:
    """Return the plans in force within a period, each with its days in it, in order."""
    found = []
    for span in sorted(spans, key=lambda span: span.first):
        first, end = max(span.first, period.first), min(span.end or period.end, period.end)
        if first < end:
            found.append((span.terms, Days(first=first, end=end)))
    return tuple(found)


def why_not_together(spans: Iterable[PlanSpan]) -> str:
    """Say why a contract cannot have these plans; "" where it can: one a day, and a change of cycle with a quarter."""
    ordered = sorted(spans, key=lambda span: span.first)
    for before, after in pairwise(ordered):
        if before.end is None or before.end > after.first:
            return f"Two plans share days from {after.first} on: end the earlier one first."
        if (
            before.terms.cycle is not after.terms.cycle
            and period_of(after.first, cycle=Cycle.QUARTER).first != after.first
        ):
            return "Between a monthly and a quarterly plan the later one begins with a quarter."
    return ""


def _month(year: int, index: int) -> date:
    """Return the first day of a month, counted from 0; 12 is January of the next year."""
    return date(year + index // _MONTHS_A_YEAR, index % _MONTHS_A_YEAR + 1, 1)
