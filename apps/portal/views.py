"""The customers' pages: what was charged, what it cost and why, what is owed, and by which card it is paid."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.api_keys import may_make_keys
from apps.accounts.middleware import SESSION_KEY
from apps.accounts.models import Membership
from apps.accounts.scope import acting_membership, bought_rows
from apps.core import clock
from apps.documents.downloads import as_download
from apps.documents.models import Document
from apps.invoices.disputed import standings_of_lines
from apps.invoices.models import Invoice
from apps.invoices.selectors import data_key, document_key
from apps.invoices.transfers import bank_transfer
from apps.payments.models import SavedMethod
from apps.payments.papers import reminder_key
from apps.payments.payable import payable_of
from apps.payments.selectors import active_method, expiring_method_ids, payment_state, payment_states
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.links import NotPayable
from apps.payments.services.methods import SetupUnavailable, start_method_setup
from apps.payments.services.operations import WrongMode
from apps.payments.services.paying import open_pay_page, sync_links
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.setups import remove_method, sync_method
from apps.portal import selectors
from apps.portal.access import customer_page, may_pay, memberships_of
from apps.sessions import transparency
from apps.sessions.explanation import explain_cdr
from apps.sessions.services.payers import decision_of
from apps.tariffs.domain.price_text import price_text
from apps.tariffs.spoken import page_language

PAGE_SIZE = 25


@require_GET
def landing(request: HttpRequest) -> HttpResponse:
    """Send people where they work: operators to the console, everyone else to the portal (which asks who they are)."""
    membership = acting_membership(request)
    operates = request.user.is_superuser if membership is None else membership.is_operator
    return redirect("admin:index" if operates and request.user.is_staff else "portal:home")


@require_GET
@customer_page
def home(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Show this month and what is open."""
    month = selectors.first_of_month(clock.now(), zone=selectors.zone_of(membership))
    invoices = list(selectors.open_invoices_of(membership)[:10])
    context = {
        "month": month,
        "spend": selectors.spend_of(membership, month=month),
        "invoices": _with_states(invoices),
        "credits": selectors.credits_of(membership),
        "wallets": selectors.wallets_of(membership),
        "sessions": selectors.sessions_of(membership)[:5],
        "needs_card": _needs_card(membership),
        "expiring": _expiring(membership),
        "suspended": selectors.suspensions_of(membership),
        "disputes": selectors.disputes_of(membership),
        "budgets": selectors.budgets_of(membership, month=month),
    }
    return page_for(request, "portal/home.html", membership, **context)


