"""Share a community's costs among its units: once a period, each share a charge of the contract that holds the unit."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef, Sum

from apps.accounts.models import Organisation, User
from apps.contracts.domain.plans import Days
from apps.contracts.domain.sharing import (
    KeyKind,
    NotShared,
    Share,
    Stay,
    Weighted,
    amount_of,
    clipped,
    period_from,
    periods_of,
    share_by_consumption,
    share_by_days,
)
from apps.contracts.models import AllocationKey, CostPeriod, CostShare, KeyWeight, Occupancy, SharedCost, Unit
from apps.core.domain.zones import zone
from apps.invoices.domain.charge_words import ChargeKind
from apps.invoices.selectors import end_of_day
from apps.invoices.services.charges import write_charge
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import Cdr

_TEN_DECIMALS = Decimal("0.0000000001")
_PERCENT = Decimal("0.01")


def due_periods(*, seller: Organisation, until_date: date) -> list[tuple[SharedCost, Days]]:
    """Return the periods of a seller's shared costs that are over by a day and not shared, the oldest first."""
    shared: dict[int, set[date]] = {}
    in_force = CostPeriod.objects.filter(cost__customer__seller=seller, is_in_force=True)
    for cost_id, first_day in in_force.values_list("cost_id", "first_day"):
        shared.setdefault(cost_id, set()).add(first_day)
    costs = SharedCost.objects.filter(customer__seller=seller).select_related("customer", "key").order_by("pk")
    found = [
        (cost, period)
        for cost in costs
        for period in periods_of(first=cost.first_day, end=cost.end_day, is_monthly=cost.is_monthly, until=until_date)
        if period.first not in shared.get(cost.pk, ())
    ]
    return sorted(found, key=lambda one: (one[1].first, one[0].pk))


@transaction.atomic
def share_cost(*, cost_id: int, first_day: date, at: datetime, by: User | None) -> CostPeriod:
    """Share the period of a cost that begins on a day; the same again returns the first result.

    :raises NotShared: its key gives no weights, or nobody holds a unit that has one
    """
    cost = (
        SharedCost.objects.select_for_update(of=("self",), no_key=True)
        .select_related("customer__seller", "key")
        .get(pk=cost_id)
    )
    done = cost.periods.filter(first_day=first_day, is_in_force=True).first()
    if done is not None:
        return done
    period = period_from(first_day, end=cost.end_day, is_monthly=cost.is_monthly)
    amount = amount_of(cost.amount, period=period, is_monthly=cost.is_monthly, currency=cost.currency)
    shares = _shares(cost, period, amount) if amount else ()
    row = CostPeriod.objects.create(
        cost=cost,
        first_day=period.first,
        last_day=period.last,
        currency=cost.currency,
        amount=amount,
        key_kind=cost.key.kind,
        key_name=cost.key.name,
        shared_at=at,
        shared_by=by,
    )
    units = {unit.label: unit for unit in Unit.objects.filter(customer=cost.customer)}
    for share in shares:
        _keep(row, share, unit=units[share.unit])
    return row


@transaction.atomic
def take_back_cost(*, period_id: int, reason: str, by: User | None, at: datetime) -> CostPeriod:
    """Take a shared period back from all who bore it; the next billing run shares it anew. Again changes nothing.

    :raises NotShared: it is itself what took another back, or the reason is empty
    """
    period: CostPeriod = CostPeriod.objects.select_for_update(of=("self",)).select_related("cost").get(pk=period_id)
    mirror = CostPeriod.objects.filter(reverses=period).first()
    if mirror is not None:
        return mirror
    if period.reverses_id is not None:
        raise NotShared("This took another back already")
    if not reason.strip():
        raise NotShared("Say why; the reason stays with it")
    period.is_in_force = False
    period.save(update_fields=["is_in_force"])
    mirror = CostPeriod.objects.create(
        cost=period.cost,
        first_day=period.first_day,
        last_day=period.last_day,
        currency=period.currency,
        amount=-period.amount,
        key_kind=period.key_kind,
        key_name=period.key_name,
        is_in_force=False,
        reverses=period,
        reason=reason.strip()[:200],
        shared_at=at,
        shared_by=by,
    )
    for share in period.shares.select_related("unit", "contract"):
        back = CostShare.objects.create(
            period=mirror,
            unit=share.unit,
            contract=share.contract,
            first_day=share.first_day,
            last_day=share.last_day,
            part=share.part,
            currency=share.currency,
            amount=-share.amount,
        )
        _charge(back, kind=ChargeKind.SHARE_BACK)
    return mirror


