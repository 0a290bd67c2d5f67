"""“Invoice for my company”: the money that settled a driver's receipt settles the invoice in its stead.

Credit note and invoice are posted as always, and what was paid stays posted as it was; so receivable is what it was
before, zero. Only the allocation moves: taken from the receipt, given to the invoice.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from apps.invoices.domain.receipts import Buyer
from apps.invoices.errors import NotReplaceable
from apps.invoices.models import Invoice
from apps.invoices.services.replacing import replace_receipt
from apps.payments.domain.status import ATTEMPT_ENDS, UNFINISHED, AttemptStatus
from apps.payments.models import Allocation, Payment, PaymentAttempt, PaymentOperation
from apps.payments.selectors import open_amount


@transaction.atomic
def invoice_company(*, receipt_id: int, buyer: Buyer, at: datetime) -> Invoice:
    """Replace a paid receipt by a full invoice to ``buyer``, settled by the same money; again it returns that one.

    :raises NotReplaceable: it is not paid yet, or see ``replace_receipt``
    :raises DocumentRefused: seller or buyer lack legal data
    """
    attempt = PaymentAttempt.objects.select_for_update().filter(receipt=receipt_id).first()
    receipt: Invoice = Invoice.objects.select_for_update().get(pk=receipt_id)
    done = Invoice.objects.filter(replaces=receipt).first()
    if done is not None:
        return done
    paying = Payment.objects.filter(allocations__invoice=receipt).values("pk")
    payments = list(Payment.objects.select_for_update().filter(pk__in=paying).order_by("pk"))
    _check_paid(receipt, attempt, payments)
    invoice = replace_receipt(receipt_id=receipt_id, buyer=buyer, at=at)
    for payment in payments:
        _move(payment, receipt, invoice, at=at)
    return invoice


def _check_paid(receipt: Invoice, attempt: PaymentAttempt | None, payments: list[Payment]) -> None:
    """Refuse while money may still move.

    :raises NotReplaceable: see ``invoice_company``
    """
    is_moving = PaymentOperation.objects.filter(payment__in=payments, status__in=UNFINISHED).exists()
    if attempt is None or attempt.status not in ATTEMPT_ENDS | {AttemptStatus.CAPTURE_FAILED} or is_moving:
        raise NotReplaceable("The payment is being finalised. Try again in a minute.")
    if open_amount(receipt):
        raise NotReplaceable("The receipt is not paid yet.")


def _move(payment: Payment, receipt: Invoice, invoice: Invoice, *, at: datetime) -> None:
    settled = payment.allocations.filter(invoice=receipt).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    for document, amount in ((receipt, -settled), (invoice, settled)):
        if amount:
            Allocation.objects.create(
                payment=payment, invoice=document, currency=payment.currency, amount=amount, allocated_at=at
            )
