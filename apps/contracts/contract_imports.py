"""Many contracts at once, from a file, in force as their days say; and the same file from what is there."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.accounts.models import Organisation
from apps.contracts.domain.contract_files import COLUMNS, ContractRow
from apps.contracts.imports import (
    ImportRefused,
    Outcome,
    RowOutcome,
    begin_of,
    problems_of,
    refuse_in_part,
)
from apps.contracts.models import Contract, Customer, MembershipTier
from apps.core.domain.zones import zone


def preview(*, seller_id: int, rows: Sequence[ContractRow]) -> list[RowOutcome]:
    """Say what comes of each line; nothing is written."""
    world = _World(seller_id, rows)
    return [world.outcome(row) for row in rows]


@transaction.atomic
def carry_out(*, seller_id: int, rows: Sequence[ContractRow], whole: bool = False) -> list[RowOutcome]:
    """Add the contracts of all lines that can be; return what came of each.

    whole  all of them or none

    :raises ImportRefused: nothing was written: another import was faster, or a line would be left out
    """
    world = _World(seller_id, rows)
    outcomes = [world.outcome(row) for row in rows]
    if whole:
        refuse_in_part(outcomes)
    try:
        with transaction.atomic():
            for one in outcomes:
                if one.outcome is Outcome.NEW:
                    world.contract(one.row).save()
    except IntegrityError as error:
        raise ImportRefused("Somebody added one of these contracts meanwhile. Look at the file again.") from error
    return outcomes


def lines_of(contracts: QuerySet[Any]) -> list[tuple[str, ...]]:
    """Return contracts as the file has them."""
    rows = contracts.select_related("seller", "customer", "tier").order_by("number")
    return [_line(_told(contract)) for contract in rows]


class _World:
    """What the lines of a file name, loaded at once: contracts that are there, customers, tiers."""

    def __init__(self, seller_id: int, rows: Sequence[ContractRow]) -> None:
        self.seller: Organisation = Organisation.objects.get(pk=seller_id)
        there = Contract.objects.filter(seller=seller_id, number__in=[row.number for row in rows])
        self.there = {one.number: one for one in there.select_related("seller", "customer", "tier")}
        customers = Customer.objects.filter(seller=seller_id, number__in=[row.customer for row in rows])
        self.customers = {one.number: one for one in customers}
        self.tiers = {one.name: one for one in MembershipTier.objects.filter(seller=seller_id)}

    def outcome(self, row: ContractRow) -> RowOutcome:
        outcome, words = self._judge(row)
        return RowOutcome(row=row, outcome=outcome, words=words)

    def contract(self, row: ContractRow) -> Contract:
        time_zone = self.seller.time_zone
        return Contract(
            seller=self.seller,
            customer=self.customers[row.customer],
            tier=self.tiers[row.tier] if row.tier else None,
            number=row.number,
            valid_from=begin_of(row.first, time_zone=time_zone),
            valid_to=begin_of(row.last + timedelta(days=1), time_zone=time_zone) if row.last else None,
            payment_days=row.payment_days,
            purchase_order=row.purchase_order,
            buyer_reference=row.buyer_reference,
        )

    def _judge(self, row: ContractRow) -> tuple[Outcome, str]:
        there = self.there.get(row.number)
        if there is not None:
            told = _told(there)
            names = zip(COLUMNS, _line(told), _line(row), strict=True)
            other = [column for column, is_, said in names if is_ != said]
            if other:
                return Outcome.REFUSED, f"There with another {', '.join(other)}: change it on the contract's page."
            return Outcome.THERE, "There already, just so."
        if row.customer not in self.customers:
            return Outcome.REFUSED, f"You have no customer {row.customer}: import customers first."
        if row.tier and row.tier not in self.tiers:
            return Outcome.REFUSED, f"You have no membership tier “{row.tier}”."
        if problem := problems_of(self.contract(row), exclude=["seller", "customer", "tier"]):
            return Outcome.REFUSED, problem
        return Outcome.NEW, f"Added for {self.customers[row.customer]}."


def _told(contract: Any) -> ContractRow:
    """Return a contract as a line of the file."""
    there = zone(contract.seller.time_zone)
    last = contract.valid_to.astimezone(there).date() if contract.valid_to else None
    return ContractRow(
        line=0,
        number=contract.number,
        customer=contract.customer.number,
        first=contract.valid_from.astimezone(there).date(),
        last=last - timedelta(days=1) if last else None,
        tier=contract.tier.name if contract.tier else "",
        payment_days=contract.payment_days,
        purchase_order=contract.purchase_order,
        buyer_reference=contract.buyer_reference,
    )


def _line(row: ContractRow) -> tuple[str, ...]:
    last = row.last.isoformat() if row.last else ""
    return (
        *(row.number, row.customer, row.first.isoformat(), last, row.tier),
        *(str(row.payment_days), row.purchase_order, row.buyer_reference),
    )
