"""Invoices and credit notes: found, read line by line, downloaded as PDF, XML and table, paid."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.core import clock
from apps.core.domain.cells import csv_text
from apps.documents.downloads import as_csv, as_download
from apps.documents.models import Document
from apps.invoices.disputed import standings_of_lines
from apps.invoices.models import Invoice
from apps.invoices.selectors import data_key, document_key
from apps.invoices.transfers import bank_transfer
from apps.payments.papers import reminder_key
from apps.payments.payable import payable_of
from apps.payments.selectors import payment_state
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.links import NotPayable
from apps.payments.services.operations import WrongMode
from apps.payments.services.paying import open_pay_page, sync_links
from apps.payments.services.projection import StripeUnreachable
from apps.portal import invoice_sheets, selectors
from apps.portal.access import customer_page, is_administrator
from apps.portal.pages import PAGE_SIZE, page_for


@require_GET
@customer_page
def invoices(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List issued invoices and credit notes, all or what is open, found by number, seller or the customer's order."""
    asked, show = request.GET.get("q", "").strip()[:100], request.GET.get("show", "")
    page = Paginator(selectors.found_documents(membership, asked=asked, show=show), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": page,
        "invoices": selectors.with_states(list(page)),
        "opening_items": selectors.opening_items_of(membership),
        "credits": selectors.credits_of(membership),
        "asked": asked,
        "show": show,
        "query": query.urlencode(),
        "may_pay": is_administrator(membership),
    }
    return page_for(request, "portal/invoices.html", membership, **context)


@require_GET
@customer_page
def invoice(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Show one document: lines, VAT, and how it stands."""
    found = _document_of(membership, uid)
    if "paid" in request.GET:
        # Whoever comes back from the page has paid, or not: look at once; webhook and sweep would find the same.
        with suppress(StripeUnreachable, WrongMode):
            sync_links(document_id=found.pk, at=clock.now())
    rows = found.lines.select_related("invoice", "cdr__session", "credits__cdr__session").order_by("position")
    lines = Paginator(rows, 100).get_page(request.GET.get("page"))
    standings = standings_of_lines(lines)
    state = payment_state(found)
    payable = payable_of(found)
    asks_for_money = found.kind == Invoice.Kind.INVOICE and payable.total > 0
    context = {
        "invoice": found,
        "state": state,
        "payable": payable,
        "may_pay": is_administrator(membership) and payable.is_payable(state),
        "transfer": bank_transfer(found, amount=payable.total) if asks_for_money else None,
        "lines": lines,
        "rows": [(line, standings[line.pk]) for line in lines],
        "taxes": found.taxes.all(),
        "credit_notes": selectors.documents_of(membership).filter(credits=found),
        "reminders": selectors.reminders_of(found),
        "has_file": _file_of(membership, found, key=document_key(found)) is not None,
        "has_data": _file_of(membership, found, key=data_key(found)) is not None,
    }
    return page_for(request, "portal/invoice.html", membership, **context)


@require_POST
@customer_page
def pay_invoice(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Lead to the hosted page on which what is open of an invoice is paid now."""
    if not is_administrator(membership):
        raise PermissionDenied
    found = _document_of(membership, uid)
    back = request.build_absolute_uri(reverse("portal:invoice", args=[found.uid]))
    try:
        url = open_pay_page(document_id=found.pk, success_url=f"{back}?paid=1", cancel_url=back, at=clock.now())
    except NotPayable:
        messages.info(request, _("There is nothing to pay now."))
    except (CheckoutUnavailable, WrongMode):
        messages.error(request, _("The payment page cannot be opened just now. Please try again in a minute."))
    else:
        # The address came from Stripe over its API, never from the request.
        return HttpResponseRedirect(url)
    return redirect("portal:invoice", uid=found.uid)


@require_GET
@customer_page
def document(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Send the document's file; 404 while it is being made."""
    found = _document_of(membership, uid)
    return _download(_file_of(membership, found, key=document_key(found)))


@require_GET
@customer_page
def data(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Send the electronic invoice (XML); 404 while it is being made, or where the document is none."""
    found = _document_of(membership, uid)
    return _download(_file_of(membership, found, key=data_key(found)))


@require_GET
@customer_page
def lines(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Send the document's lines as a table."""
    found = _document_of(membership, uid)
    return as_csv(csv_text(invoice_sheets.rows_of(found)), name=f"{found.number}-lines")


@require_GET
@customer_page
def reminder(request: HttpRequest, uid: UUID, level: int, *, membership: Membership) -> HttpResponse:
    """Send the letter of a reminder of an invoice; 404 while it is being printed."""
    found = _document_of(membership, uid)
    step = selectors.reminders_of(found).filter(level=level).first()
    return _download(_file_of(membership, found, key=reminder_key(step.pk)) if step else None)


def _download(file: Document | None) -> HttpResponse:
    if file is None:
        raise Http404("not rendered yet")
    return as_download(file)


def _document_of(membership: Membership, uid: UUID) -> Any:
    found = selectors.documents_of(membership).filter(uid=uid).first()
    if found is None:
        raise Http404("no such document")
    return found


def _file_of(membership: Membership, found: Any, *, key: str) -> Document | None:
    files = bought_rows(membership, Document.objects.filter(seller=found.seller, key=key))
    return files.first()  # type: ignore[no-any-return]
