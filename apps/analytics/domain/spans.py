"""Which days a question is about: presets of an owner's local days, and the instants they cover."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from apps.core.domain.zones import zone


class Preset(StrEnum):
    """The periods people ask about; ``OWN`` states its days itself."""

    TODAY = "today"
    DAYS_7 = "7_days"
    DAYS_30 = "30_days"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    LAST_MONTH = "last_month"
    LAST_30_DAYS = "last_30_days"
    OWN = "own"


_COUNTED: Final = {Preset.TODAY: 1, Preset.DAYS_7: 7, Preset.DAYS_30: 30}


def days_of(preset: Preset, *, today: date) -> tuple[date, date]:
    """Return a preset's first and last local day, both inclusive; ``LAST_…`` are over, the others end ``today``.

    :raises ValueError: ``OWN`` has no days of its own
    """
    if preset in _COUNTED:
        return today - timedelta(days=_COUNTED[preset] - 1), today
    if preset is Preset.MONTH:
        return today.replace(day=1), today
    if preset is Preset.QUARTER:
        return today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1), today
    if preset is Preset.YEAR:
        return today.replace(month=1, day=1), today
    if preset is Preset.LAST_MONTH:
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    if preset is Preset.LAST_30_DAYS:
        return today - timedelta(days=30), today - timedelta(days=1)
    raise ValueError(f"{preset} says no days")


def instants_of(first_date: date, last_date: date, *, time_zone: str) -> tuple[datetime, datetime]:
    """Return the instants (UTC, half-open) of the local days ``first_date`` to ``last_date``, both inclusive.

    :raises ValueError: no such zone
    """
    return _midnight(first_date, time_zone), _midnight(last_date + timedelta(days=1), time_zone)


def _midnight(day: date, time_zone: str) -> datetime:
    # A midnight inside the spring gap is read with the offset before it, which gives the transition itself.
    return datetime.combine(day, time(), tzinfo=zone(time_zone)).astimezone(UTC)


def year_before(day: date) -> date:
    """Return the same day of the year before; of a leap day the last of February."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def next_month(month: date) -> date:
    """Return the first day of the month after the one that a day lies in."""
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def whole_months(first: date, last: date) -> list[date]:
    """Return the first days of the months that lie wholly within days, both inclusive."""
    month = first if first.day == 1 else next_month(first)
    months = []
    while next_month(month) - timedelta(days=1) <= last:
        months.append(month)
        month = next_month(month)
    return months


def days_beside(months: Collection[date], first: date, last: date) -> list[tuple[date, date]]:
    """Return the spans of the days, both inclusive, that lie in none of these whole months."""
    spans, begin = [], first
    for month in sorted(months):
        if begin < month:
            spans.append((begin, month - timedelta(days=1)))
        begin = next_month(month)
    return [*spans, (begin, last)] if begin <= last else spans
