"""Which plans a contract may have on which days, never others for days that were billed; and copies of plans.

A plan counts while its contract runs: not from its end (``valid_to``) on, and not while it had ended by hand.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction

from apps.contracts.domain.plans import Days, PlanSpan, periods_until, while_running, why_not_together
from apps.contracts.models import Contract, ContractPlan, Ending, Plan, PlanStep
from apps.core.domain.zones import zone

# Whoever bills says up to which local day a contract's periods are closed; None: none is. Filled by AppConfig.ready.
ClosedUntil = Callable[[Contract], date | None]
_closed_until: list[ClosedUntil] = []

# Whoever bills says which periods a contract's days were billed as, closed or open again. Filled by AppConfig.ready.
BilledAs = Callable[[Contract], Iterable[Days]]
_billed_as: list[BilledAs] = []


def register_closed_until(ask: ClosedUntil) -> None:
    _closed_until.append(ask)


def register_billed_as(ask: BilledAs) -> None:
    _billed_as.append(ask)


def plan_spans(contracts: Iterable[Contract]) -> dict[int, list[PlanSpan]]:
    """Return the plans of each contract while it runs, by its key, in order of their days; [] for one without."""
    known = {contract.pk: contract for contract in contracts}
    spans: dict[int, list[PlanSpan]] = {contract_id: [] for contract_id in known}
    rows = ContractPlan.objects.filter(contract__in=known).select_related("plan").prefetch_related("plan__steps")
    for row in rows:
        spans[row.contract_id].append(row.span())
    pauses: dict[int, list[tuple[date, date | None]]] = {contract_id: [] for contract_id in known}
    for contract_id, first_day, end_day in Ending.objects.filter(contract__in=known).values_list(
        "contract", "first_day", "end_day"
    ):
        pauses[contract_id].append((first_day, end_day))
    return {
        contract_id: while_running(spans[contract_id], until=first_day_after(contract), pauses=pauses[contract_id])
        for contract_id, contract in known.items()
    }


def first_day_after(contract: Contract) -> date | None:
    """Return the first local day on no part of which the contract runs; None: until further notice."""
    if contract.valid_to is None:
        return None
    return _local_day(contract.valid_to - timedelta(microseconds=1), contract) + timedelta(days=1)


def stop_plans(contract: Contract, *, at: datetime) -> None:
    """Let a locked contract have no plan after today, nor on days that were billed; what was agreed stays known."""
    first_day = max(_local_day(at, contract), _billed_until(contract) or date.min) + timedelta(days=1)
    if not Ending.objects.filter(contract=contract, end_day__isnull=True).exists():
        Ending.objects.create(contract=contract, first_day=first_day)


def resume_plans(contract: Contract, *, at: datetime) -> None:
    """Let the plans of a locked contract go on from today, or from the first day that was not billed."""
    ending = Ending.objects.filter(contract=contract, end_day__isnull=True).first()
    if ending is None:
        return
    billed = _billed_until(contract)
    ending.end_day = max(_local_day(at, contract), billed + timedelta(days=1) if billed else date.min)
    if ending.end_day <= ending.first_day:
        ending.delete()
    else:
        ending.save(update_fields=["end_day"])


def _local_day(at: datetime, contract: Contract) -> date:
    return at.astimezone(zone(contract.seller.time_zone)).date()


def _billed_until(contract: Contract) -> date | None:
    return max((day for ask in _closed_until if (day := ask(contract)) is not None), default=None)


def why_not_ended(contract: Contract) -> str:
    """Say why a contract must not end, or go on, as its changed ``valid_to`` says; "" where it may."""
    billed = _billed_until(contract)
    stored = Contract.objects.get(pk=contract.pk)
    ends = {first_day_after(contract), first_day_after(stored)}
    moved = min((end for end in ends if end is not None), default=None)
    if len(ends) == 1 or billed is None or moved is None or moved > billed:
        return ""
    later = None if None in ends else max(end for end in ends if end is not None)
    plans = ContractPlan.objects.filter(contract=contract, first_day__lte=billed).exclude(end_day__lte=moved)
    if later is not None:
        plans = plans.filter(first_day__lt=later)
    return f"This contract is billed up to {billed}: what its days were until then stays." if plans.exists() else ""


def why_not_given(contract: Contract, rows: Sequence[ContractPlan]) -> str:
    """Say why a contract must not have these plans, and no others; "" where it may.

    rows  all it would have, changed ones as they would be; a contract that is not saved yet was never billed
    """
    if any(row.plan.seller_id != contract.seller_id for row in rows):
        return "This plan belongs to another seller."
    if contract.pk is not None and (why := _why_not_past(contract, rows)):
        return why
    if why := why_not_together(row.span() for row in rows):
        return why
    return _why_not_in_periods(contract, rows) if contract.pk is not None else ""


def _why_not_in_periods(contract: Contract, rows: Sequence[ContractPlan]) -> str:
    """Refuse another cycle for days that were billed as a period: open again, they are still that period's."""
    for billed in (days for ask in _billed_as for days in ask(contract)):
        for row in rows:
            for period in periods_until([row.span()], until=billed.last):
                if period.first != billed.first and period.first < billed.end and billed.first < period.end:
                    return (
                        f"Plan: {row.plan} bills by {row.plan.get_cycle_display().lower()}, but the days from "
                        f"{billed.first} to {billed.last} were billed as a period of their own. Choose a plan with "
                        f"their billing period, or let this one begin after {period.last}."
                    )
    return ""


def _why_not_past(contract: Contract, rows: Sequence[ContractPlan]) -> str:
    """Refuse to change what days that were billed had; only an end may move, from and to days that were not."""
    closed = _billed_until(contract)
    if closed is None:
        return ""
    stored = {row.pk: row for row in ContractPlan.objects.filter(contract=contract)}
    for row in rows:
        before = stored.get(row.pk)
        is_same_start = before is not None and (before.plan_id, before.first_day) == (row.plan_id, row.first_day)
        if not is_same_start and min(row.first_day, before.first_day if before else row.first_day) <= closed:
            return f"This contract is billed up to {closed}: choose a later day, and end the plan before it first."
        ends = {row.end_day, before.end_day if before else row.end_day}
        if len(ends) > 1 and any(end is not None and end <= closed for end in ends):
            return f"This contract is billed up to {closed}: what a plan's days were until then stays."
    return ""


@transaction.atomic
def copy_plan(plan_id: int) -> Plan:
    """Copy a plan with its steps under the next free name: ``Fleet 30 (2)``; the copy can be changed."""
    twin = Plan.objects.get(pk=plan_id)
    steps = list(twin.steps.all())
    names = set(Plan.objects.filter(seller=twin.seller_id).values_list("name", flat=True))
    number = 2
    while (name := f"{twin.name[:70]} ({number})") in names:
        number += 1
    twin.pk, twin.name = None, name
    twin._state.adding = True
    twin.save()
    PlanStep.objects.bulk_create(PlanStep(plan=twin, up_to=step.up_to, price=step.price) for step in steps)
    return twin
