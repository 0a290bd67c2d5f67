"""Which plans a contract may have on which days, never others for days that were billed; and copies of plans."""

from collections.abc import Callable, Sequence
from datetime import date

from django.db import transaction

from apps.contracts.domain.plans import why_not_together
from apps.contracts.models import Contract, ContractPlan, Plan, PlanStep

# Whoever bills says up to which local day a contract's periods are closed; None: none is. Filled by AppConfig.ready.
ClosedUntil = Callable[[Contract], date | None]
_closed_until: list[ClosedUntil] = []


def register_closed_until(ask: ClosedUntil) -> None:
    _closed_until.append(ask)


def why_not_given(contract: Contract, rows: Sequence[ContractPlan]) -> str:
    """Say why a contract must not have these plans, and no others; "" where it may.

    rows  all it would have, changed ones as they would be; a contract that is not saved yet was never billed
    """
    if any(row.plan.seller_id != contract.seller_id for row in rows):
        return "This plan belongs to another seller."
    if contract.pk is not None and (why := _why_not_past(contract, rows)):
        return why
    return why_not_together(row.span() for row in rows)


def _why_not_past(contract: Contract, rows: Sequence[ContractPlan]) -> str:
    """Refuse to change what days that were billed had; only an end may move, from and to days that were not."""
    closed = max((day for ask in _closed_until if (day := ask(contract)) is not None), default=None)
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
