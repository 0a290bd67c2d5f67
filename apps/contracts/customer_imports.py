"""Many customers at once, from a file; and the same file from what is there."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.contracts.domain.customer_files import COLUMNS, CustomerRow
from apps.contracts.imports import ImportRefused, Outcome, RowOutcome, problems_of, refuse_in_part
from apps.contracts.models import Customer


def preview(*, seller_id: int, rows: Sequence[CustomerRow]) -> list[RowOutcome]:
    """Say what comes of each line; nothing is written."""
    numbers = [row.number for row in rows]
    there = {one.number: one for one in Customer.objects.filter(seller=seller_id, number__in=numbers)}
    return [_outcome(row, there.get(row.number), seller_id) for row in rows]


@transaction.atomic
def carry_out(*, seller_id: int, rows: Sequence[CustomerRow], whole: bool = False) -> list[RowOutcome]:
    """Add the customers of all lines that can be; return what came of each.

    whole  all of them or none

    :raises ImportRefused: nothing was written: another import was faster, or a line would be left out
    """
    outcomes = preview(seller_id=seller_id, rows=rows)
    if whole:
        refuse_in_part(outcomes)
    try:
        with transaction.atomic():
            for one in outcomes:
                if one.outcome is Outcome.NEW:
                    _customer(one.row, seller_id).save()
    except IntegrityError as error:
        raise ImportRefused("Somebody added one of these customers meanwhile. Look at the file again.") from error
    return outcomes


def lines_of(customers: QuerySet[Any]) -> list[tuple[str, ...]]:
    """Return customers as the file has them."""
    return [tuple(_told(customer).values()) for customer in customers.order_by("number")]


def _outcome(row: CustomerRow, customer: Customer | None, seller_id: int) -> RowOutcome:
    if customer is not None:
        other = [column for column, said in _told(customer).items() if said != row.values()[column]]
        if other:
            words = f"There with another {', '.join(other)}: change it on the customer's page."
            return RowOutcome(row=row, outcome=Outcome.REFUSED, words=words)
        return RowOutcome(row=row, outcome=Outcome.THERE, words="There already, just so.")
    if problem := problems_of(_customer(row, seller_id), exclude=["seller"]):
        return RowOutcome(row=row, outcome=Outcome.REFUSED, words=problem)
    return RowOutcome(row=row, outcome=Outcome.NEW, words="Added.")


def _customer(row: CustomerRow, seller_id: int) -> Customer:
    return Customer(seller_id=seller_id, **row.values())


def _told(customer: Any) -> dict[str, str]:
    return {
        column: customer.country.code if column == "country" else str(getattr(customer, column)) for column in COLUMNS
    }