@require_GET
@customer_page
def sessions(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List sessions, all or of one month (``?month=2026-03``)."""
    month = _month(request.GET.get("month", ""))
    page = Paginator(selectors.sessions_of(membership, month=month), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "month": month,
        "months": selectors.months_of(membership),
        "has_payers": selectors.drives_on_anothers_card(membership),
    }
    return page_for(request, "portal/sessions.html", membership, **context)


@require_GET
@customer_page
def session(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Explain one session: each period, its price, the reason and the readings; and the whole of its tariff."""
    found = selectors.sessions_of(membership).filter(uid=uid).first()
    if found is None:
        raise Http404("no such session")
    readings = list(found.readings.order_by("at", "energy_milliwh"))
    record = found.current_cdrs[0] if found.current_cdrs else None
    explained = explain_cdr(record, readings=readings, language=page_language()) if record else None
    version = record.tariff_version if record else found.tariff_version
    decision = decision_of(found)
    context = {
        "session": found,
        "explained": explained,
        "readings": readings,
        "signed": transparency.signed_values(found.pk),
        "lines": selectors.lines_of(membership, found),
        "payer": decision.in_words(page_language()) if decision else "",
        "prices": price_text(version.terms(), language=page_language()),
    }
    return page_for(request, "portal/session.html", membership, **context)


@require_GET
@customer_page
def signed_values(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Send a session's signed meter values for the transparency software; 404 where its station sent none."""
    found = selectors.sessions_of(membership).filter(uid=uid).first()
    values = transparency.signed_values(found.pk) if found else None
    if values is None:
        raise Http404("no signed meter values")
    return transparency.container_response(found, values)


@require_GET
@customer_page
def invoices(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List issued invoices and credit notes."""
    page = Paginator(selectors.documents_of(membership), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "invoices": _with_states(list(page)), "credits": selectors.credits_of(membership)}
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
        "may_pay": may_pay(membership) and payable.is_payable(state),
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
    if not may_pay(membership):
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
def reminder(request: HttpRequest, uid: UUID, level: int, *, membership: Membership) -> HttpResponse:
    """Send the letter of a reminder of an invoice; 404 while it is being printed."""
    found = _document_of(membership, uid)
    step = selectors.reminders_of(found).filter(level=level).first()
    return _download(_file_of(membership, found, key=reminder_key(step.pk)) if step else None)


def _download(file: Document | None) -> HttpResponse:
    if file is None:
        raise Http404("not rendered yet")
    return as_download(file)


@never_cache
@require_http_methods(["GET", "POST"])
@customer_page
def payment_method(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Show by which card each seller's invoices are paid; a POST leads to Stripe's own page to save one."""
    customers = list(selectors.customers_of(membership))
    if request.method == "POST":
        return _add_card(request, membership=membership, customers=customers)
    rows = [{"customer": customer, "method": active_method(customer.pk)} for customer in customers]
    return page_for(request, "portal/payment_method.html", membership, rows=rows, may_add=may_pay(membership))


def _add_card(request: HttpRequest, *, membership: Membership, customers: list[Any]) -> HttpResponse:
    if not may_pay(membership):
        raise PermissionDenied
    customer = next((one for one in customers if str(one.pk) == request.POST.get("customer")), None)
    if customer is None:
        raise Http404("no such customer")
    back = request.build_absolute_uri(reverse("portal:payment-method"))
    success = request.build_absolute_uri(reverse("portal:payment-method-return"))
    try:
        url = start_method_setup(
            customer_id=customer.pk,
            # Stripe fills in the braces, so they must not be escaped.
            success_url=f"{success}?checkout={{CHECKOUT_SESSION_ID}}",
            cancel_url=back,
            at=clock.now(),
        )
    except (SetupUnavailable, WrongMode):
        messages.error(request, _("The page to save a card cannot be opened just now. Please try again in a minute."))
        return redirect("portal:payment-method")
    # The address came from Stripe over its API, never from the request.
    return HttpResponseRedirect(url)


@require_POST
@customer_page
def remove_payment_method(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Forget the card or account by which a seller's invoices are paid."""
    if not may_pay(membership):
        raise PermissionDenied
    customers = {str(customer.pk): customer.pk for customer in selectors.customers_of(membership)}
    customer_id = customers.get(request.POST.get("customer", ""))
    method = active_method(customer_id) if customer_id else None
    if method is None:
        raise Http404("nothing to remove")
    remove_method(method_id=method.pk, at=clock.now())
    messages.success(request, _("Removed. Invoices stay open until you pay them or save another card or account."))
    return redirect("portal:payment-method")


@never_cache
@require_GET
@customer_page
def payment_method_return(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Come back from Stripe's page: look at once what became of it; webhook and sweep would find the same."""
    methods = bought_rows(membership, SavedMethod.objects.all())
    found = methods.filter(checkout_session_id=request.GET.get("checkout", "")).first()
    if found is None:
        raise Http404("no such page of ours")
    try:
        method = sync_method(method_id=found.pk, at=clock.now())
    except (StripeUnreachable, WrongMode):
        method = found
    if method.status == "active":
        messages.success(request, _("Saved. Open invoices are collected from it."))
    else:
        messages.info(request, _("It is being saved. This page shows it in a moment."))
    return redirect("portal:payment-method")


@login_required
@require_http_methods(["GET", "POST"])
def organisations(request: HttpRequest) -> HttpResponse:
    """Choose for whom one acts; each membership is a role in one organisation."""
    memberships = memberships_of(request)
    if request.method == "POST":
        chosen = next((one for one in memberships if str(one.pk) == request.POST.get("membership")), None)
        if chosen is None:
            raise Http404("no such membership")
        request.session[SESSION_KEY] = chosen.pk
        return redirect("root")
    membership = acting_membership(request)
    may_integrate = may_make_keys(membership) and membership is not None and not membership.is_operator
    return page_for(
        request, "portal/organisations.html", membership, memberships=memberships, may_integrate=may_integrate
    )


def page_for(request: HttpRequest, template: str, membership: Membership | None, **context: Any) -> HttpResponse:
    """Render a page for whom one acts; instants are shown on the organisation's wall clock."""
    zone = membership.organisation.time_zone if membership else "UTC"
    return render(request, template, {"membership": membership, "zone": zone, **context})


def _document_of(membership: Membership, uid: UUID) -> Any:
    found = selectors.documents_of(membership).filter(uid=uid).first()
    if found is None:
        raise Http404("no such document")
    return found


def _file_of(membership: Membership, found: Any, *, key: str) -> Document | None:
    files = bought_rows(membership, Document.objects.filter(seller=found.seller, key=key))
    return files.first()  # type: ignore[no-any-return]


def _with_states(found: list[Any]) -> list[dict[str, Any]]:
    states = payment_states(found)
    return [{"invoice": one, "state": states[one.pk]} for one in found]


def _needs_card(membership: Membership) -> bool:
    return may_pay(membership) and any(
        active_method(customer.pk) is None for customer in selectors.customers_of(membership)
    )


def _expiring(membership: Membership) -> list[SavedMethod]:
    """Return the cards that whoever may replace them should replace before the next charge."""
    if not may_pay(membership):
        return []
    soon = expiring_method_ids(on=clock.now().date())
    return list(bought_rows(membership, SavedMethod.objects.filter(pk__in=soon)))


def _month(text: str) -> date | None:
    """Return the month asked for; anything unreadable shows all."""
    try:
        month = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        return None
    # Nobody charged outside this century, and the calendar's last month has no next one.
    return month if 2000 <= month.year < 2100 else None
