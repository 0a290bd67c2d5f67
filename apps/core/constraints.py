"""Check constraints that several apps state."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db.models import CheckConstraint, F, Func, IntegerField, Q

# What people agree on begins and ends within these years; every page and calendar reaches them.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class MinorUnit(Func):
    """``minor_unit(currency)``: decimals of an ISO 4217 currency (a SQL function of core's first migration)."""

    function = "minor_unit"
    output_field = IntegerField()


def is_rounded_money(*fields: str, currency: str = "currency", name: str) -> CheckConstraint:
    """Refuse amounts finer than their currency's minor unit; PostgreSQL itself would round silently to the column."""
    condition = Q()
    for field in fields:
        condition &= Q(**{field: Func(F(field), MinorUnit(F(currency)), function="round")}) | Q(
            **{f"{field}__isnull": True}
        )
    return CheckConstraint(condition=condition, name=name)


def has_usual_years(*fields: str, name: str) -> CheckConstraint:
    """Refuse instants whose year was mistyped, which no zone or calendar can show: only 2000 to 2199 are taken."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__gte": _FIRST, f"{field}__lt": _LAST}) | Q(**{f"{field}__isnull": True})
    return CheckConstraint(condition=condition, name=name)


def has_usual_day(field: str, *, name: str) -> CheckConstraint:
    """Refuse a day whose year was mistyped: only 2000 to 2199 are taken."""
    return CheckConstraint(condition=Q(**{f"{field}__gte": "2000-01-01", f"{field}__lt": "2200-01-01"}), name=name)


def never_overlap(
    *same: str, first: str = "first_day", end: str = "end_day", is_last: bool = False, name: str, **more: Any
) -> ExclusionConstraint:
    """Refuse two rows that are alike in ``same`` and share a day.

    end   the day after the last one, empty for ever; with ``is_last`` the last one itself
    more  as ExclusionConstraint takes it: a condition, the words of a refusal
    """
    days = Func(
        first,
        end,
        RangeBoundary(inclusive_upper=True) if is_last else RangeBoundary(),
        function="daterange",
        output_field=DateRangeField(),
    )
    expressions: list[tuple[str | Func, str]] = [(field, RangeOperators.EQUAL) for field in same]
    return ExclusionConstraint(name=name, expressions=[*expressions, (days, RangeOperators.OVERLAPS)], **more)
