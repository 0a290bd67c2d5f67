"""What Home asks of the figures: sums of days, by day, by hour of the week, by site, tariff, customer and connector.

Whose rows are asked is the caller's: each function takes a queryset. Amounts of two currencies are never added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Self

from django.db.models import Case, F, Q, QuerySet, Sum, When, Window
from django.db.models.functions import RowNumber

from apps.analytics.models import DayFigure, SessionHour, StationDay

_SUMS = {name: Sum(name) for name in ("sessions", "energy_milliwh", "net", "in_use_ms")}


@dataclass(slots=True)
class Figures:
    """A sum. net: currency → amount, only of currencies with sessions."""

    sessions: int = 0
    energy_milliwh: int = 0
    in_use_ms: int = 0
    net: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: "Figures") -> None:
        self.sessions += other.sessions
        self.energy_milliwh += other.energy_milliwh
        self.in_use_ms += other.in_use_ms
        for currency, net in other.net.items():
            self.net[currency] = self.net.get(currency, Decimal(0)) + net

    @classmethod
    def sum(cls, parts: Iterable["Figures"]) -> Self:
        total = cls()
        for part in parts:
            total.add(part)
        return total


def _of(row: dict[str, Any]) -> Figures:
    """Read a row of one currency."""
    return Figures(row["sessions"], row["energy_milliwh"], row["in_use_ms"], {row["currency"]: row["net"]})


Days = tuple[date, date]
"""First and last local day, both inclusive."""


def _between(rows: QuerySet[Any], days: Days) -> QuerySet[Any]:
    return rows.filter(local_date__gte=days[0], local_date__lte=days[1]).order_by()


def until_hour(hours: QuerySet[SessionHour], *, days: Sequence[date], hour: int) -> list[Figures]:
    """Return what each of some days came to before an hour of its clock."""
    rows = hours.filter(local_date__in=days, local_hour__lt=hour)
    found = _grouped(rows.order_by(), "local_date")
    return [found.get(day, Figures()) for day in days]


def by_day(rows: QuerySet[DayFigure], days: Days) -> dict[date, Figures]:
    """Return the figures of each day that has any."""
    return _grouped(_between(rows.filter(by=DayFigure.By.HOUR), days), "local_date")


def by_hour_of_week(rows: QuerySet[DayFigure], days: Days) -> dict[tuple[int, int], int]:
    """Return (ISO weekday, hour) → milliseconds in use."""
    hours = _between(rows.filter(by=DayFigure.By.HOUR), days)
    found = hours.values_list("local_date__iso_week_day", "key").annotate(used=Sum("in_use_ms"))
    return {(weekday, hour): used for weekday, hour, used in found}


def by_key(rows: QuerySet[DayFigure], by: str, days: Days) -> dict[int, Figures]:
    """Return what each site, tariff, customer or connector came to, most energy first."""
    found = _grouped(_between(rows.filter(by=by), days), "key")
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].energy_milliwh, pair[0])))


def largest(rows: QuerySet[DayFigure], days: Days, *, most: int) -> dict[str, dict[int, Figures]]:
    """Return by site, tariff, customer and connector the ``most`` that delivered most, the largest first."""
    sums = _between(rows.exclude(by=DayFigure.By.HOUR), days).values("by", "key", "currency").annotate(**_SUMS)
    # Twice as many rows as asked for, since a key with two currencies is two rows; more currencies cut the list.
    place = Window(RowNumber(), partition_by=[F("by")], order_by=[F("energy_milliwh").desc(), F("key")])
    ranked = sums.annotate(place=place).filter(place__lte=2 * most)
    found: dict[str, dict[int, Figures]] = {by: {} for by in DayFigure.By.values}
    for row in ranked:
        found[row["by"]].setdefault(row["key"], Figures()).add(_of(row))
    return {
        by: dict(sorted(each.items(), key=lambda pair: (-pair[1].energy_milliwh, pair[0]))[:most])
        for by, each in found.items()
    }


def _grouped(rows: QuerySet[Any], name: str) -> dict[Any, Figures]:
    found: dict[Any, Figures] = {}
    for row in rows.values(name, "currency").annotate(**_SUMS):
        found.setdefault(row[name], Figures()).add(_of(row))
    return found


def uptime_by_station(rows: QuerySet[StationDay], days: Days, *, most: int | None = None) -> list[dict[str, Any]]:
    """Return each station's watched, available, offline and faulted milliseconds, the least available first."""
    sums = {name: Sum(name) for name in ("watched_ms", "available_ms", "offline_ms", "faulted_ms")}
    found = _between(rows, days).values("station", "station__identity").annotate(**sums)
    share = Case(When(Q(watched_ms__gt=0), then=F("available_ms") * 10_000 / F("watched_ms")), default=10_000)
    return list(found.annotate(share=share).order_by("share", "station__identity")[:most])
