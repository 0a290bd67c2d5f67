"""Figures of sessions by hour and day, kept up to date by pull: what changed is replaced whole, nothing is added to.

A session is stale when what it was counted from is no longer what it says; a day is stale when an hour of it was
written. Both are found by query, so twice, at once, late or again comes to the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Sum

from apps.analytics.domain.hours import Counted, Stretch, shares_of
from apps.analytics.models import CountedSession, DayFigure, MonthFigure, SessionHour, StaleDay, StaleMonth
from apps.analytics.stale import stale_between, stale_of
from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.core.domain.money import minor_unit
from apps.core.rows import insert_rows
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import InvoiceLine
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import Cdr, ChargingSession

AT_ONCE: Final = 500
RECENT: Final = 10_000
"""So many of the newest sessions, and those of so many of the newest charge records, are looked at by each sweep."""
SLICE: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """A current charge record; register and periods as its documents have them."""

    pk: int
    purpose: str
    tariff_id: int
    energy_milliwh: int
    currency: str
    net: Decimal
    register: Mapping[str, Sequence[int]]
    periods: Sequence[Mapping[str, Any]]


def count_sessions(session_ids: Iterable[int]) -> int:
    """Count these sessions anew, as they are now; those that are not settled count for nothing. Return how many."""
    ids = sorted(set(session_ids))
    for first in range(0, len(ids), AT_ONCE):
        _count(ids[first : first + AT_ONCE])
    return len(ids)


@transaction.atomic
def _count(ids: Sequence[int]) -> None:
    # Two who count the same session take turns here: the later one sees what the earlier one saw, or newer.
    list(ChargingSession.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))
    sessions = list(
        ChargingSession.objects.filter(pk__in=ids, status=SessionStatus.SETTLED)
        .order_by("pk")
        .select_related("seller", "station", "tariff_version", "contract")
    )
    records = _records(ids)
    credited = _credited([record.pk for record in records.values()])
    hours: list[SessionHour] = []
    counted: list[CountedSession] = []
    for session in sessions:
        record = records.get(session.pk)
        back = credited.get(record.pk, Decimal(0)) if record else Decimal(0)
        counted.append(_counted(session, record, back))
        hours += _hours(session, record, back)
    old = SessionHour.objects.filter(session__in=ids)
    days = {*old.values_list("seller", "local_date"), *((hour.seller_id, hour.local_date) for hour in hours)}
    old.delete()
    CountedSession.objects.filter(pk__in=ids).delete()
    insert_rows(hours)
    CountedSession.objects.bulk_create(counted)
    _mark_stale(days)


def _records(ids: Sequence[int]) -> dict[int, _Record]:
    """Return each session's current charge record."""
    rows = Cdr.objects.filter(session__in=ids).order_by("session", "revision")
    columns = ("pk", "purpose", "tariff_version__tariff", "energy_milliwh", "currency", "net")
    return {
        session_id: _Record(
            pk=pk,
            purpose=purpose,
            tariff_id=tariff_id,
            energy_milliwh=energy,
            currency=currency,
            net=net,
            register=register or {},
            periods=periods or (),
        )
        for session_id, pk, purpose, tariff_id, energy, currency, net, register, periods in rows.values_list(
            "session", *columns, "inputs__register", "document__periods"
        )
    }


def _credited(cdr_ids: Sequence[int]) -> dict[int, Decimal]:
    """Return what issued credit notes took back of records' lines, net, ≤ 0."""
    notes = InvoiceLine.objects.filter(credits__cdr__in=cdr_ids, invoice__status=InvoiceStatus.ISSUED)
    return dict(notes.order_by().values_list("credits__cdr").annotate(total=Sum("net")))


def _counted(session: ChargingSession, record: _Record | None, back: Decimal) -> CountedSession:
    return CountedSession(
        session=session,
        cdr_id=record.pk if record else None,
        credited=back,
        contract_id=session.contract_id,
        ended_at=session.ended_at,
        occupied_until=session.occupied_until,
        meter_stop_milliwh=session.meter_stop_milliwh,
        time_zone=session.seller.time_zone,
    )


