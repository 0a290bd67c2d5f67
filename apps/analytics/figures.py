"""What Home asks of the figures: sums of days, by day, by hour of the week, by site, tariff, customer and connector.

Whose rows are asked is the caller's: each function takes a queryset. Amounts of two currencies are never added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any, Final, Self

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum

from apps.analytics.domain.spans import days_beside, whole_months
from apps.analytics.models import DayFigure, MonthFigure, SessionHour, StaleMonth, StationDay

_SPENT: Final = {name: Sum(name) for name in ("watched_ms", "available_ms", "offline_ms", "faulted_ms")}
_AWAY: Final = Sum("offline_ms") + Sum("faulted_ms")
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


@dataclass(frozen=True, slots=True)
class Sums:
    """Where the sums of a period are: those of its whole months that are summed up, and those of its other days."""

    months: QuerySet[MonthFigure]
    days: QuerySet[DayFigure]

    @property
    def parts(self) -> tuple[QuerySet[Any], QuerySet[Any]]:
        return self.months, self.days


def sums_of(
    days: QuerySet[DayFigure], months: QuerySet[MonthFigure], stale: QuerySet[StaleMonth], *, between: Days
) -> Sums:
    """Return where the sums of a period are; a month that is stale for anybody is asked of its days."""
    whole = whole_months(*between)
    used = sorted(set(whole) - set(stale.filter(month__in=whole).values_list("month", flat=True)))
    # Spans and not what is left out, so that the index finds them.
    beside = [Q(local_date__gte=first, local_date__lte=last) for first, last in days_beside(used, *between)]
    return Sums(
        months=months.filter(month__in=used).order_by() if used else months.none(),
        days=days.filter(reduce(or_, beside)).order_by() if beside else days.none(),
    )


def _between(rows: QuerySet[Any], days: Days) -> QuerySet[Any]:
    return rows.filter(local_date__gte=days[0], local_date__lte=days[1]).order_by()


def until_hour(hours: QuerySet[SessionHour], *, days: Sequence[date], hour: int) -> dict[date, dict[int, Figures]]:
    """Return what each of some days came to before an hour of its clock: day → hour → figures, where there are any."""
    rows = hours.filter(local_date__in=days, local_hour__lt=hour).order_by()
    found: dict[date, dict[int, Figures]] = {day: {} for day in days}
    for row in rows.values("local_date", "local_hour", "currency").annotate(**_SUMS):
        found[row["local_date"]].setdefault(row["local_hour"], Figures()).add(_of(row))
    return found


def by_day(rows: QuerySet[DayFigure], days: Days) -> dict[date, Figures]:
    """Return the figures of each day that has any."""
    return _grouped(_between(rows.filter(by=DayFigure.By.HOUR), days), "local_date")


def by_hour_of_week(rows: QuerySet[DayFigure], days: Days) -> dict[tuple[int, int], Figures]:
    """Return what each (ISO weekday, hour) that has any came to."""
    hours = _between(rows.filter(by=DayFigure.By.HOUR), days)
    found: dict[tuple[int, int], Figures] = {}
    for row in hours.values("local_date__iso_week_day", "key", "currency").annotate(**_SUMS):
        found.setdefault((row["local_date__iso_week_day"], row["key"]), Figures()).add(_of(row))
    return found


def by_key(sums: Sums, by: str) -> dict[int, Figures]:
    """Return what each site, tariff, customer or connector came to, most energy first."""
    found: dict[int, Figures] = {}
    for rows in sums.parts:
        for key, figures in _grouped(rows.filter(by=by), "key").items():
            found.setdefault(key, Figures()).add(figures)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].energy_milliwh, pair[0])))


@dataclass(slots=True)
class Ranking:
    """What the keys of one kind that delivered most and least came to, the furthest first; count: all of its keys."""

    most: dict[int, Figures] = field(default_factory=dict)
    least: dict[int, Figures] = field(default_factory=dict)
    count: int = 0


# Only energy is added up of every key; the other sums are asked for those that are shown.
_RANKING: Final = """
    WITH summed AS (
        SELECT by, key, sum(energy_milliwh)::bigint AS energy FROM ({rows}) part GROUP BY by, key
    ), ranked AS (
        SELECT by, key, count(*) OVER (PARTITION BY by) AS many,
            row_number() OVER (PARTITION BY by ORDER BY energy DESC, key) AS first,
            row_number() OVER (PARTITION BY by ORDER BY energy, key DESC) AS last
        FROM summed
    )
    SELECT by, key, many, first, last FROM ranked WHERE first <= %s OR last <= %s ORDER BY by, first
