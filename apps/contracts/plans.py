"""From when on a contract may have a plan: in its seller's currency, and never for days that were billed."""

from collections.abc import Callable
from datetime import date

from apps.contracts.domain.plans import Cycle, is_boundary
from apps.contracts.models import Contract, ContractPlan

# Whoever bills says up to which local day a contract's periods are closed; None: none is. Filled by AppConfig.ready.
ClosedUntil = Callable[[Contract], date | None]
_closed_until: list[ClosedUntil] = []


def register_closed_until(ask: ClosedUntil) -> None:
    _closed_until.append(ask)


def why_not_given(row: ContractPlan, *, before: ContractPlan | None) -> str:
    """Say why a contract must not have this plan on these days; "" where it may.

    before  the row as it is stored; None: it is new
    """
    if row.plan.seller_id != row.contract.seller_id:
        return "This plan belongs to another seller."
    if why := _why_not_past(row, before):
        return why
    others = ContractPlan.objects.filter(contract=row.contract).exclude(pk=row.pk).select_related("plan")
    for other in others:
        if other.plan.cycle != row.plan.cycle and not _begins_a_period(row, other):
            return "Between a monthly and a quarterly plan both need to begin or end with a quarter."
    return ""


def _why_not_past(row: ContractPlan, before: ContractPlan | None) -> str:
    """Refuse to change what days that were billed had; only the end may still move, on days that were not."""
    closed = max((day for ask in _closed_until if (day := ask(row.contract)) is not None), default=None)
    if closed is None:
        return ""
    is_same_start = before is not None and (before.plan_id, before.first_day) == (row.plan_id, row.first_day)
    if not is_same_start and min(row.first_day, before.first_day if before else row.first_day) <= closed:
        return f"This contract is billed up to {closed}: choose a later day, and end the plan before it first."
    if row.end_day is not None and row.end_day <= closed and (before is None or before.end_day != row.end_day):
        return f"This contract is billed up to {closed}: the plan can only end later."
    return ""


def _begins_a_period(row: ContractPlan, other: ContractPlan) -> bool:
    """Tell whether the later of two plans begins where a period of either cycle does."""
    return is_boundary(max(row.first_day, other.first_day), cycle=Cycle.QUARTER)
