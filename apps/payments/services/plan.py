"""Which call an invoice's open payment needs next: one at a time, each decided under the locks."""

from datetime import datetime
from typing import Any

from apps.invoices.models import Invoice
from apps.payments import gateway
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.status import (
    CANCELABLE,
    CONFIRMABLE,
    UNFINISHED,
    OperationKind,
    OperationStatus,
)
from apps.payments.models import Payment, PaymentOperation, SavedMethod
from apps.payments.selectors import active_method, open_amount, tries_of
from apps.payments.services.operations import request_operation


def plan_next(*, invoice: Invoice, payment: Payment, at: datetime) -> PaymentOperation | None:
    """Ask for the payment's next call, if it needs one; its invoice and itself are locked by the caller.

    Nothing open any more → cancel. Another amount open than asked for → update. Else one confirmation per saved
    method: after a decline the invoice stays open until the customer saves another.
    """
    if payment.operations.filter(status__in=UNFINISHED).exists():
        return None
    amount = open_amount(invoice)
    if amount <= 0:
        return _plan_cancel(payment, at=at)
    assert payment.customer_id is not None, "only collections are planned here"
    method = usable_method(payment.customer_id)
    if payment.status not in CONFIRMABLE or method is None or tries_of(invoice, method).exists():
        return None
    is_amount_right = payment.amount.amount == amount
    params: dict[str, Any] = (
        {"payment_method": method.payment_method_id, "off_session": True}
        if is_amount_right
        else {"amount": to_stripe(amount, currency=payment.currency)}
    )
    return request_operation(
        kind=OperationKind.CONFIRM_INTENT if is_amount_right else OperationKind.UPDATE_AMOUNT,
        customer=payment.customer,
        params=params,
        at=at,
        payment=payment,
        method=method,
    )


def usable_method(customer_id: int) -> SavedMethod | None:
    """Return the customer's active method, unless it was saved in the other mode."""
    method = active_method(customer_id)
    return method if method and method.livemode == gateway.livemode() else None


def _plan_cancel(payment: Payment, *, at: datetime) -> PaymentOperation | None:
    refused = payment.operations.filter(kind=OperationKind.CANCEL_INTENT, status=OperationStatus.REJECTED)
    if payment.status not in CANCELABLE or refused.filter(retried_by__isnull=True).exists():
        return None
    return request_operation(
        kind=OperationKind.CANCEL_INTENT, customer=payment.customer, params={}, at=at, payment=payment
    )
