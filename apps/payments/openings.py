"""Reading what of opening items is open, and which of them a remittance text names."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Sum, Value, When

from apps.payments.credit import AMOUNT, sum_of
from apps.payments.domain.remittances import names
from apps.payments.models import OpeningItem, OpeningSettlement


def with_open_amounts(items: QuerySet[Any], *, before: datetime | None = None) -> QuerySet[Any]:
    """Annotate ``open_amount``, gross: what came with an item without what was paid and given up; ≥ 0.

    Of a credit it is 0: its money is a bank receipt's, and what is left of that is the customer's. One that was taken
    back has nothing open.

    before  as it stood at that instant; None: now
    """
    settlements = OpeningSettlement.objects.all() if before is None else _before(before)
    taken_back = Q(reversed_at__isnull=False) if before is None else Q(reversed_at__lt=before)
    return items.annotate(
        open_amount=Case(
            When(amount__lt=0, then=Value(Decimal(0))),
            When(taken_back, then=Value(Decimal(0))),
            default=F("amount") - sum_of(settlements, by="item"),
            output_field=AMOUNT,
        )
    )


def _before(instant: datetime) -> QuerySet[Any]:
    settlements: QuerySet[Any] = OpeningSettlement.objects.filter(settled_at__lt=instant)
    return settlements


def open_items(**owner: Any) -> QuerySet[Any]:
    """Return the items with something open, of ``customer=`` and the like, the longest due first."""
    items: QuerySet[Any] = OpeningItem.objects.filter(**owner)
    return with_open_amounts(items).filter(open_amount__gt=0).order_by("due_date", "pk")


def open_amount(item: OpeningItem) -> Decimal:
    """Return what of an item is open."""
    amount: Decimal = with_open_amounts(OpeningItem.objects.filter(pk=item.pk)).values_list("open_amount", flat=True)[0]
    return amount


def given_up(item: OpeningItem) -> Decimal:
    """Return what of an item is given up and did not come back."""
    rows = OpeningSettlement.objects.filter(item=item, bank_receipt__isnull=True)
    return Decimal(rows.aggregate(sum=Sum("amount"))["sum"] or 0)


def named_items(text: str, **owner: Any) -> list[Any]:
    """Return the items that a remittance text names and that are not all paid, given up or not, the longest due first.

    owner  ``seller=`` and the like; each of their numbers is looked for, since every old system writes them otherwise
    """
    items = OpeningItem.objects.filter(amount__gt=0, reversed_at__isnull=True, **owner)
    paid = OpeningSettlement.objects.filter(bank_receipt__isnull=False)
    unpaid = items.annotate(paid=sum_of(paid, by="item")).filter(paid__lt=F("amount")).order_by("due_date", "pk")
    return [item for item in unpaid if names(text, number=item.number)]
