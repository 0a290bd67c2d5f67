"""Correct who pays for a session: the employer or the driver, with a reason."""

from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import ReasonForm
from apps.contracts.domain.payers import Payer
from apps.core import clock
from apps.invoices.errors import DocumentRefused
from apps.invoices.services.payers import correct_payer
from apps.sessions.models import ChargingSession
from apps.sessions.services.payers import PayerRefused, decision_of


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Ask for the reason (GET); let the other one pay (POST)."""
    found = get_object_or_404(operated_rows(request, ChargingSession.objects.all()), uid=uid)
    if not has_role(request, MONEY_ROLES):
        raise PermissionDenied
    current = decision_of(found)
    if current is None:
        raise Http404("no rules were asked")
    other = Payer.DRIVER if current.payer == Payer.EMPLOYER else Payer.EMPLOYER
    form: forms.Form = ReasonForm(request.POST if request.method == "POST" else None)
    back = reverse("console:session", args=[found.uid])
    if request.method == "POST" and form.is_valid():
        try:
            decision = correct_payer(
                session_id=found.pk,
                payer=other,
                reason=form.cleaned_data["reason"],
                by=operator_of(request),  # type: ignore[arg-type]
                at=clock.now(),
            )
        except (PayerRefused, DocumentRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{decision}. The next billing run bills it to {decision.contract}.")
            return HttpResponseRedirect(back)
    context = {
        **admin.site.each_context(request),
        "title": f"Let the {other} pay for {found}",
        "text": f"{current}. What was billed is credited, and the next run bills the same record to the {other}. "
        "The price stays that of the start.",
        "submit_label": f"Let the {other} pay",
        "form": form,
        "back": back,
    }
    return TemplateResponse(request, "admin/act.html", context)
