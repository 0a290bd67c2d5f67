"""Whole months, one or several, on the calendar of the books."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """first: the first day · end: the first day after it."""

    first: date
    end: date

    @classmethod
    def of_months(cls, first: date, last: date) -> Self:
        """Return the span from one month to another, both included and in either order."""
        first, last = min(first, last), max(first, last)
        return cls(first=first.replace(day=1), end=month_after(last))

    @property
    def last(self) -> date:
        """The last day."""
        return self.end - timedelta(days=1)

    def __str__(self) -> str:
        if month_after(self.first) == self.end:
            return f"{self.first:%B %Y}"
        return f"{self.first:%B %Y} to {self.last:%B %Y}"


def month_after(day: date) -> date:
    """Return the first day of the month after that of ``day``."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def months_between(first: date, last: date) -> list[date]:
    """Return the first days of the months from ``first``'s to ``last``'s, newest first."""
    month, found = first.replace(day=1), []
    while month <= last:
        found.append(month)
        month = month_after(month)
    return found[::-1]
