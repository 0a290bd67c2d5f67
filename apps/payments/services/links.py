"""The pay link: whatever is owed of an issued invoice or receipt (open and not disputed) can be paid on a hosted page,
by whoever has the link.

The fees of an invoice's reminders are paid with it, as items of their own. At most one page is open per document, for
exactly what is to be paid of it; one for another amount is closed and replaced.
What is paid settles the document through the same projection as every payment; what comes in beyond what is open, as
when somebody pays by bank in the same minute, is given back.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments import gateway
from apps.payments.collectors import collector_of
from apps.payments.domain.holds import PageStatus
from apps.payments.domain.minimums import least_charge
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    OPEN_PAYMENT,
    PAYMENT_ENDS,
    UNFINISHED,
    AttemptStatus,
    OperationKind,
    PaymentStatus,
    advance_payment,
)
from apps.payments.models import Payment, PaymentAttempt, PaymentOperation
from apps.payments.outcomes import Done, PageSnapshot, Reference, Rejected, Unknown
from apps.payments.payable import Payable, payable_of
from apps.payments.services.card_pages import Item, card_page
from apps.payments.services.operations import WrongMode, request_operation
from apps.payments.services.projection import Locked, StrangeObject, StripeUnreachable, project_intent

_FEES: Final = {
    "de": "Mahngebühren zu {number}",
    "en": "Reminder fees, {number}",
    "fr": "Frais de rappel, {number}",
    "nl": "Herinneringskosten, {number}",
}
_ITEM: Final = {
    "de": {Invoice.Kind.INVOICE: "Rechnung {number}", Invoice.Kind.RECEIPT: "Quittung {number}"},
    "en": {Invoice.Kind.INVOICE: "Invoice {number}", Invoice.Kind.RECEIPT: "Receipt {number}"},
    "fr": {Invoice.Kind.INVOICE: "Facture {number}", Invoice.Kind.RECEIPT: "Reçu {number}"},
    "nl": {Invoice.Kind.INVOICE: "Factuur {number}", Invoice.Kind.RECEIPT: "Kwitantie {number}"},
}


class NotPayable(Exception):
    """The document cannot be paid on a page now; the message says why, for whoever wants to pay."""


def look_at_link(payment: Payment) -> PageSnapshot:
    """Return a link's page, and the intent behind it, as they stand at Stripe.

    :raises StripeUnreachable: no answer
    :raises WrongMode: the payment belongs to the other mode
    """
    assert payment.page_id is not None
    if payment.livemode != gateway.livemode():
        raise WrongMode(f"{payment} belongs to the other mode")
    match gateway.retrieve_payment_session(payment.page_id):
        case Done(value=page):
            return page
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


def project_link(locked: Locked, page: PageSnapshot, *, at: datetime) -> None:
    """Lay a page and its intent over a locked link; a page that was closed without money ends it.

    :raises StrangeObject: they are of another mode, currency or amount
    """
    payment, intent = locked.payment, page.intent
    if page.livemode != payment.livemode or (intent is not None and intent.amount != payment.amount.amount):
        raise StrangeObject(f"{page.stripe_id}: live {page.livemode}, {intent}; ours is {payment}")
    payment.page_id = page.stripe_id
    payment.page_url = page.url if page.status == PageStatus.OPEN else ""
    if intent is not None:
        payment.stripe_id = intent.stripe_id
        project_intent(document=locked.document, payment=payment, snapshot=intent, at=at)
    if page.status == PageStatus.EXPIRED and payment.status not in PAYMENT_ENDS:
        payment.status = advance_payment(PaymentStatus(payment.status), PaymentStatus.CANCELED)
    payment.version += 1
    payment.synced_at = at
    payment.save()


@transaction.atomic
def plan_link(*, document_id: int, success_url: str, cancel_url: str, at: datetime) -> PaymentOperation | None:
    """Return the call that brings a document nearer to an open page for what is to be paid of it; None: that is open.

    :raises NotPayable: nothing is open of it, or it is being paid already
    """
    attempt = PaymentAttempt.objects.select_for_update().filter(receipt=document_id).first()
    document = Invoice.objects.select_for_update().get(pk=document_id)
    payable = _payable(document, attempt)
    payment = open_link(document_id)
    if payment is None:
        return _ask_for_page(document, payable, success_url=success_url, cancel_url=cancel_url, at=at)
    begun: PaymentOperation | None = payment.operations.filter(status__in=UNFINISHED).first()
    if begun is not None or (payment.page_url and payment.amount.amount == payable.total):
        return begun
    closing = None if payment.status == PaymentStatus.PROCESSING else ask_to_close(payment, at=at)
    if closing is None:
        raise NotPayable("The payment is being finalised.")
    return closing


def open_link(document_id: int) -> Payment | None:
    """Return the locked payment whose page is open for a document, or is being opened."""
    payment: Payment | None = (
        Payment.objects.select_for_update()
        .filter(invoice=document_id, kind=Payment.Kind.LINK, status__in=OPEN_PAYMENT)
        .first()
    )
    return payment


def _payable(document: Invoice, attempt: PaymentAttempt | None) -> Payable:
    """Return what is to be paid of a locked document, at least as much as Stripe takes.

    :raises NotPayable: see ``plan_link``
    """
    if document.status != InvoiceStatus.ISSUED or document.kind in (Invoice.Kind.CREDIT_NOTE, Invoice.Kind.FEE):
        raise NotPayable("This is no document to be paid.")
    if attempt is not None and attempt.status not in ATTEMPT_ENDS | {AttemptStatus.CAPTURE_FAILED}:
        raise NotPayable("The payment is being finalised.")
    if Payment.objects.filter(invoice=document, kind=Payment.Kind.COLLECTION, status=PaymentStatus.PROCESSING).exists():
        raise NotPayable("The payment is being finalised.")
    payable = payable_of(document)
    if payable.total < least_charge(document.currency):
        raise NotPayable("There is nothing to pay.")
    return payable


def _ask_for_page(
    document: Invoice, payable: Payable, *, success_url: str, cancel_url: str, at: datetime
) -> PaymentOperation:
    payment = Payment.objects.create(
        kind=Payment.Kind.LINK,
        seller_id=document.seller_id,
        collector_id=collector_of(seller_id=document.seller_id, at=at),
        customer_id=document.customer_id,
        invoice=document,
        livemode=gateway.livemode(),
        currency=document.currency,
        amount=payable.total,
        amount_received=Decimal(0),
        created_at=at,
    )
    return request_operation(
        kind=OperationKind.CREATE_PAYMENT_SESSION,
        customer=document.customer,
        params=card_page(
            payment,
            _items(document, payable),
            language=document.language,
            success_url=success_url,
            cancel_url=cancel_url,
            at=at,
            reference={Reference.INVOICE: document.number},
        ),
        payment=payment,
        at=at,
    )


def _items(document: Invoice, payable: Payable) -> list[Item]:
    """Return what the page lists, so that the sum shown is the sum charged."""
    name = _ITEM.get(document.language, _ITEM["en"])[Invoice.Kind(document.kind)]
    fees = _FEES.get(document.language, _FEES["en"])
    items = [Item(name, payable.document), Item(fees, payable.fees)]
    return [Item(item.name.format(number=document.number), item.amount) for item in items if item.amount]


@transaction.atomic
def plan_closing(*, payment_id: int, at: datetime) -> PaymentOperation | None:
    """Return the call that closes a link's page if it asks for another amount than is to be paid of its document."""
    document_id = Payment.objects.values_list("invoice_id", flat=True).get(pk=payment_id)
    document = Invoice.objects.select_for_update().get(pk=document_id)
    payment = open_link(document.pk)
    if payment is None or payment.pk != payment_id or not payment.page_url:
        return None
    begun: PaymentOperation | None = payment.operations.filter(status__in=UNFINISHED).first()
    if begun is not None or payment.amount.amount == payable_of(document).total:
        return begun
    return ask_to_close(payment, at=at)


def ask_to_close(payment: Payment, *, at: datetime) -> PaymentOperation | None:
    """Ask for the page's end once; one that Stripe would not close was paid on or had ended, and a look tells which."""
    if payment.page_id is None or payment.operations.filter(kind=OperationKind.EXPIRE_SESSION).exists():
        return None
    return request_operation(
        kind=OperationKind.EXPIRE_SESSION, customer=payment.customer, params={}, payment=payment, at=at
    )
