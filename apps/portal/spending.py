"""What a customer's months cost and delivered, and by what: sums over charge records, never two currencies in one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.domain.renewals import add_months
from apps.portal.session_filters import NONE
from apps.sessions.explanation import current_revisions, of_days
from apps.sessions.models import Cdr

SHOWN_SHARES: Final = 10


class By(StrEnum):
    """By what a month is told apart."""

    VEHICLE = "vehicle"
    DRIVER = "driver"
    COST_CENTRE = "cost_centre"
    SITE = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a month cost in one currency, gross, and delivered; ``before``: the month before it until the same day."""

    currency: str
    gross: Decimal
    energy_milliwh: int
    sessions: int
    gross_before: Decimal
    energy_before_milliwh: int

    @property
    def gross_change(self) -> int | None:
        """How much more it cost than the month before, in percent; None where that cost nothing."""
        return _change(self.gross, self.gross_before)

    @property
    def energy_change(self) -> int | None:
        return _change(Decimal(self.energy_milliwh), Decimal(self.energy_before_milliwh))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A vehicle's, driver's, cost centre's or site's part of a month, gross.

    key      by which the sessions of it are asked for; NONE = of none, None = the rest of many
    percent  of the whole, for its bar
    """

    key: str | None
    label: str
    energy_milliwh: int
    gross: Decimal
    sessions: int
    percent: int


def records_of(membership: Membership, *, first: date, end: date) -> QuerySet[Cdr]:
    """Return the current records of what the organisation buys, whose supply ended on days from first until end."""
    records = bought_rows(membership, Cdr.objects.filter(purpose=Cdr.Purpose.RETAIL))
    return current_revisions(of_days(records, first=first, end=end)).order_by()


def spend_of(membership: Membership, *, today: date) -> list[Spend]:
    """Return what the month of ``today`` comes to, per currency, beside the month before until the same day."""
    month = today.replace(day=1)
    before = add_months(month, -1)
    # The 31st of a month of 30 days is compared with all of it.
    same_day = min(before.replace(day=1) + timedelta(days=today.day), month)
    now, then = Q(tax_date__gte=month), Q(tax_date__lt=same_day)
    sums = (
        records_of(membership, first=before, end=add_months(month, 1))
        .values("currency")
        .annotate(
            # Each before the sum that takes its column's name.
            gross_before=Sum("gross", filter=then, default=Decimal(0)),
            energy_before_milliwh=Sum("energy_milliwh", filter=then, default=0),
            gross=Sum("gross", filter=now, default=Decimal(0)),
            energy_milliwh=Sum("energy_milliwh", filter=now, default=0),
            sessions=Count("pk", filter=now),
        )
        .order_by("currency")
    )
    return [Spend(**row) for row in sums]


def shares_of(records: QuerySet[Cdr], *, by: By) -> dict[str, list[Share]]:
    """Return what records come to by one thing, the dearest first, by currency; the last may be the rest of many."""
    key, fields, label = _KEYS[by]
    rows = (
        records.annotate(driver=Coalesce("session__token__driver", Value("")))
        .values("currency", *{key, *fields})
        .annotate(sum=Sum("gross"), energy=Sum("energy_milliwh"), count=Count("pk"))
        .order_by("currency", "-sum", key)
    )
    by_currency: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_currency.setdefault(row["currency"], []).append(row)
    return {
        currency: [_share(row, key=key, label=label, whole=_whole(found)) for row in _shown(found, key=key)]
        for currency, found in by_currency.items()
    }


def _shown(rows: list[dict[str, Any]], *, key: str) -> list[dict[str, Any]]:
    """Keep as many as a page shows, the others as one; never a rest of one."""
    if len(rows) <= SHOWN_SHARES + 1:
        return rows
    rest = rows[SHOWN_SHARES:]
    together: dict[str, Any] = {name: sum(row[name] for row in rest) for name in ("sum", "energy", "count")}
    return [*rows[:SHOWN_SHARES], {**together, "rest": len(rest), key: None}]


def _share(row: dict[str, Any], *, key: str, label: Callable[[dict[str, Any]], str], whole: Decimal) -> Share:
    is_rest = "rest" in row
    return Share(
        key=None if is_rest else str(row[key] or NONE),
        label=str(row["rest"]) if is_rest else label(row),
        energy_milliwh=row["energy"],
        gross=row["sum"],
        sessions=row["count"],
        percent=int(row["sum"] * 100 / whole) if whole > 0 else 0,
    )


def _whole(rows: list[dict[str, Any]]) -> Decimal:
    return sum((row["sum"] for row in rows), Decimal(0))


def _named(*fields: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: " ".join(str(row[field]) for field in fields if row[field])


_KEYS: Final[dict[By, tuple[str, tuple[str, ...], Callable[[dict[str, Any]], str]]]] = {
    By.VEHICLE: (
        "session__vehicle",
        ("session__vehicle__plate", "session__vehicle__label"),
        _named("session__vehicle__plate", "session__vehicle__label"),
    ),
    By.DRIVER: ("driver", (), _named("driver")),
    By.COST_CENTRE: (
        "session__cost_centre",
        ("session__cost_centre__code", "session__cost_centre__name"),
        _named("session__cost_centre__code", "session__cost_centre__name"),
    ),
    By.SITE: (
        "session__station__location",
        ("session__station__location__name", "session__station__location__city"),
        _named("session__station__location__name", "session__station__location__city"),
    ),
}


def _change(now: Decimal, before: Decimal) -> int | None:
    return int(((now - before) * 100 / before).to_integral_value()) if before > 0 else None