"""


def rankings(sums: Sums, *, most: int) -> dict[str, Ranking]:
    """Rank sites, tariffs, customers and connectors by energy; those that delivered nothing have no place."""
    ranked = _ranked(sums, most)
    figures = _shown(sums, [(by, key) for by, key, *_ranks in ranked])
    found = {by: Ranking() for by in DayFigure.By.values}
    for by, key, many, first, last in ranked:
        ranking = found[by]
        ranking.count = many
        if first <= most:
            ranking.most[key] = figures[by, key]
        if last <= most:
            ranking.least[key] = figures[by, key]
    for ranking in found.values():
        ranking.least = dict(reversed(ranking.least.items()))
    return found


def _ranked(sums: Sums, most: int) -> list[tuple[str, int, int, int, int]]:
    """Return (by, key, how many keys, place from the top, place from the bottom) of the first and the last."""
    beside_hours = [rows.exclude(by=DayFigure.By.HOUR) for rows in sums.parts]
    return _asked(_RANKING, beside_hours, ("by", "key", "energy_milliwh"), most, most)


_SHOWN: Final = """
    SELECT by, key, currency, sum(sessions)::bigint, sum(energy_milliwh)::bigint, sum(in_use_ms)::bigint, sum(net)
    FROM ({rows}) part GROUP BY by, key, currency
"""


def _shown(sums: Sums, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Figures]:
    """Return what these keys came to, each with what it is a key of."""
    wanted: dict[str, list[int]] = {}
    for by, key in keys:
        wanted.setdefault(by, []).append(key)
    if not wanted:
        return {}
    is_wanted = reduce(or_, (Q(by=by, key__in=some) for by, some in wanted.items()))
    of_keys = [rows.filter(is_wanted) for rows in sums.parts]
    found: dict[tuple[str, int], Figures] = {}
    for by, key, currency, sessions, energy, used, net in _asked(_SHOWN, of_keys, ("by", "key", "currency", *_SUMS)):
        found.setdefault((by, key), Figures()).add(Figures(sessions, energy, used, {currency: net}))
    return found


def _asked(question: str, parts: Iterable[QuerySet[Any]], columns: Sequence[str], *given: int) -> list[Any]:
    """Ask a question of the rows of several querysets together, as one statement."""
    asked = [rows.values(*columns).query.sql_with_params() for rows in parts if not rows.query.is_empty()]
    if not asked:
        return []
    texts, values = zip(*asked, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(question.format(rows=" UNION ALL ".join(texts)), [*chain.from_iterable(values), *given])
        found: list[Any] = cursor.fetchall()
    return found


def _grouped(rows: QuerySet[Any], name: str) -> dict[Any, Figures]:
    found: dict[Any, Figures] = {}
    for row in rows.values(name, "currency").annotate(**_SUMS):
        found.setdefault(row[name], Figures()).add(_of(row))
    return found


def uptime_by_station(rows: QuerySet[StationDay], days: Days) -> list[dict[str, Any]]:
    """Return each station's watched, available, offline and faulted milliseconds, the longest away first."""
    found = _between(rows, days).values("station", "station__identity").annotate(away=_AWAY, **_SPENT)
    return list(found.order_by("-away", "station__identity"))


def longest_away(rows: QuerySet[StationDay], days: Days, *, most: int) -> list[dict[str, Any]]:
    """Return the first of ``uptime_by_station``.

    Most days are whole: only the others are ranked, and the stations found are then looked at whole.
    """
    within = _between(rows, days)
    away = within.filter(available_ms__lt=F("watched_ms")).values("station").annotate(away=_AWAY)
    first = away.order_by("-away", "station__identity").values("station")[:most]
    found = uptime_by_station(rows.filter(station__in=first), days)
    if len(found) == most:
        return found
    shown = [row["station"] for row in found]
    return found + uptime_by_station(rows.exclude(station__in=shown), days)[: most - len(found)]