def _keep(row: CostPeriod, share: Share, *, unit: Unit) -> None:
    """Write what one holder bears, and let their next invoice list it."""
    part = Decimal(share.part.numerator) / Decimal(share.part.denominator)
    kept = CostShare.objects.create(
        period=row,
        unit=unit,
        contract_id=share.holder,
        first_day=share.days.first,
        last_day=share.days.last,
        part=part.quantize(_TEN_DECIMALS),
        currency=row.currency,
        amount=share.amount,
    )
    _charge(kept, kind=ChargeKind.SHARE)


def _charge(share: CostShare, *, kind: ChargeKind) -> None:
    period = share.period
    write_charge(
        contract_id=share.contract_id,
        key=f"cost_share:{share.pk}",
        kind=kind,
        facts={
            "cost": period.cost.name,
            "unit": share.unit.label,
            "percent": str((share.part * 100).quantize(_PERCENT)),
            "whole": str(period.amount),
            "by": period.key_kind,
            "key": period.key_name,
        },
        first_day=share.first_day,
        last_day=share.last_day,
        amount=share.amount,
        currency=share.currency,
        tax_included=period.cost.tax_included,
    )


def _shares(cost: SharedCost, period: Days, amount: Decimal) -> tuple[Share, ...]:
    stays = _stays(cost, period)
    if cost.key.kind == KeyKind.CONSUMPTION:
        milliwh = [_consumed(cost, stay, period) for stay in stays]
        return share_by_consumption(amount, period=period, stays=stays, milliwh=milliwh, currency=cost.currency)
    weights = _weights(cost.key, period)
    return share_by_days(amount, period=period, weights=weights, stays=stays, currency=cost.currency)


def _stays(cost: SharedCost, period: Days) -> list[Stay]:
    rows = Occupancy.objects.filter(unit__customer=cost.customer, first_day__lt=period.end).select_related("unit")
    stays = [
        Stay(unit=row.unit.label, holder=row.contract_id, first=row.first_day, end=row.end_day)
        for row in rows.order_by("unit__label", "first_day")
    ]
    return [stay for stay in stays if clipped(stay, period)]


def _weights(key: AllocationKey, period: Days) -> Sequence[Weighted]:
    """Return what each unit weighs on which days by an equal, area or table key.

    :raises NotShared: a unit has no area
    """
    if key.kind == KeyKind.TABLE:
        rows = KeyWeight.objects.filter(key=key, first_day__lt=period.end).select_related("unit").order_by("unit")
        found = [
            (row.unit, max(row.first_day, row.unit.first_day), _earlier(row.end_day, row.unit.end_day), row.weight)
            for row in rows
        ]
    else:
        units = Unit.objects.filter(customer=key.customer_id, first_day__lt=period.end).order_by("pk")
        found = [
            (unit, unit.first_day, unit.end_day, Decimal(1) if key.kind == KeyKind.EQUAL else unit.area_sqm)
            for unit in units
            if unit.end_day is None or unit.end_day > period.first
        ]
    if bare := [unit for unit, _, _, weight in found if weight is None]:
        raise NotShared(f"“{bare[0]}” has no area: enter it on the unit's page")
    return [
        Weighted(unit=unit.label, first=first, end=end, weight=weight)
        for unit, first, end, weight in found
        if end is None or first < end
    ]


def _earlier(one: date | None, other: date | None) -> date | None:
    days = [day for day in (one, other) if day is not None]
    return min(days, default=None)


def _consumed(cost: SharedCost, stay: Stay, period: Days) -> int:
    """Return the energy of a holder's sessions that ended on their days within the period."""
    days = clipped(stay, period)
    assert days is not None, "stays are those of the period"
    seller = cost.customer.seller
    newer = Cdr.objects.filter(
        session=OuterRef("session"), purpose=OuterRef("purpose"), revision__gt=OuterRef("revision")
    )
    records = Cdr.objects.filter(
        ~Exists(newer.order_by()),
        purpose=Cdr.Purpose.RETAIL,
        session__contract_id=stay.holder,
        session__status=SessionStatus.SETTLED,
        ended_at__gte=datetime.combine(days.first, time(), tzinfo=zone(seller.time_zone)),
        ended_at__lt=end_of_day(days.last, time_zone=seller.time_zone),
    )
    return records.aggregate(sum=Sum("energy_milliwh"))["sum"] or 0
