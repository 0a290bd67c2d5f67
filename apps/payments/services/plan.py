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
from apps.payments.selectors import DEBIT_CURRENCY, active_method, owed_now
from apps.payments.services.announcing import get_ready
from apps.payments.services.operations import request_operation


def plan_next(*, invoice: Invoice, payment: Payment, at: datetime) -> PaymentOperation | None:
    """Ask for the payment's next call, if it needs one; its invoice and itself are locked by the caller.

    Nothing owed any more → cancel. Another amount owed than asked for → update. Else a confirmation, on the days on
    which the invoice may be tried with the saved method (``domain.collecting``), each under its own key.
    """
    if payment.operations.filter(status__in=UNFINISHED).exists():
        return None
    amount = owed_now(invoice)
    if amount <= 0:
        return _plan_cancel(payment, at=at)
    assert payment.customer_id is not None, "only collections are planned here"
    method = usable_method(payment.customer_id, currency=payment.currency)
    if payment.status not in CONFIRMABLE or method is None:
        return None
    if not get_ready(invoice=invoice, method=method, amount=amount, at=at):
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


def usable_method(customer_id: int, *, currency: str) -> SavedMethod | None:
    """Return the customer's active method, unless it was saved in the other mode or is a debit of another currency."""
    method = active_method(customer_id)
    if method is None or method.livemode != gateway.livemode() or (method.is_debit and currency != DEBIT_CURRENCY):
        return None
    return method


def _plan_cancel(payment: Payment, *, at: datetime) -> PaymentOperation | None:
    refused = payment.operations.filter(kind=OperationKind.CANCEL_INTENT, status=OperationStatus.REJECTED)
    if payment.status not in CANCELABLE or refused.filter(retried_by__isnull=True).exists():
        return None
    return request_operation(
        kind=OperationKind.CANCEL_INTENT, customer=payment.customer, params={}, at=at, payment=payment
    )
