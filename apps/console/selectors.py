"""What the console's own pages list."""

from typing import Any

from django.http import HttpRequest

from apps.accounts.scope import operated_rows
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments.giving_back import to_give_back_by_hand
from apps.payments.selectors import with_open_amounts


def unpaid_invoices(request: HttpRequest) -> Any:
    """Return issued invoices with something open, with ``open_amount`` (gross), longest due first."""
    issued = Invoice.objects.filter(kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED)
    invoices = with_open_amounts(operated_rows(request, issued)).filter(open_amount__gt=0)
    return invoices.select_related("customer").order_by("due_date", "pk")


def overpaid_documents(request: HttpRequest) -> Any:
    """Return the documents of which a person has to give money back, with ``too_much`` (gross), oldest first."""
    return to_give_back_by_hand(operated_rows(request, Invoice.objects.all())).select_related("customer")
