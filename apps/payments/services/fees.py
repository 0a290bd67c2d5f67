"""What reminders cost: posted with the reminder, settled by bank or on the invoice's page, or given up."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.core.domain.zones import zone
from apps.invoices.models import Invoice
from apps.ledger import services as ledger
from apps.payments.credit import left_of
from apps.payments.domain.postings import reminder_fee
from apps.payments.models import BankReceipt, DunningStep, FeeAllocation, FeeWaiver, Payment
from apps.payments.reminder_fees import open_fees
from apps.payments.selectors import surplus_of


class NotWaived(Exception):
    """The fee cannot be given up; the message says why, and nothing was changed."""


def post_fee(step: DunningStep, *, at: datetime) -> None:
    """Post what a reminder costs; one without a fee posts nothing."""
    if step.fee.amount:
        _post(step, amount=step.fee.amount, key="fee", text="Fee of reminder", at=at)


def settle_fees(*, receipt: BankReceipt, at: datetime, invoices: Sequence[int] | None = None) -> None:
    """Let what is left of a locked bank receipt settle its customer's fees, the oldest first.

    invoices  only the fees of their reminders; None: of all
    """
    if receipt.customer_id is None:
        return
    of_invoices = {} if invoices is None else {"invoice__in": invoices}
    owed = _locked_fees(
        invoice__customer=receipt.customer_id,
        invoice__seller=receipt.seller_id,
        currency=receipt.currency,
        **of_invoices,
    )
    _settle(owed, left=left_of(receipt), at=at, bank_receipt=receipt)


def settle_fees_by_card(*, payment: Payment, document: Invoice, at: datetime) -> Decimal:
    """Let what is left of a locked payment settle the fees of its locked document's reminders; return how much did.

    Only what was paid on a page, which names the fees it asks for: a collection takes what the invoice says.
    """
    if payment.kind != Payment.Kind.LINK:
        return Decimal(0)
    return _settle(_locked_fees(invoice=document), left=surplus_of(payment), at=at, payment=payment)


def _locked_fees(**owner: Any) -> list[DunningStep]:
    """Lock the reminders whose fee is open, so that none of them is given up or paid by others meanwhile."""
    ids = list(open_fees(**owner).order_by("pk").values_list("pk", flat=True))
    list(DunningStep.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    return list(open_fees(pk__in=ids))


def _settle(owed: Iterable[Any], *, left: Decimal, at: datetime, **source: Any) -> Decimal:
    settled = Decimal(0)
    for step in owed:
        amount = min(left - settled, step.open_fee)
        if amount <= 0:
            break
        FeeAllocation.objects.create(step=step, currency=step.currency, amount=amount, allocated_at=at, **source)
        settled += amount
    return settled


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
