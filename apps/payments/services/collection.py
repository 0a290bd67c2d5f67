"""Collect what is open of an issued invoice: from the customer's credit, then from what they saved, off-session."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments import gateway
from apps.payments.collectors import collector_of
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.status import OPEN_PAYMENT, UNFINISHED, OperationKind
from apps.payments.models import Payment, PaymentOperation, SavedMethod, StripeCustomer
from apps.payments.outcomes import Reference
from apps.payments.selectors import DEBIT_CURRENCY, contract_of, is_under_collection, owed_now
from apps.payments.services.allocating import give_back_surplus, settle_from_credit
from apps.payments.services.announcing import get_ready
from apps.payments.services.driver import drive_operation
from apps.payments.services.operations import request_operation
from apps.payments.services.plan import plan_next, usable_method
from apps.payments.services.wallet_settling import settle_from_wallet


def collect_invoice(*, invoice_id: int, at: datetime) -> Payment | None:
    """Take what is open of an invoice: from a prepaid wallet or the customer's credit first, then from the saved card.

    From a card or account: make an intent, store its id, set its amount, confirm it off-session; on the day that the
    contract says, a debit only once it was announced, after a decline again on the days of ``domain.collecting``.
    What the customer disputes is not taken (``invoices.disputed``). Nothing is done for a draft or a driver's document,
    or when nothing is open; an intent still open for an invoice that was credited, paid by bank or disputed whole is
    canceled. For a credit note the invoice it credits is meant: money that had paid for it becomes the customer's
    credit. Harmless when repeated or run at once.
    Returns the invoice's latest payment, if any.
    """
    if (contract_id := contract_of(invoice_id)) is not None:
        settle_from_wallet(contract_id=contract_id, at=at)
    operation = _begin(invoice_id, at=at)
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
        assert operation.payment is not None
        assert operation.payment.invoice_id is not None, "a collection is of an invoice"
        invoice_id = operation.payment.invoice_id
    made = Payment.objects.filter(kind=Payment.Kind.COLLECTION, invoice=invoice_id)
    payment: Payment | None = made.order_by("-pk").first()
    return payment


@transaction.atomic
def _begin(invoice_id: int, *, at: datetime) -> PaymentOperation | None:
    """Ask for the first call, or find the one that waits; None when there is nothing to call for."""
    given = Invoice.objects.get(pk=invoice_id)
    # The lock that makes two collections at once take turns.
    invoice: Invoice = Invoice.objects.select_for_update().get(pk=given.credits_id or given.pk)
    is_customers = invoice.kind == Invoice.Kind.INVOICE and invoice.customer_id is not None
    if invoice.status != InvoiceStatus.ISSUED or not is_customers:
        return None
    give_back_surplus(document=invoice, at=at)
    if not is_under_collection(invoice):
        settle_from_credit(document=invoice, at=at)
    collections = Payment.objects.select_for_update().filter(kind=Payment.Kind.COLLECTION, invoice=invoice)
    payment = collections.filter(status__in=OPEN_PAYMENT).first()
    if payment is not None:
        waiting: PaymentOperation | None = payment.operations.filter(status__in=UNFINISHED).first()
        return waiting or plan_next(invoice=invoice, payment=payment, at=at)
    assert invoice.customer_id is not None, "nobody else's invoices are collected"
    method = usable_method(invoice.customer_id, currency=invoice.currency)
    amount = owed_now(invoice)
    if amount <= 0 or method is None or not get_ready(invoice=invoice, method=method, amount=amount, at=at):
        return None
    return _ask_for_intent(invoice, method, amount, at=at)


def _ask_for_intent(invoice: Invoice, method: SavedMethod, amount: Decimal, *, at: datetime) -> PaymentOperation:
    """Write down the wish and the call that makes the intent, unconfirmed."""
    currency = invoice.currency
    payment = Payment.objects.create(
        seller_id=invoice.seller_id,
        collector_id=collector_of(seller_id=invoice.seller_id, at=at),
        customer_id=invoice.customer_id,
        invoice=invoice,
        livemode=gateway.livemode(),
        currency=currency,
        amount=amount,
        amount_received=Decimal(0),
        created_at=at,
    )
    params = {
        "amount": to_stripe(amount, currency=currency),
        "currency": currency.lower(),
        "customer": StripeCustomer.objects.get(customer=invoice.customer_id).stripe_id,
        # Not only the kind of now: the next try may be with another method.
        "allowed_payment_method_types": ["card", "sepa_debit"] if currency == DEBIT_CURRENCY else ["card"],
        "description": f"Invoice {invoice.number}",
        "metadata": {Reference.PAYMENT: str(payment.uid), Reference.INVOICE: invoice.number},
    }
    return request_operation(
        kind=OperationKind.CREATE_INTENT,
        customer=invoice.customer,
        params=params,
        at=at,
        payment=payment,
        method=method,
    )
