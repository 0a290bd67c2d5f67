"""What a credit note takes back of a line: all of it, or a part, never more than is left.

On gross documents the net of a part is what its gross contains, rounded at the running sum of all parts, so that a line
that is credited whole, in however many parts, is credited to the cent. 10.00 with 19 % contains 8.40 net:

    part  gross  running  contains  net of the part
    1     3.33   3.33     2.80      2.80
    2     3.33   6.66     5.60      2.80
    3     3.34   10.00    8.40      2.80
"""

from collections.abc import Sequence
from decimal import Decimal

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
