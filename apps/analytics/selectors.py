"""What a trial reads, a page at a time, and what its page shows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import TaxRegistration
from apps.analytics.domain.rerating import RateOf, StoredRecord
from apps.analytics.domain.tally import AD_HOC, Gap, Outcome, Sums, Tally
from apps.analytics.models import TariffTrial
from apps.contracts.models import Customer
from apps.core.domain.tax import PRIVATE, Registration, SupplyKind, TaxCategory, decide_tax
from apps.sessions.domain.settling import prices_idle
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr
from apps.stations.models import Location
from apps.tariffs.models import TariffVersion

_COLUMNS = (
    "session_id",
    "session__uid",
    "session__started_at",
    "session__time_zone",
    "session__station__location_id",
    "session__station__location__country",
    "group",
    "tax_date",
    "energy_milliwh",
    "currency",
    "net",
    "gross",
    "tariff_version_id",
    "inputs",
)


GAPS: Final[Mapping[Gap, str]] = {
    Gap.IDLING: "do not tell how long the vehicle stood there after the stop: their tariff did not price idling. "
    "Nothing is charged for it here, so the version would have earned more.",
    Gap.POWER: "do not tell the power: the mean between two readings is taken.",
    Gap.CURRENT: "do not tell the current: prices that depend on it do not apply.",
}


def records_of(trial: TariffTrial) -> QuerySet[Cdr]:
    """Return the charge records a trial is about: of the owner's sessions of the period, the current revisions."""
    begin_at, end_at = trial.span()
    records = Cdr.objects.filter(
        session__seller=trial.owner_id,
        session__started_at__gte=begin_at,
        session__started_at__lt=end_at,
        purpose=Cdr.Purpose.RETAIL,
    )
    if trial.only_this_tariff:
        records = records.filter(tariff_version__tariff=trial.tariff_version.tariff_id)
    return current_revisions(records)


def next_records(trial: TariffTrial, *, limit: int) -> Iterator[StoredRecord]:
    """Yield the next records after the trial's place, by start and session, inputs only.

    A page by key instead of one cursor for all: no transaction stays open for the run, and any page can be the first.
    """
    records = records_of(trial)
    if trial.last_started_at is not None:
        # The first condition is implied, and is what the index over (seller, started_at) can use.
        records = records.filter(session__started_at__gte=trial.last_started_at).filter(
            Q(session__started_at__gt=trial.last_started_at) | Q(session_id__gt=trial.last_session_id)
        )
    rows = (
        records.annotate(group=Coalesce("session__contract__customer__kind", Value(AD_HOC)))
        .order_by("session__started_at", "session_id")
        .values_list(*_COLUMNS)[:limit]
    )
    priced_idle = _idle_pricing()
    for session_id, uid, *row, version_id, inputs in rows.iterator(chunk_size=limit):
        yield StoredRecord._make((session_id, str(uid), *row, priced_idle(version_id), inputs))


def _idle_pricing() -> Callable[[int], bool]:
    """Return what tells of a version whether it prices idling, each looked at once."""

    @cache
    def priced_idle(version_id: int) -> bool:
        return prices_idle(TariffVersion.objects.get(pk=version_id).terms())

    return priced_idle


