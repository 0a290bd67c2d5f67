"""Reading what can be paid of a document on a page, and which pages ask for something else by now."""

from dataclasses import dataclass
from decimal import Decimal

from apps.invoices.disputed import disputed_amounts
from apps.invoices.domain import line_disputes
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments.domain.status import OPEN_PAYMENT, UNFINISHED
from apps.payments.models import Payment
from apps.payments.reminder_fees import fees_by_invoice
from apps.payments.selectors import PaymentState, PaymentWord, owed_now, with_open_amounts

_PAID_ON_PAGES = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """What a page asks for. document: open and not disputed of it, gross, ≥ 0 · fees: of its reminders, without VAT"""

    document: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        return self.document + self.fees

    def is_payable(self, state: PaymentState) -> bool:
        """Whether somebody may pay it now: something is open and nothing is at work on it."""
        return self.total > 0 and state.state != PaymentWord.PROCESSING


def payable_of(document: Invoice) -> Payable:
    """Return what can be paid of a document: what is open and not disputed of it, and the fees of its reminders."""
    if document.kind not in _PAID_ON_PAGES or document.status != InvoiceStatus.ISSUED:
        return Payable(document=Decimal(0), fees=Decimal(0))
    fees = fees_by_invoice([document.pk]).get(document.pk, Decimal(0))
    return Payable(document=owed_now(document), fees=fees)


def outdated_link_ids() -> list[int]:
    """Return the links whose open page asks for another amount than what is to be paid of their document."""
    pages = Payment.objects.filter(kind=Payment.Kind.LINK, status__in=OPEN_PAYMENT).exclude(page_url="")
    asked = {page.invoice_id: page for page in pages.exclude(operations__status__in=UNFINISHED)}
    fees = fees_by_invoice(asked)
    documents = with_open_amounts(Invoice.objects.filter(pk__in=asked)).values_list("pk", "open_amount")
    disputed = disputed_amounts(asked)
    due = {
        pk: line_disputes.owed_now(is_open, disputed=disputed.get(pk, Decimal(0))) + fees.get(pk, Decimal(0))
        for pk, is_open in documents
    }
    return sorted(page.pk for pk, page in asked.items() if page.amount.amount != due[pk])
