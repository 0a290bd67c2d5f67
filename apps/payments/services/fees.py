"""What reminders cost: posted with the reminder, settled by money that comes by bank, or given up with a reason."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from apps.accounts.models import User
from apps.core.domain.zones import zone
from apps.ledger import services as ledger
from apps.payments.credit import left_of, sum_of
from apps.payments.domain.postings import reminder_fee
from apps.payments.models import BankReceipt, DunningStep, FeeAllocation, FeeWaiver


class NotWaived(Exception):
    """The fee cannot be given up; the message says why, and nothing was changed."""


def open_fees(**owner: object) -> QuerySet[Any]:
    """Return the reminders, of ``invoice__customer=`` and the like, with ``open_fee`` > 0, the oldest first."""
    steps: QuerySet[Any] = DunningStep.objects.filter(waiver__isnull=True, **owner)
    with_open = steps.annotate(open_fee=F("fee") - sum_of(FeeAllocation.objects.all(), by="step"))
    return with_open.filter(open_fee__gt=0).order_by("taken_at", "pk")


def post_fee(step: DunningStep, *, at: datetime) -> None:
    """Post what a reminder costs; one without a fee posts nothing."""
    if step.fee.amount:
        _post(step, amount=step.fee.amount, key="fee", text="Fee of reminder", at=at)


def settle_fees(*, receipt: BankReceipt, at: datetime) -> None:
    """Let what is left of a locked bank receipt settle its customer's fees, the oldest first."""
    if receipt.customer_id is None:
        return
    left = left_of(receipt)
    owed = open_fees(
        invoice__customer=receipt.customer_id, invoice__seller=receipt.seller_id, currency=receipt.currency
    )
    for step in owed if left > 0 else []:
        amount = min(left, step.open_fee)
        if amount <= 0:
            return
        FeeAllocation.objects.create(
            step=step, bank_receipt=receipt, currency=receipt.currency, amount=amount, allocated_at=at
        )
        left -= amount


@transaction.atomic
def waive_fee(*, step_id: int, reason: str, by: User, at: datetime) -> FeeWaiver:
    """Give up a reminder's fee by a reversing journal; giving it up again returns the first result.

    :raises NotWaived: it costs nothing, something of it is paid, or the reason is empty
    """
    step: DunningStep = DunningStep.objects.select_for_update(of=("self",)).select_related("invoice").get(pk=step_id)
    done: FeeWaiver | None = FeeWaiver.objects.filter(step=step).first()
    if done is not None:
        return done
    if not step.fee.amount:
        raise NotWaived("This reminder cost nothing.")
    if not reason.strip():
        raise NotWaived("Giving up a fee needs a reason.")
    if step.allocations.exists():
        raise NotWaived("Something of this fee is paid already.")
    waiver: FeeWaiver = FeeWaiver.objects.create(step=step, reason=reason.strip()[:200], decided_by=by, waived_at=at)
    _post(step, amount=-step.fee.amount, key="waived", text="Given up: fee of reminder", at=at)
    return waiver


def _post(step: DunningStep, *, amount: Decimal, key: str, text: str, at: datetime) -> None:
    today = at.astimezone(zone(step.invoice.seller.time_zone)).date()
    ledger.post(
        entity_id=step.invoice.seller_id,
        key=f"reminder:{step.pk}:{key}",
        posted_on=today,
        tax_date=today,
        text=f"{text} {step.level} of {step.invoice.number}"[:200],
        lines=reminder_fee(amount),
        currency=step.currency,
        at=at,
    )
