"""How much one person may give back alone: the seller's ``refund_limit``, over a day and over a document or wallet.

What the person gave back in the last 24 hours, by card or by bank, or ever of the same document or wallet, counts
towards it, so that two halves come to the whole. What a second person confirmed does not count.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, QuerySet, Sum

from apps.accounts.models import Organisation, User
from apps.payments.domain.status import RefundStatus, RepaymentStatus
from apps.payments.models import BankRepayment, Refund

SPAN: Final = timedelta(hours=24)


def needs_second_person(
    *, seller: Organisation, refunds: Sequence[Refund], same: Q, by: User | None, at: datetime
) -> bool:
    """Whether refunds just written down are more than ``by`` may give back alone; locks the person until the commit.

    same  which other refunds are of the same document or wallet · In another currency than the seller's, where the
          limit says nothing, each one is.
    """
    if not refunds or seller.refund_limit is None:
        return False
    if by is not None:
        # So that two of one person at once see each other.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
    alone = Refund.objects.filter(Q(requested_at__gt=at - SPAN) | same)
    return _is_above(
        sum((refund.amount.amount for refund in refunds), start=Decimal(0)),
        seller=seller,
        currency=refunds[0].currency,
        by=by,
        refunds=alone.exclude(pk__in=[refund.pk for refund in refunds]),
        repayments=BankRepayment.objects.filter(requested_at__gt=at - SPAN),
    )


def repayment_needs_second_person(repayment: BankRepayment) -> bool:
    """Whether a repayment by bank is more than whoever asked for it gives back alone; as above."""
    since = repayment.requested_at - SPAN
    return _is_above(
        repayment.amount.amount,
        seller=repayment.bank_receipt.seller,
        currency=repayment.currency,
        by=repayment.requested_by,
        refunds=Refund.objects.filter(requested_at__gt=since),
        # Of two asked for at once the later one sees the earlier one.
        repayments=BankRepayment.objects.filter(requested_at__gt=since, pk__lt=repayment.pk),
    )


def _is_above(
    amount: Decimal,
    *,
    seller: Organisation,
    currency: str,
    by: User | None,
    refunds: QuerySet[Refund],
    repayments: QuerySet[BankRepayment],
) -> bool:
    """Whether an amount and what ``by`` gave back of these rows without a second person pass the seller's limit."""
    limit = seller.refund_limit
    if limit is None or by is None:
        return False
    if currency != seller.currency:
        return True
    alone: dict[str, Any] = {"requested_by": by, "confirmed_by__isnull": True, "currency": currency}
    refunds = refunds.filter(payment__seller=seller, **alone).exclude(status=RefundStatus.FAILED)
    repayments = repayments.filter(bank_receipt__seller=seller, **alone).exclude(status=RepaymentStatus.WITHDRAWN)
    earlier = [rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0) for rows in (refunds, repayments)]
    return bool(sum(earlier, start=amount) > limit)
