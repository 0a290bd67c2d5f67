"""Whose money is left: what of bank receipts settles no document yet and is its customer's credit.

What a card brought too much is no credit: it goes back to the card (``refunds.give_back_surplus``).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import DecimalField, Exists, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.contracts.models import Customer
from apps.payments.domain.status import RepaymentStatus
from apps.payments.models import Allocation, BankReceipt, BankRepayment, FeeAllocation, OpeningSettlement

AMOUNT: DecimalField = DecimalField(max_digits=20, decimal_places=6)


def sum_of(rows: QuerySet[Any], *, by: str, amount: Any = "amount") -> Coalesce:
    """Sum ``amount`` of the rows that ``by`` joins to the outer row, 0 where there are none."""
    sums = rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(total=Sum(amount)).values("total")
    return Coalesce(Subquery(sums, output_field=AMOUNT), Value(Decimal(0)), output_field=AMOUNT)


class Credit(NamedTuple):
    """What a customer has with a seller in one currency, > 0."""

    customer: Customer
    currency: str
    amount: Decimal


def with_left(receipts: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate bank receipts with ``left``: settles no document, fee or opening item, is not paid back or about to."""
    kept = BankRepayment.objects.exclude(status=RepaymentStatus.WITHDRAWN)
    return receipts.annotate(
        left=F("amount")
        - sum_of(Allocation.objects.all(), by="bank_receipt")
        - sum_of(kept, by="bank_receipt")
        - sum_of(FeeAllocation.objects.all(), by="bank_receipt")
        - sum_of(OpeningSettlement.objects.all(), by="bank_receipt"),
    )


def left_of(receipt: BankReceipt) -> Decimal:
    """Return what of a receipt is free to settle something."""
    amount: Decimal = with_left(BankReceipt.objects.filter(pk=receipt.pk)).values_list("left", flat=True)[0]
    return amount


def settled_by(receipt: BankReceipt) -> list[str]:
    """Return what a receipt has settled something of, each document's number once."""
    invoices = receipt.allocations.values_list("invoice__number", flat=True)
    items = receipt.opening_settlements.values_list("item__number", flat=True)
    return sorted({*invoices, *items})


def free_receipts(**owner: Any) -> QuerySet[Any]:
    """Return the bank receipts with something left, of ``customer=``, ``currency=`` and the like, oldest first."""
    return with_left(BankReceipt.objects.filter(**owner)).filter(left__gt=0).order_by("booked_on", "pk")


def not_taken_back_from(receipts: QuerySet[Any], invoice: Any) -> QuerySet[Any]:
    """Leave out what a person has taken back from this invoice: it is never put there again by itself.

    invoice  one, or an OuterRef to it
    """
    taken_back = Allocation.objects.filter(
        bank_receipt=OuterRef("pk"), invoice=invoice, reverses__isnull=False, decided_by__isnull=False
    )
    return receipts.exclude(Exists(taken_back))


def has_credit_for_it() -> Any:
    """Return the condition on invoices that their customer has credit which may settle them."""
    receipts = free_receipts(customer=OuterRef("customer"), currency=OuterRef("currency"))
    return Exists(not_taken_back_from(receipts, OuterRef(OuterRef("pk"))))


def credits_of(customers: Iterable[Customer]) -> list[Credit]:
    """Return what each of these customers has left, by customer and currency."""
    by_pk = {customer.pk: customer for customer in customers}
    sums: dict[tuple[int, str], Decimal] = {}
    for customer_id, currency, left in free_receipts(customer__in=by_pk).values_list("customer_id", "currency", "left"):
        key = customer_id, currency
        sums[key] = sums.get(key, Decimal(0)) + left
    return [Credit(by_pk[pk], currency, amount) for (pk, currency), amount in sorted(sums.items())]
