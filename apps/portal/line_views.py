"""One line of a document: what it is made of, its session, what was said of it; and the customer's dispute of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Membership, User
from apps.core import clock
from apps.invoices.dispute_form import DisputeForm
from apps.invoices.disputed import LineStanding, standings_of_lines
from apps.invoices.errors import DisputeRefused
from apps.invoices.models import InvoiceLine
from apps.invoices.services.disputing import open_dispute, withdraw_dispute
from apps.payments.selectors import payment_state
from apps.portal import selectors
from apps.portal.access import customer_page
from apps.portal.pages import PAGE_SIZE, page_for


@require_GET
@customer_page
def disputes(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List every line that was disputed, the open ones first."""
    page = Paginator(selectors.all_disputes_of(membership), PAGE_SIZE).get_page(request.GET.get("page"))
    return page_for(request, "portal/disputes.html", membership, page=page)


@never_cache
@require_http_methods(["GET", "POST"])
@customer_page
def line(request: HttpRequest, uid: UUID, position: int, *, membership: Membership) -> HttpResponse:
    """Show one line and the thread about it; a POST disputes it."""
    standing = _standing(membership, uid, position)
    form = DisputeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        _open(request, standing, form)
        return redirect("portal:line", uid=uid, position=position)
    found = standing.line
    record = found.cdr or (found.credits.cdr if found.credits else None)
    context = {
        "line": found,
        "invoice": found.invoice,
        "standing": standing,
        "bands": found.prices,
        "state": payment_state(found.invoice),
        "form": form,
        "line_session": record.session if record else None,
        "notes": InvoiceLine.objects.filter(credits=found).select_related("invoice").order_by("pk"),
    }
    return page_for(request, "portal/line.html", membership, **context)


@require_POST
@customer_page
def withdraw(request: HttpRequest, uid: UUID, position: int, *, membership: Membership) -> HttpResponse:
    """Take back the open dispute of a line."""
    dispute = _standing(membership, uid, position).open_dispute
    if dispute is None:
        messages.info(request, _("There is no open dispute of this line."))
    else:
        try:
            withdraw_dispute(dispute_id=dispute.pk, at=clock.now(), by=_person(request))
        except DisputeRefused:
            messages.error(request, _("It has been answered meanwhile. Read the answer below."))
        else:
            messages.success(request, _("Withdrawn. The line is owed as before."))
    return redirect("portal:line", uid=uid, position=position)


def _open(request: HttpRequest, standing: LineStanding, form: DisputeForm) -> None:
    try:
        dispute = open_dispute(
            line_id=standing.line.pk,
            ground=form.cleaned_data["ground"],
            words=form.cleaned_data["words"],
            at=clock.now(),
            by=_person(request),
        )
    except DisputeRefused:
        messages.error(request, _("This line cannot be disputed now. Look at how it stands below."))
    else:
        told = {"seller": standing.line.invoice.seller, "day": date_format(dispute.answer_by)}
        messages.success(request, _("Disputed. %(seller)s answers by %(day)s.") % told)


def _standing(membership: Membership, uid: UUID, position: int) -> LineStanding:
    document = selectors.documents_of(membership).filter(uid=uid).first()
    lines: Any = InvoiceLine.objects.select_related("invoice__seller", "cdr__session", "credits__cdr__session")
    found = lines.filter(invoice=document, position=position).first() if document else None
    if found is None:
        raise Http404("no such line")
    return standings_of_lines([found])[found.pk]


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is closed to the signed-out"
    return request.user
