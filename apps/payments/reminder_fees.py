"""Reading what reminders cost and nobody has paid or given up."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet

from apps.payments.credit import sum_of
from apps.payments.models import DunningStep, FeeAllocation


def open_fees(**owner: object) -> QuerySet[Any]:
    """Return the reminders, of ``invoice__customer=`` and the like, with ``open_fee`` > 0, the oldest first."""
    steps: QuerySet[Any] = DunningStep.objects.filter(waiver__isnull=True, **owner)
    with_open = steps.annotate(open_fee=F("fee") - sum_of(FeeAllocation.objects.all(), by="step"))
    return with_open.filter(open_fee__gt=0).order_by("taken_at", "pk")


def fees_by_invoice(invoice_ids: Iterable[int]) -> dict[int, Decimal]:
    """Return what is open of the fees of each invoice's reminders; an invoice without any is missing."""
    sums: dict[int, Decimal] = {}
    for invoice_id, fee in open_fees(invoice__in=list(invoice_ids)).values_list("invoice_id", "open_fee"):
        sums[invoice_id] = sums.get(invoice_id, Decimal(0)) + fee
    return sums
