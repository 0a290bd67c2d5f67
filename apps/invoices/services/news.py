"""Tell webhooks what was issued."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from apps.core.domain.money import plain
from apps.documents.domain.events import EventType
from apps.documents.webhooks.announcing import Fact, announce
from apps.invoices.models import Invoice

_EVENTS: Final = {
    Invoice.Kind.CREDIT_NOTE.value: EventType.CREDIT_NOTE_ISSUED,
    Invoice.Kind.RECEIPT.value: EventType.RECEIPT_ISSUED,
}


def tell_issued(invoices: Iterable[Invoice], *, at: datetime) -> None:
    """Tell documents that are being issued: each once, whoever issues it how often."""
    announce(*(_fact(invoice, at=at) for invoice in invoices))


def _fact(invoice: Invoice, *, at: datetime) -> Fact:
    customer = invoice.customer
    return Fact(
        event=_EVENTS.get(invoice.kind, EventType.INVOICE_ISSUED),
        key=str(invoice.uid),
        seller_id=invoice.seller_id,
        # A fee invoice's buyer is the owner that a platform bills.
        customer_id=customer.organisation_id if customer is not None else invoice.buyer_id,
        at=at,
        data={
            "uid": str(invoice.uid),
            "kind": invoice.kind,
            "number": invoice.number,
            "customer": customer.number if customer is not None else None,
            "contract": invoice.contract.number if invoice.contract is not None else None,
            "credits": str(invoice.credits.uid) if invoice.credits is not None else None,
            "issue_date": _day(invoice.issue_date),
            "due_date": _day(invoice.due_date),
            "currency": invoice.currency,
            "net": plain(invoice.net.amount),
            "tax": plain(invoice.tax.amount),
            "gross": plain(invoice.gross.amount),
        },
        api_path=f"/api/v1/invoices/{invoice.uid}/",
    )


def _day(day: object) -> str | None:
    return None if day is None else str(day)
