"""What a credit note takes back of a line: all of it, or a part, never more than is left.

On gross documents the net of a part is what its gross contains, rounded at the running sum of all parts, so that a line
that is credited whole, in however many parts, is credited to the cent. 10.00 with 19 % contains 8.40 net:

    part  gross  running  contains  net of the part
    1     3.33   3.33     2.80      2.80
    2     3.33   6.66     5.60      2.80
    3     3.34   10.00    8.40      2.80

A session costs what its line states less what a plan took off the document's sessions (included energy, rebates, a
maximum), each in proportion; no more is given back for it. Two sessions of 4.90 with 6.13 of included energy cost
1.84 and 1.83, beside a base fee of 30.00, which costs 30.00.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from apps.core.domain.money import EXACT, allot, round_half_up
from apps.invoices.domain.amounts import LineAmounts


def left_of(line: LineAmounts, *, credited: LineAmounts) -> LineAmounts:
    """Return what is left of a line of which ``credited`` was taken back already; same signs as the line."""
    return LineAmounts(
        category=line.category,
        rate=line.rate,
        net=line.net - credited.net,
        gross=None if line.gross is None or credited.gross is None else line.gross - credited.gross,
    )


def part_of(line: LineAmounts, *, credited: LineAmounts, stated: Decimal, currency: str) -> LineAmounts:
    """Return the part of a line that states ``stated``, net or gross as the line does, after ``credited`` was taken."""
    if line.gross is None or credited.gross is None:
        return LineAmounts(category=line.category, rate=line.rate, net=stated, gross=None)
    running = credited.gross + stated
    net = round_half_up(EXACT.divide(running, 1 + line.rate), currency=currency) - credited.net
    return LineAmounts(category=line.category, rate=line.rate, net=net, gross=stated)


def spread(amount: Decimal, left: Sequence[Decimal], *, currency: str) -> tuple[Decimal, ...]:
    """Spread one amount over lines in proportion to what is left of each, and over none more than that.

    amount  ≥ 0, rounded, at most the sum of ``left``

    :raises ValueError: it is more than is left
    :raises NotRounded: it has a fraction of the currency's minor unit
    """
    if not 0 <= amount <= sum(left):
        raise ValueError(f"{amount} of {sum(left)} {currency}")
    return allot(amount, left, currency=currency)


class LineGroup(IntEnum):
    """What a line is for; what takes off comes first of its neighbours."""

    SESSION = 0
    USAGE = 1
    FEE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A line of a document as it states it; ``tax`` its category and rate. Below zero it takes off others."""

    group: LineGroup
    tax: tuple[str, Decimal]
    amount: Decimal


def costs_of(lines: Sequence[Stated], *, currency: str) -> tuple[Decimal, ...]:
    """Return what each line of a document costs, ≥ 0: what lines below zero take off is deducted from the others.

    A plan's line on energy takes off sessions of its tax first, what takes a fee back other fees; what is more than
    those come to is deducted from the rest. Of a document of no less than zero the costs sum to its lines.
    """
    costs = [max(line.amount, Decimal(0)) for line in lines]
    for taking in (line for line in lines if line.amount < 0):
        left = -taking.amount
        for places in _taken_from(taking, lines):
            weights = [costs[place] for place in places]
            part = min(left, sum(weights, Decimal(0)))
            if part:
                for place, share in zip(places, allot(part, weights, currency=currency), strict=True):
                    costs[place] -= share
                left -= part
    return tuple(costs)


def _taken_from(taking: Stated, lines: Sequence[Stated]) -> Iterator[list[int]]:
    """Yield the places of the lines that a line below zero is deducted from, those that it is about first."""
    groups = sorted(LineGroup, reverse=taking.group is LineGroup.FEE)
    for group in groups:
        yield [at for at, line in enumerate(lines) if line.group is group and line.tax == taking.tax]
    yield list(range(len(lines)))
