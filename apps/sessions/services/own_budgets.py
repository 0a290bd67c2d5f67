"""Budgets as customers make, change and drop them; the messages are whole sentences, to be translated."""

from collections.abc import Sequence
from decimal import Decimal

from django.db import IntegrityError, transaction

from apps.contracts.models import Contract, CostCentre, Vehicle
from apps.core.domain.money import round_half_up
from apps.sessions.models import Budget


class BudgetRefused(Exception):
    """Nothing was changed; the message says why."""


@transaction.atomic
def make_budget(
    *,
    contract: Contract,
    vehicle: Vehicle | None,
    cost_centre: CostCentre | None,
    amount: Decimal,
    thresholds: Sequence[int],
    recipient: str,
) -> Budget:
    """Make a budget of a contract (``seller`` loaded), or of one vehicle or cost centre of it.

    amount  a month: net, or with VAT where the customer's documents state it · thresholds  percent, ascending

    :raises BudgetRefused: there is one for it, it names two things or somebody else's, or the amount is none
    """
    for named in (vehicle, cost_centre):
        if named is not None and named.customer_id != contract.customer_id:
            raise BudgetRefused("Choose a vehicle or cost centre of the contract's own.")
    if vehicle is not None and cost_centre is not None:
        raise BudgetRefused("Choose a vehicle or a cost centre, or neither for all of the contract.")
    if Budget.objects.filter(contract=contract, vehicle=vehicle, cost_centre=cost_centre).exists():
        raise BudgetRefused(_TWICE)
    budget = Budget(
        seller=contract.seller,
        contract=contract,
        vehicle=vehicle,
        cost_centre=cost_centre,
        currency=contract.seller.currency,
        amount=amount,
        thresholds=list(thresholds),
        recipient=recipient,
    )
    # Two who make the same one at once meet in the constraint.
    _save(budget, refusal=_TWICE)
    return budget


@transaction.atomic
def change_budget(*, budget_id: int, amount: Decimal, thresholds: Sequence[int], recipient: str) -> Budget:
    """Change how much and when and who is told; what was told this month is not told again.

    :raises BudgetRefused: the amount is none of its currency
    """
    budget: Budget = Budget.objects.select_for_update().get(pk=budget_id)
    budget.amount, budget.thresholds, budget.recipient = amount, list(thresholds), recipient
    _save(budget, refusal="Give an amount of its currency that is more than nothing.")
    return budget


def drop_budget(*, budget_id: int) -> None:
    """Forget a budget and what was told of it; dropping again changes nothing."""
    Budget.objects.filter(pk=budget_id).delete()


_TWICE = "There is a budget for this already: change its amount."


def _save(budget: Budget, *, refusal: str) -> None:
    if _is_no_amount(budget):
        raise BudgetRefused("Give an amount of its currency that is more than nothing.")
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError as error:
        raise BudgetRefused(refusal) from error


def _is_no_amount(budget: Budget) -> bool:
    return budget.amount <= 0 or round_half_up(budget.amount, currency=budget.currency) != budget.amount
