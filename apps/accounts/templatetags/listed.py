"""What lists of the console show around their rows."""

from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import date_hierarchy
from django.db.models import Max, Min
from django.utils import timezone

register = template.Library()


@register.inclusion_tag("admin/date_hierarchy.html")
def dates_of(cl: Any) -> dict[str, Any]:
    """Offer the years, months or days of a list: those between its first and last, with rows or without.

    Django asks every row for its own, which of hundreds of thousands takes longer than all else on the page.
    """
    listed: Any = _Listed(cl)
    return date_hierarchy(listed) or {}


class _Listed:
    """A change list whose rows tell the dates between the first and the last."""

    def __init__(self, cl: Any) -> None:
        self._cl = cl
        self.queryset = _Between(cl.queryset, cl.date_hierarchy)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cl, name)


class _Between:
    """Answers what Django's date hierarchy asks of a queryset, with one question to the database."""

    def __init__(self, rows: Any, name: str) -> None:
        self._rows, self._name = rows, name

    @cached_property
    def _ends(self) -> dict[str, Any]:
        ends: dict[str, Any] = self._rows.order_by().aggregate(first=Min(self._name), last=Max(self._name))
        return ends

    def aggregate(self, **_asked: Any) -> dict[str, Any]:
        return self._ends

    def dates(self, _name: str, kind: str) -> list[date]:
        first, last = (_local_day(self._ends[end]) for end in ("first", "last"))
        return steps(first, last, kind) if first and last else []

    datetimes = dates


def _local_day(value: date | datetime | None) -> date | None:
    return timezone.localtime(value).date() if isinstance(value, datetime) else value


def steps(first: date, last: date, kind: str) -> list[date]:
    """Return the first day of each year or month, or each day (``kind``), from first to last, ascending."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    match kind:
        case "year":
            return [date(year, 1, 1) for year in range(first.year, last.year + 1)]
        case "month":
            return sorted({day.replace(day=1) for day in days})
        case _:
            return days
