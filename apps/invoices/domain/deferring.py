"""What of a fee in advance is earned in which month: by local days, to the cent.

A fee of 90.00 for 1 January to 31 March, billed on 31 December (90 days, 1.00 a day): 31.00 are earned with January,
28.00 with February, 31.00 with March. Billed on 10 February instead, January is over and earned at once; 59.00 are
deferred. What is taken back of it later, because the plan ended or the invoice was credited, takes back each month's
part: of months that are over from revenue, of the others from what is deferred.

============================  ==========  ====================  =======
of 100.00, 15 Jan to 31 Mar   days of 76  exact                 part
============================  ==========  ====================  =======
January                       17          22.3684…              22.37
February                      28          36.8421…              36.84
March                         31          40.7894…              40.79
============================  ==========  ====================  =======
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from apps.core.domain.money import allot

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a month earns of a fee. first, last: its days of that month · amount: net, rounded, signed as the fee"""

    first: date
    last: date
    amount: Decimal


def parts_of(amount: Decimal, *, first: date, last: date, currency: str) -> tuple[Part, ...]:
    """Split a fee for the days from first to last over their months by largest remainder; a month of nothing is none.

    amount  net, rounded; below zero where it is taken back
    """
    months = list(_months(first, last))
    weights = [Decimal((end - begin).days + 1) for begin, end in months]
    shares = allot(amount, weights, currency=currency)
    return tuple(
        Part(first=begin, last=end, amount=share) for (begin, end), share in zip(months, shares, strict=True) if share
    )


def deferred_on(parts: tuple[Part, ...], *, day: date) -> tuple[Part, ...]:
    """Return the parts that are not earned yet on a day: their month, or their last day of it, is not over."""
    return tuple(part for part in parts if part.last >= day)


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the days of each month from first to last, both included."""
    while first <= last:
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield first, min(last, after - _DAY)
        first = after
