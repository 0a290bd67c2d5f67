"""What the console's own pages list."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What is open on all unpaid invoices: currency → gross, and how many of them are overdue."""

    amounts: dict[str, Decimal]
    overdue: int


def owed_on_invoices(request: HttpRequest, *, today: date) -> Owed:
    """Add up the unpaid invoices; in one query, since what is open of an invoice is dear to ask."""
    by_currency = unpaid_invoices(request).order_by("currency").values("currency")
    overdue = Count("pk", filter=Q(due_date__lt=today))
    rows = list(by_currency.annotate(open=Sum("open_amount"), overdue=overdue))
    return Owed(amounts={row["currency"]: row["open"] for row in rows}, overdue=sum(row["overdue"] for row in rows))