def _hours(session: ChargingSession, record: _Record | None, back: Decimal) -> list[SessionHour]:
    currency = record.currency if record else session.seller.currency
    version = session.tariff_version
    tariff_id = record.tariff_id if record else version.tariff_id if version else None
    decimals = minor_unit(currency)
    return [
        SessionHour(
            session_id=session.pk,
            starts_at=from_epoch_ms(share.starts_ms),
            local_date=share.local_date,
            local_hour=share.local_hour,
            seller_id=session.seller_id,
            location_id=session.station.location_id,
            evse_id=session.evse_id,
            tariff_id=tariff_id,
            customer_id=session.contract.customer_id if session.contract else None,
            currency=currency,
            sessions=share.sessions,
            energy_milliwh=share.energy_milliwh,
            net=Decimal(share.net_minor).scaleb(-decimals),
            in_use_ms=share.in_use_ms,
            charging_ms=share.charging_ms,
        )
        for share in shares_of(_facts(session, record, back), time_zone=session.seller.time_zone)
    ]


def _facts(session: ChargingSession, record: _Record | None, back: Decimal) -> Counted:
    assert session.ended_at is not None, "a settled session has ended"
    started_ms, ended_ms = to_epoch_ms(session.started_at), to_epoch_ms(session.ended_at)
    left_ms = to_epoch_ms(session.occupied_until) if session.occupied_until else ended_ms
    if record is None:
        begin, end = session.meter_start_milliwh, session.meter_stop_milliwh
        delivered = max(end - begin, 0) if begin is not None and end is not None else 0
        # Nobody pays for it and nothing says more: it charged all the time, until it ended, not while it stood on.
        whole = Stretch(started_ms, ended_ms, max(ended_ms - started_ms, 0), 0, 0, 0)
        return Counted(started_ms, left_ms, delivered, 0, ((started_ms, 0), (ended_ms, delivered)), (whole,))
    is_sold = record.purpose == Cdr.Purpose.RETAIL
    return Counted(
        started_ms=started_ms,
        left_ms=left_ms,
        energy_milliwh=record.energy_milliwh,
        net_minor=int((record.net + back).scaleb(minor_unit(record.currency))) if is_sold else 0,
        register=tuple(zip(record.register.get("at_ms", ()), record.register.get("energy_milliwh", ()), strict=True)),
        stretches=tuple(_stretch(period) for period in record.periods),
    )


def _stretch(period: Mapping[str, Any]) -> Stretch:
    costs = {"ENERGY": 0, "FLAT": 0}
    for part in period["parts"]:
        kind = part["dimension"] if part["dimension"] in costs else "TIME"
        # Only a weight: what it is rounded to moves a cent between hours at most.
        costs[kind] = costs.get(kind, 0) + max(int(Decimal(part["amount"]).scaleb(6)), 0)
    return Stretch(
        start_ms=period["start_ms"],
        end_ms=period["end_ms"],
        charging_ms=period["charging_ms"],
        energy_cost=costs["ENERGY"],
        time_cost=costs.get("TIME", 0),
        flat_cost=costs["FLAT"],
    )


def _mark_stale(days: Iterable[tuple[int, date]]) -> None:
    """Note days to be summed up again; held until the commit, so that whoever sums one up sees what this wrote."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO analytics_staleday AS day (seller_id, local_date, changes) VALUES (%s, %s, 1) "
            "ON CONFLICT (seller_id, local_date) DO UPDATE SET changes = day.changes + 1",
            sorted(days),
        )


def sum_up_days(*, limit: int | None = None) -> int:
    """Sum up stale days, the newest first, each in a transaction of its own; return how many."""
    days = StaleDay.objects.order_by("-local_date", "seller")[:limit]
    keys = list(days.values_list("seller", "local_date"))
    for seller_id, day in keys:
        _sum_up(seller_id, day)
    return len(keys)


_TAKE_TURNS: Final = "SELECT pg_advisory_xact_lock(hashtext('analytics_dayfigure'), %s)"
_SUM_UP: Final = """
    INSERT INTO analytics_dayfigure
        (seller_id, local_date, currency, by, key, sessions, energy_milliwh, net, in_use_ms, charging_ms)
    SELECT seller_id, local_date, currency,
        CASE 0 WHEN grouping(local_hour) THEN 'hour' WHEN grouping(location_id) THEN 'site'
            WHEN grouping(tariff_id) THEN 'tariff' WHEN grouping(customer_id) THEN 'customer' ELSE 'connector' END,
        coalesce(local_hour, location_id, tariff_id, customer_id, evse_id, 0),
        sum(sessions), sum(energy_milliwh), sum(net), sum(in_use_ms), sum(charging_ms)
    FROM analytics_sessionhour WHERE seller_id = %s AND local_date = %s
    GROUP BY seller_id, local_date, currency,
        GROUPING SETS ((local_hour), (location_id), (tariff_id), (customer_id), (evse_id))
