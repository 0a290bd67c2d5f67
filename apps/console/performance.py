"""Home's figures: today beside other days, a period by day, hour, site, tariff, customer and connector, and uptime.

Each has rows for the page and the same rows for a file. Amounts of two currencies stand beside each other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.scope import operated_rows
from apps.analytics import figures
from apps.analytics.domain.spans import instants_of, year_before
from apps.analytics.figures import Figures, Ranking
from apps.analytics.models import DayFigure, MonthFigure, SessionHour, StaleMonth, StationDay
from apps.console.charts import Chart, Point, bars_of, percent
from apps.console.heat import Heat, heat_of, heat_rows
from apps.console.periods import Period
from apps.contracts.models import Customer
from apps.core.words import amount, kwh
from apps.stations.models import Evse, Location
from apps.tariffs.models import Tariff

By = DayFigure.By
MOST_ROWS: Final = 8
MOST_BARS: Final = 100
"""Above so many days the bars are months."""
_HOUR_MS: Final = 3_600_000
EXPORTS: Final = frozenset({"day", "heat", "uptime", *DayFigure.By.values} - {DayFigure.By.HOUR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table. url: the sessions behind it, "" where there is no such list · bar: percent of the longest.

    utilised  how much of its connectors' time a vehicle stood there; "" where it has none of its own
    """

    key: int
    name: str
    url: str
    figures: Figures
    bar: int
    utilised: str = ""

    @property
    def revenue(self) -> str:
        return money_of(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure of today and of two other days until the same hour."""

    label: str
    values: tuple[str, str, str]


def money_of(sums: Figures) -> str:
    """Write the net revenue, currency by currency."""
    return " + ".join(amount(net, currency) for currency, net in sorted(sums.net.items())) or "–"


class Performance:
    """What one request may see of one period."""

    def __init__(self, request: HttpRequest, period: Period) -> None:
        self.period = period
        self._request = request
        self._rows: QuerySet[DayFigure] = operated_rows(request, DayFigure.objects.all())
        self.evses: int = operated_rows(request, Evse.objects.all()).count()
        self.by_day = figures.by_day(self._rows, period.days)
        self._sums = figures.sums_of(
            self._rows,
            operated_rows(request, MonthFigure.objects.all()),
            operated_rows(request, StaleMonth.objects.all()),
            between=period.days,
        )
        self.total = Figures.sum(self.by_day.values())

    def utilisation(self, in_use_ms: int, span_ms: int, evses: int | None = None) -> str:
        """Write how much of the time of connectors, all by default, a vehicle stood there; they are those of today."""
        whole = span_ms * (self.evses if evses is None else evses)
        return f"{Decimal(in_use_ms * 1000 // whole) / 10} %" if whole else "–"

    @property
    def revenue(self) -> str:
        return money_of(self.total)

    @property
    def utilised(self) -> str:
        return self.utilisation(self.total.in_use_ms, self.span_ms)

    @property
    def span_ms(self) -> int:
        """How long the period is, until the full hour that is over."""
        begin, end = self.period.instants()
        until = min(end, self._this_hour()) if self.period.last >= self.period.today else end
        return max(int((until - begin) / timedelta(milliseconds=1)), 0)

    def _this_hour(self) -> datetime:
        begin, _end = instants_of(self.period.today, self.period.today, time_zone=self.period.time_zone)
        return begin + timedelta(hours=self.period.hour)

    @cached_property
    def _lately(self) -> Mapping[date, Mapping[int, Figures]]:
        """Return today, the same weekday of last week and the same day last year, by hour, until the full hour."""
        today = self.period.today
        hours = operated_rows(self._request, SessionHour.objects.all())
        asked = (today, today - timedelta(days=7), year_before(today))
        return figures.until_hour(hours, days=asked, hour=self.period.hour)

    def compared(self) -> list[Compared]:
        """Return today beside the two other days."""
        hour = self.period.hour
        days = [Figures.sum(hours.values()) for hours in self._lately.values()]
        currencies = sorted({currency for day in days for currency in day.net})
        return [
            Compared(label="Energy", values=_three(kwh(day.energy_milliwh) for day in days)),
            Compared(label="Sessions begun", values=_three(str(day.sessions) for day in days)),
            *(
                Compared(
                    label="Revenue, net",
                    values=_three(amount(day.net.get(currency, Decimal(0)), currency) for day in days),
                )
                for currency in currencies
            ),
            Compared(
                label="Utilisation",
                values=_three(self.utilisation(day.in_use_ms, hour * _HOUR_MS) for day in days),
            ),
        ]

    def compared_days(self) -> list[tuple[str, str]]:
        """Return the heads of the three days, each with the list of the sessions that began on it."""
        names = ("Today", "A week ago", "A year ago")
        return [(name, self._sessions(day, day)) for name, day in zip(names, self._lately, strict=True)]

    def today_by_hour(self) -> Chart | None:
        """Return today's energy hour by hour; None: nothing has flowed yet."""
        hours = self._lately[self.period.today]
        if not any(sums.energy_milliwh for sums in hours.values()):
            return None
        points = [
            self._point(
                (self.period.today, self.period.today, f"{hour}:00"),
                hours.get(hour, Figures()),
                hours.get(hour, Figures()).energy_milliwh,
                kwh(hours.get(hour, Figures()).energy_milliwh),
            )
            for hour in range(24)
        ]
        return bars_of("Energy today, by hour", points)

    @property
    def sessions_url(self) -> str:
        """Where the sessions of the whole period are listed."""
        return self._sessions(self.period.first, self.period.last)

    def charts(self) -> list[Chart]:
        """Return energy and each currency's revenue by day, or by month of a long period."""
        steps = self._steps()
        energy = [self._point(step, sums, sums.energy_milliwh, kwh(sums.energy_milliwh)) for step, sums in steps]
        charts = [bars_of("Energy", energy)]
        for currency in sorted(self.total.net):
            nets = [(step, sums, sums.net.get(currency, Decimal(0))) for step, sums in steps]
            points = [self._point(step, sums, net, amount(net, currency)) for step, sums, net in nets]
            charts.append(bars_of(f"Revenue, net ({currency})", points))
        return charts

    def _point(self, step: tuple[date, date, str], sums: Figures, size: Decimal | int, value: str) -> Point:
        first, last, label = step
        return Point(size=size, label=label, value=value, url=self._sessions(first, last))

    def _steps(self) -> list[tuple[tuple[date, date, str], Figures]]:
        """Return the period's days, or its months, each with its first and last day and its name."""
        days = self._days()
        if len(days) <= MOST_BARS:
            return [((day, day, f"{day:%a %d %b}"), self.by_day.get(day, Figures())) for day in days]
        months: dict[date, list[date]] = {}
        for day in days:
            months.setdefault(day.replace(day=1), []).append(day)
        return [
            (
                (within[0], within[-1], f"{month:%b %Y}"),
                Figures.sum(self.by_day[day] for day in within if day in self.by_day),
            )
            for month, within in months.items()
        ]

    def _days(self) -> list[date]:
        return [self.period.first + timedelta(days=n) for n in range((self.period.last - self.period.first).days + 1)]

    def table_of_days(self) -> list[Row]:
        steps = self._steps()
        most = max((sums.energy_milliwh for _step, sums in steps), default=0)
        return [
            Row(
                key=0,
                name=step[2],
                url=self._sessions(step[0], step[1]),
                figures=sums,
                bar=percent(sums.energy_milliwh, most),
            )
            for step, sums in steps
        ]

    @cached_property
    def heat(self) -> Heat:
        """Return the hours of the week by what the address asks for (``?heat=``)."""
        return heat_of(
            figures.by_hour_of_week(self._rows, self.period.days),
            asked=self._request.GET.get("heat", ""),
            currencies=self.total.net,
            utilisation=lambda in_use_ms, weekday, hour: self.utilisation(
                in_use_ms, self._count_of(weekday, hour) * _HOUR_MS
            ),
        )

    def _count_of(self, weekday: int, hour: int) -> int:
        """Return how often an hour of a weekday lies in the period, as far as that is over."""
        period = self.period
        last = min(period.last, period.today)
        whole_weeks, rest = divmod(max((last - period.first).days + 1, 0), 7)
        is_to_come = last == period.today and weekday == last.isoweekday() and hour >= period.hour
        return whole_weeks + ((weekday - period.first.isoweekday()) % 7 < rest) - is_to_come

    @cached_property
    def _rankings(self) -> Mapping[str, Ranking]:
        return figures.rankings(self._sums, most=MOST_ROWS)

    def table(self, by: str) -> list[Row]:
        """Return the largest sites, tariffs, customers or connectors, most energy first."""
        found = self._rankings[by].most
        if by != By.SITE:
            return self._named(by, found, NAMES[By(by)](list(found)))
        sites = Location.objects.filter(pk__in=found).annotate(evses=Count("stations__evses"))
        told = {site.pk: site for site in sites}
        names, evses = ({pk: getattr(site, name) for pk, site in told.items()} for name in ("name", "evses"))
        return self._named(by, found, names, evses=evses)

    def whole_table(self, by: str) -> list[Row]:
        """Return all of them."""
        found = figures.by_key(self._sums, by)
        return self._named(by, found, NAMES[By(by)](list(found)))

    @property
    def sites(self) -> list[Row]:
        return self.table(By.SITE)

    @property
    def tariffs(self) -> list[Row]:
        return self.table(By.TARIFF)

    @property
    def customers(self) -> list[Row]:
        return self.table(By.CUSTOMER)

    def _named(
        self,
        by: str,
        found: Mapping[int, Figures],
        names: Mapping[int, str],
        *,
        evses: Mapping[int, int] | None = None,
    ) -> list[Row]:
        """evses: how many EVSEs each key has, where it has any."""
        longest = max((sums.energy_milliwh for sums in found.values()), default=0)
        return [
            Row(
                key=key,
                name=names.get(key, "Drivers without a contract" if by == By.CUSTOMER else "None"),
                url=self._sessions(self.period.first, self.period.last, {LOOKUPS[By(by)]: key}) if key else "",
                figures=sums,
                bar=percent(sums.energy_milliwh, longest),
                utilised=self.utilisation(sums.in_use_ms, self.span_ms, evses.get(key, 0)) if evses else "",
            )
            for key, sums in found.items()
        ]

    def connectors(self) -> tuple[list[Row], list[Row]]:
        """Return the connectors that delivered most, and those that delivered least, among them those with nothing."""
        ranking = self._rankings[By.CONNECTOR]
        idle = self._idle() if ranking.count < self.evses else {}
        least = {pk: Figures() for pk in idle}
        if len(least) < MOST_ROWS and ranking.count > MOST_ROWS:
            rest = [key for key in ranking.least if key not in ranking.most]
            least |= {key: ranking.least[key] for key in rest[: MOST_ROWS - len(least)]}
        names = {**_connectors([*ranking.most, *(least.keys() - idle.keys())]), **idle}
        each = dict.fromkeys([*ranking.most, *least], 1)
        return (
            self._named(By.CONNECTOR, ranking.most, names, evses=each),
            self._named(By.CONNECTOR, least, names, evses=each),
        )

    def _idle(self) -> Mapping[int, str]:
        """Return connectors that delivered nothing, as many as a table shows."""
        idle = operated_rows(self._request, Evse.objects.all())
        for rows in self._sums.parts:
            idle = idle.filter(~Exists(rows.filter(by=By.CONNECTOR, key=OuterRef("pk"))))
        return {evse.pk: str(evse) for evse in idle.select_related("station").order_by("pk")[:MOST_ROWS]}

    def uptime(self) -> list[dict[str, Any]]:
        """Return the stations that were away longest, with their shares in percent and the page of each."""
        return self._shares(figures.longest_away(self._station_days(), self.period.days, most=MOST_ROWS))

    def _station_days(self) -> QuerySet[StationDay]:
        rows: QuerySet[StationDay] = operated_rows(self._request, StationDay.objects.all())
        return rows

    def _shares(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            row["url"] = reverse("console:station", args=[row["station"]])
            for name in ("available", "offline", "faulted"):
                row[name] = Decimal(row[f"{name}_ms"] * 1000 // max(row["watched_ms"], 1)) / 10
            row["bar"] = int(row["available"])
        return rows

    def _sessions(self, first: date, last: date, more: Mapping[str, Any] | None = None) -> str:
        """Return the list of the sessions that began on these days."""
        begin, end = instants_of(first, last, time_zone=self.period.time_zone)
        query = {"started_at__gte": begin.isoformat(), "started_at__lt": end.isoformat(), **(more or {})}
        return f"{reverse('admin:charging_sessions_chargingsession_changelist')}?{urlencode(query)}"

    def export(self, what: str) -> Iterator[Sequence[str]]:
        """Yield a table's rows with its head.

        :raises KeyError: there is no such table
        """
        if what == "uptime":
            yield ("station", "available_percent", "offline_percent", "faulted_percent")
            for row in self._shares(figures.uptime_by_station(self._station_days(), self.period.days)):
                yield (row["station__identity"], *(str(row[name]) for name in ("available", "offline", "faulted")))
            return
        if what == "heat":
            yield from heat_rows(figures.by_hour_of_week(self._rows, self.period.days))
            return
        yield (what, "sessions", "energy_kwh", "in_use_hours", "currency", "net")
        named = (
            ((day.isoformat(), self.by_day.get(day, Figures())) for day in self._days())
            if what == "day"
            else ((row.name, row.figures) for row in self.whole_table(what))
        )
        for name, sums in named:
            energy = f"{Decimal(sums.energy_milliwh).scaleb(-6):.3f}"
            used = f"{Decimal(sums.in_use_ms) / _HOUR_MS:.2f}"
            for currency, net in sorted(sums.net.items()) or [("", Decimal(0))]:
                yield (name, str(sums.sessions), energy, used, currency, f"{net:f}")


def _three(values: Iterator[str]) -> tuple[str, str, str]:
    first, second, third = values
    return first, second, third


def _connectors(keys: list[int]) -> Mapping[int, str]:
    return {evse.pk: str(evse) for evse in Evse.objects.filter(pk__in=keys).select_related("station")}


def _names_of(model: Any) -> Callable[[list[int]], Mapping[int, str]]:
    def names(keys: list[int]) -> Mapping[int, str]:
        return dict(model.objects.filter(pk__in=keys).values_list("pk", "name"))

    return names


NAMES: Final[Mapping[DayFigure.By, Callable[[list[int]], Mapping[int, str]]]] = {
    By.SITE: _names_of(Location),
    By.TARIFF: _names_of(Tariff),
    By.CUSTOMER: _names_of(Customer),
    By.CONNECTOR: _connectors,
}
LOOKUPS: Final = {
    By.SITE: "station__location__id__exact",
    By.TARIFF: "tariff_version__tariff__id__exact",
    By.CUSTOMER: "contract__customer__id__exact",
    By.CONNECTOR: "evse__id__exact",
}
