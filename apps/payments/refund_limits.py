"""How much one person may give back alone: the seller's ``refund_limit``, over a day and over a document.

What the person gave back in the last 24 hours, or ever of the same document, counts towards it, so that two halves
come to the whole. What a second person confirmed does not count.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Q, Sum

from apps.accounts.models import User
from apps.invoices.models import Invoice
from apps.payments.domain.status import RefundStatus
from apps.payments.models import Refund, RefundRequest

SPAN: Final = timedelta(hours=24)


def needs_second_person(*, document: Invoice, refunds: Sequence[Refund], by: User | None, at: datetime) -> bool:
    """Whether refunds just written down are more than ``by`` may give back alone; locks the person until the commit.

    In another currency than the seller's, where the limit says nothing, each one is.
    """
    limit = document.seller.refund_limit
    if limit is None or by is None or not refunds:
        return False
    if document.currency != document.seller.currency:
        return True
    # So that two refunds of one person at once see each other.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    confirmed = RefundRequest.objects.filter(credit_note__isnull=False).values("credit_note")
    alone = Refund.objects.filter(
        Q(requested_at__gt=at - SPAN) | Q(invoice=document), requested_by=by, payment__seller=document.seller_id
    )
    alone = alone.exclude(status=RefundStatus.FAILED).exclude(credit_note__in=confirmed)
    earlier = alone.exclude(pk__in=[refund.pk for refund in refunds]).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    return bool(earlier + sum(refund.amount.amount for refund in refunds) > limit)
