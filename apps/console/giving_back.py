"""What was paid, then credited, and does not go back by itself: the list of it, and asking for a refund once more."""

from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.domain.roles import MONEY_ROLES, OPERATOR_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import ActForm
from apps.console.selectors import overpaid_documents
from apps.core import clock
from apps.core.keyed import KeyedPaginator
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.invoices.models import Invoice
from apps.payments.domain.status import RefundStatus
from apps.payments.giving_back import refundable_ids
from apps.payments.models import Refund
from apps.payments.services.refunds import refund_credited


@require_GET
def to_give_back(request: HttpRequest) -> HttpResponse:
    """List what was paid beyond what is owed and does not go back by itself."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": "To give back",
        "page": KeyedPaginator(overpaid_documents(request), 50).get_page(request.GET.get("page")),
        "may_decide": has_role(request, MONEY_ROLES),
    }
    return TemplateResponse(request, "console/to_give_back.html", context)


@require_http_methods(["GET", "POST"])
def refund_again(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Say what goes back when a refund that came back is asked for again (GET); ask for it (POST)."""
    if not has_role(request, MONEY_ROLES):
        raise PermissionDenied
    document = get_object_or_404(operated_rows(request, Invoice.objects.select_related("customer")), uid=uid)
    if request.method == "POST" and refund_credited(invoice_id=document.pk, at=clock.now(), by=operator_of(request)):
        messages.success(request, f"The refund of {document} is asked for again.")
        return redirect("console:to-give-back")
    again = refundable_ids(Invoice.objects.filter(pk=document.pk), after_failure=True)
    overpaid = overpaid_documents(request).filter(pk__in=again).first()
    if overpaid is None:
        messages.error(request, f"Nothing of {document} can go back now: something is under way, or it is settled.")
        return redirect("console:to-give-back")
    context = {
        **admin.site.each_context(request),
        "title": f"Refund {document} again",
        "text": "The refund before came back. The same money is sent once more to the card or account that paid.",
        "facts": (("Customer", document.customer), *(("Came back", said) for said in _came_back(document))),
        "submit_label": f"Give {in_words(overpaid.too_much, document.currency)} back",
        "form": ActForm(),
        "back": reverse("console:to-give-back"),
    }
    return TemplateResponse(request, "admin/act.html", context)


def _came_back(document: Invoice) -> list[str]:
    """Say what of it came back, when, and why the bank says so."""
    refunds = Refund.objects.filter(invoice=document, status=RefundStatus.FAILED).order_by("failed_at", "pk")
    return [
        f"{money(refund.amount)} on {date_format(localtime(refund.failed_at))}: "
        f"{refund.failure_message.replace('_', ' ') or 'no reason was given'}"
        for refund in refunds
    ]
