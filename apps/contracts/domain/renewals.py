"""How long a contract runs, until when notice may be given, and what is due on a day.

Days are local ones of the seller; ``end`` is the first day without the contract. Notice counts back from it: with
30 days and an end on 1 January the last day to give it is 2 December.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

REMINDED_BEFORE: Final = 14
"""Days before the last day of notice on which the customer is told that the contract will be renewed."""
_MONTHS_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """end  None: until further notice · renews_months  0: it ends by itself · notice_days ≥ 0"""

    end: date | None
    renews_months: int
    notice_days: int

    @property
    def last_notice(self) -> date | None:
        """The last day on which notice ends it at its end; None where it has no end."""
        return None if self.end is None else self.end - timedelta(days=self.notice_days)


class Due(StrEnum):
    """What a day asks of a contract."""

    NOTHING = "nothing"
    REMIND = "remind"
    RENEW = "renew"
    END = "end"


def what_is_due(term: Term, *, today: date) -> Due:
    """Tell what is due; the caller knows whether the reminder was sent. A renewal goes before a reminder."""
    if term.end is None or term.last_notice is None:
        return Due.NOTHING
    if term.renews_months == 0:
        return Due.END if today >= term.end else Due.NOTHING
    if today > term.last_notice:
        return Due.RENEW
    return Due.REMIND if today >= term.last_notice - timedelta(days=REMINDED_BEFORE) else Due.NOTHING


def renewed(term: Term) -> Term:
    """Return the term after one renewal, from its end on.

    :raises ValueError: it has no end, or does not renew
    """
    if term.end is None or term.renews_months <= 0:
        raise ValueError("only a term with an end and a renewal is renewed")
    return Term(
        end=add_months(term.end, term.renews_months), renews_months=term.renews_months, notice_days=term.notice_days
    )


def earliest_end(term: Term, *, given_on: date) -> date:
    """Return the first day without the contract if notice is given on a day."""
    if term.end is None:
        return given_on + timedelta(days=max(term.notice_days, 1))
    end = term.end
    while term.renews_months and given_on > end - timedelta(days=term.notice_days):
        end = add_months(end, term.renews_months)
    return end


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or its last day: 31 January and a month is 28 or 29 February."""
    index = day.month - 1 + months
    year, month = day.year + index // _MONTHS_A_YEAR, index % _MONTHS_A_YEAR + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