def rates_of(owner_id: int) -> RateOf:
    """Return how a seller's supplies of electricity are taxed, each country, day and category decided once."""
    registrations = tuple(
        Registration(country=row.country.code, vat_id=row.vat_id, valid_from=row.valid_from, valid_to=row.valid_to)
        for row in TaxRegistration.objects.filter(organisation_id=owner_id)
    )

    @cache
    def rate_of(country: str, on: date, category: str) -> Decimal:
        return decide_tax(
            supply=SupplyKind.GOODS_ELECTRICITY,
            country=country,
            seller_registrations=registrations,
            buyer=PRIVATE,
            on=on,
            category=TaxCategory(category),
        ).rate

    return rate_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table: what was charged, what would have been, and bars in percent of the table's longest.

    note  a second, quieter line under the label
    """

    label: str
    sums: Sums
    bar_before: int
    bar_after: int
    note: str = ""

    @property
    def net_change(self) -> Decimal:
        return self.sums.net_after - self.sums.net_before

    @property
    def gross_change(self) -> Decimal:
        return self.sums.gross_after - self.sums.gross_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A session whose price changes much, with the name of its site."""

    outcome: Outcome
    site: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a trial's page shows.

    sites    the ones that change most first · hours  all 24 · groups  the largest first
    missing  what was not compared: how many sessions, and why
    gaps     what was compared without something the terms ask for: how many sessions, and what
    """

    currency: str
    total: Row
    sites: tuple[Row, ...]
    hours: tuple[Row, ...]
    groups: tuple[Row, ...]
    dearest: tuple[Changed, ...]
    cheapest: tuple[Changed, ...]
    missing: tuple[tuple[int, str], ...]
    gaps: tuple[tuple[int, str], ...]

    @property
    def unchanged(self) -> int:
        return self.total.sums.sessions - self.total.sums.dearer - self.total.sums.cheaper


def report_of(trial: TariffTrial) -> Report:
    """Return a trial's results with names in place of keys; of one that still runs, what it has so far."""
    tally = trial.tally()
    sites = _site_names(tally)
    groups = group_names()
    by_site = [(sites.get(key, str(key)), sums) for key, sums in tally.sites.items()]
    by_site.sort(key=lambda pair: (-abs(pair[1].gross_after - pair[1].gross_before), pair[0]))
    by_group = sorted(((groups[key], sums) for key, sums in tally.groups.items()), key=lambda p: -p[1].gross_before)
    by_hour = [(f"{hour:02d}:00", tally.hours.get(hour, Sums())) for hour in range(24)] if tally.hours else []
    return Report(
        currency=trial.terms["currency"],
        total=_rows([("All sessions", tally.total)])[0],
        sites=_rows(by_site),
        hours=_rows(by_hour),
        groups=_rows(by_group),
        dearest=_changed(tally.dearest, sites, groups),
        cheapest=_changed(tally.cheapest, sites, groups),
        missing=(
            *((count, f"charged in {currency}") for currency, count in tally.other_currencies.most_common()),
            *((count, reason) for reason, count in tally.left_out.most_common()),
        ),
        gaps=tuple((tally.gaps[gap], sentence) for gap, sentence in GAPS.items() if tally.gaps[gap]),
    )


def group_names() -> Mapping[str, str]:
    """Return what customer groups are called."""
    return {AD_HOC: "Ad hoc", **{kind.value: str(kind.label) for kind in Customer.Kind}}


def _site_names(tally: Tally) -> Mapping[int, str]:
    seen = {*tally.sites, *(outcome.location_id for outcome in (*tally.dearest, *tally.cheapest))}
    return dict(Location.objects.filter(pk__in=seen).values_list("pk", "name"))


def _rows(named: Iterable[tuple[str, Sums]]) -> tuple[Row, ...]:
    lines = list(named)
    longest = max((max(sums.gross_before, sums.gross_after) for _, sums in lines), default=Decimal(0))
    return tuple(
        Row(
            label=label,
            sums=sums,
            bar_before=_percent(sums.gross_before, longest),
            bar_after=_percent(sums.gross_after, longest),
        )
        for label, sums in lines
    )


def _percent(part: Decimal, whole: Decimal) -> int:
    return int(part * 100 / whole) if whole else 0


def _changed(outcomes: Iterable[Outcome], sites: Mapping[int, str], groups: Mapping[str, str]) -> tuple[Changed, ...]:
    return tuple(
        Changed(outcome=one, site=sites.get(one.location_id, ""), group=groups.get(one.group, one.group))
        for one in outcomes
    )


EXPORT_HEADER = (
    "kind",
    "name",
    "sessions",
    "energy_kwh",
    "currency",
    "net_before",
    "net_after",
    "net_change",
    "gross_before",
    "gross_after",
    "gross_change",
)


def export_rows(trial: TariffTrial) -> Iterator[tuple[Any, ...]]:
    """Yield a trial's results as rows under ``EXPORT_HEADER``: total, sites, hours, groups, then single sessions."""
    report = report_of(trial)
    tables = (("total", (report.total,)), ("site", report.sites), ("hour", report.hours), ("group", report.groups))
    for kind, rows in tables:
        for row in rows:
            yield (kind, row.label, row.sums.sessions, *_amounts(row.sums, report.currency))
    for changed in (*report.dearest, *report.cheapest):
        sums = Sums()
        sums.add(changed.outcome)
        yield ("session", changed.outcome.uid, 1, *_amounts(sums, report.currency))


def _amounts(sums: Sums, currency: str) -> tuple[Any, ...]:
    return (
        f"{Decimal(sums.energy_milliwh).scaleb(-6):.3f}",
        currency,
        sums.net_before,
        sums.net_after,
        sums.net_after - sums.net_before,
        sums.gross_before,
        sums.gross_after,
        sums.gross_after - sums.gross_before,
    )


def unfinished_since(before: datetime) -> QuerySet[TariffTrial]:
    """Return the trials that are not over and have not got further since an instant, oldest first."""
    return TariffTrial.objects.filter(ended_at__isnull=True, heartbeat_at__lt=before).order_by("heartbeat_at", "pk")
