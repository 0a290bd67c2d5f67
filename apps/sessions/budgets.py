"""What was charged of budgets: read in one query, however many there are."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from apps.contracts.domain.renewals import add_months
from apps.contracts.models import Customer
from apps.sessions.domain.budgets import percent
from apps.sessions.explanation import current_revisions, of_days
from apps.sessions.models import Budget, Cdr


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """A budget and what a month has used of it, both net or both gross."""

    budget: Budget
    used: Decimal
    is_gross: bool

    @property
    def percent(self) -> int:
        return percent(used=self.used, amount=self.budget.amount)


def use_of(budgets: Iterable[Budget], *, month: date) -> list[BudgetUse]:
    """Return what the rated sessions of a month come to; sessions that still run are not counted.

    month  its first day; a session counts on the local day on which it ended
    """
    wanted: Sequence[Budget] = list(budgets)
    if not wanted:
        return []
    contracts = {budget.contract_id for budget in wanted}
    records = Cdr.objects.filter(session__contract__in=contracts, purpose=Cdr.Purpose.RETAIL)
    rows = (
        current_revisions(of_days(records, first=month, end=add_months(month, 1)))
        .order_by()
        .values_list("session__contract", "currency", "session__vehicle", "session__cost_centre")
        .annotate(net=Sum("net"), gross=Sum("gross"))
    )
    sums: dict[tuple[int, str, str, int | None], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for contract_id, currency, vehicle_id, centre_id, net, gross in rows:
        for kind, pk in (("contract", None), ("vehicle", vehicle_id), ("cost_centre", centre_id)):
            both = sums[contract_id, currency, kind, pk]
            both[False] += Decimal(net)
            both[True] += Decimal(gross)
    return [_use(budget, sums) for budget in wanted]


def _use(budget: Budget, sums: dict[tuple[int, str, str, int | None], list[Decimal]]) -> BudgetUse:
    kind, pk = (
        ("vehicle", budget.vehicle_id)
        if budget.vehicle_id
        else ("cost_centre", budget.cost_centre_id)
        if budget.cost_centre_id
        else ("contract", None)
    )
    is_gross = budget.contract.customer.kind == Customer.Kind.PRIVATE
    both = sums.get((budget.contract_id, budget.currency, kind, pk), [Decimal(0), Decimal(0)])
    return BudgetUse(budget=budget, used=both[is_gross], is_gross=is_gross)