"""


@transaction.atomic
def _sum_up(seller_id: int, day: date) -> None:
    # Whoever changes an hour of it holds this row until they have committed; who comes later writes a new one.
    StaleDay.objects.filter(seller=seller_id, local_date=day).delete()
    with connection.cursor() as cursor:
        # Two who sum up the same day would both delete and both insert.
        cursor.execute(_TAKE_TURNS, [seller_id])
        cursor.execute("DELETE FROM analytics_dayfigure WHERE seller_id = %s AND local_date = %s", [seller_id, day])
        cursor.execute(_SUM_UP, [seller_id, day])
    StaleMonth.objects.bulk_create([StaleMonth(seller_id=seller_id, month=day.replace(day=1))], ignore_conflicts=True)


def sum_up_months(*, before: date) -> int:
    """Sum up the stale months that were over by a day, each in a transaction of its own; return how many.

    The month that runs would be stale again with the next session; it is read by its days.
    """
    months = StaleMonth.objects.filter(month__lt=before.replace(day=1)).order_by("-month", "seller")
    keys = list(months.values_list("seller", "month"))
    for seller_id, month in keys:
        _sum_up_month(seller_id, month)
    return len(keys)


_SUM_UP_MONTH: Final = """
    INSERT INTO analytics_monthfigure
        (seller_id, month, currency, by, key, sessions, energy_milliwh, net, in_use_ms, charging_ms)
    SELECT seller_id, %(month)s, currency, by, key,
        sum(sessions), sum(energy_milliwh), sum(net), sum(in_use_ms), sum(charging_ms)
    FROM analytics_dayfigure
    WHERE seller_id = %(seller)s AND local_date >= %(month)s AND local_date < %(month)s::date + interval '1 month'
    GROUP BY seller_id, currency, by, key
"""


@transaction.atomic
def _sum_up_month(seller_id: int, month: date) -> None:
    with connection.cursor() as cursor:
        # Whoever sums up a day of it waits, and then says again that the month is stale.
        cursor.execute(_TAKE_TURNS, [seller_id])
        StaleMonth.objects.filter(seller=seller_id, month=month).delete()
        MonthFigure.objects.filter(seller=seller_id, month=month)._raw_delete(using=connection.alias)
        cursor.execute(_SUM_UP_MONTH, {"seller": seller_id, "month": month})


def count_record(*, cdr_id: int) -> None:
    """Count the session of a new charge record."""
    count_sessions(Cdr.objects.filter(pk=cdr_id).values_list("session", flat=True))
    sum_up_days(limit=AT_ONCE)


def count_session(*, session_id: int) -> None:
    """Count a session that is settled; one that somebody pays for is counted again when it has its price."""
    count_sessions([session_id])
    sum_up_days(limit=AT_ONCE)


def count_credits(*, invoice_id: int) -> None:
    """Count again the sessions that a credit note took something back of; of other documents there is nothing new."""
    lines = InvoiceLine.objects.filter(invoice=invoice_id, credits__cdr__isnull=False)
    if sessions := list(lines.values_list("credits__cdr__session", flat=True)):
        count_sessions(sessions)
        sum_up_days(limit=AT_ONCE)


def sweep_figures() -> int:
    """Count what no bell has told of the newest sessions, records and credit notes; return how many."""
    notes = InvoiceLine.objects.filter(credits__cdr__isnull=False)
    recent = {
        *ChargingSession.objects.order_by("-pk").values_list("pk", flat=True)[:RECENT],
        *Cdr.objects.order_by("-pk").values_list("session", flat=True)[:RECENT],
        *notes.order_by("-pk").values_list("credits__cdr__session", flat=True)[:RECENT],
    }
    found = count_sessions(stale_of(recent))
    sum_up_days()
    return found


def count_all() -> int:
    """Count every session whose figures are missing or no longer true, however old; return how many."""
    found = 0
    newest = ChargingSession.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for first in range(0, newest + 1, SLICE):
        found += count_sessions(stale_between(first, first + SLICE))
    sum_up_days()
    return found


def recount_all() -> int:
    """Throw every figure away and count anew, as after a change of how it is counted; return how many sessions."""
    with transaction.atomic():
        for stale in (StaleDay, StaleMonth):
            stale.objects.all().delete()
        for model in (MonthFigure, DayFigure, SessionHour, CountedSession):
            model.objects.all()._raw_delete(using=connection.alias)
    return count_all()
