"""Give a driver's money back in full: credit note, refund at Stripe, reversing journals."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from apps.accounts.models import User
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    UNFINISHED,
    AttemptStatus,
    OperationKind,
    RefundStatus,
)
from apps.payments.models import Payment, PaymentAttempt, PaymentOperation, Refund
from apps.payments.outcomes import Reference
from apps.payments.services.driver import drive_operation
from apps.payments.services.operations import request_operation
from apps.payments.services.projection import lock_payment


class NotRefundable(Exception):
    """The receipt cannot be given back now; the message says why, and nothing was changed."""


def refund_receipt(*, invoice_id: int, reason: str, by: User | None, at: datetime) -> Refund | None:
    """Take a receipt back in full by a credit note, and give back at Stripe what was captured for it.

    The refund is posted (receivable against clearing) when Stripe says that it succeeded. Repeating it changes
    nothing; after a refund that failed it asks for another. None where nothing was captured: the credit note alone
    settles the receipt.

    :raises NotRefundable: it is no attempt's receipt, or its capture is not finished
    :raises NotCreditable: the reason is empty
    """
    refund, operation = _begin(invoice_id, reason=reason, by=by, at=at)
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
    if refund is not None:
        refund.refresh_from_db()
    return refund


@transaction.atomic
def _begin(
    invoice_id: int, *, reason: str, by: User | None, at: datetime
) -> tuple[Refund | None, PaymentOperation | None]:
    attempt = PaymentAttempt.objects.select_for_update().filter(receipt=invoice_id).first()
    if attempt is None:
        raise NotRefundable("The document is no receipt of a driver's payment.")
    if attempt.status not in ATTEMPT_ENDS | {AttemptStatus.CAPTURE_FAILED}:
        raise NotRefundable("The payment is being finalised. Try again in a minute.")
    if attempt.is_free:
        credit_invoice(invoice_id=invoice_id, reason=reason, at=at, by=by)
        return None, None
    payment = lock_payment(attempt.payment.pk).payment
    waiting = payment.operations.filter(status__in=UNFINISHED).first()
    if waiting is not None and waiting.kind != OperationKind.CREATE_REFUND:
        raise NotRefundable("The payment is being finalised. Try again in a minute.")
    note = credit_invoice(invoice_id=invoice_id, reason=reason, at=at, by=by)
    left = _captured(payment) - _given_back(payment)
    if left <= 0:
        latest: Refund | None = payment.refunds.first()
        return latest, waiting
    refund = Refund.objects.create(
        payment=payment,
        invoice_id=invoice_id,
        credit_note=note,
        currency=payment.currency,
        amount=left,
        reason=reason.strip()[:200],
        requested_by=by,
        requested_at=at,
    )
    return refund, _ask(refund, note, at=at)


def _captured(payment: Payment) -> Decimal:
    return Decimal(payment.allocations.aggregate(sum=Sum("amount"))["sum"] or 0)


def _given_back(payment: Payment) -> Decimal:
    """Return what is given back or on its way; what failed is still the driver's."""
    under_way = payment.refunds.exclude(status=RefundStatus.FAILED)
    return Decimal(under_way.aggregate(sum=Sum("amount"))["sum"] or 0)


def _ask(refund: Refund, note: Invoice, *, at: datetime) -> PaymentOperation:
    payment = refund.payment
    return request_operation(
        kind=OperationKind.CREATE_REFUND,
        params={
            "payment_intent": payment.stripe_id,
            "amount": to_stripe(refund.amount.amount, currency=refund.currency),
            "metadata": {Reference.REFUND: str(refund.uid), Reference.INVOICE: note.number},
        },
        payment=payment,
        refund=refund,
        at=at,
    )
