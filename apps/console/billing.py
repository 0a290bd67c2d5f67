"""A billing run on one page: how far it is, what it drafted beside last time, what is held; and let it go."""

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MONEY_ROLES, OPERATOR_ROLES, Role
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.core import clock
from apps.invoices.comparing import compare, corrections_of, holds_of
from apps.invoices.domain.status import RunStatus
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import BillingHold, BillingRun, Invoice
from apps.invoices.selectors import documents_of
from apps.invoices.services import billing, holding
from apps.sessions.models import ChargingSession


@require_GET
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show a run; while it works the page looks again by itself."""
    found = _run(request, run_id)
    is_waiting = found.status == RunStatus.DRAFTED
    context = {
        **admin.site.each_context(request),
        "title": f"Billing until {found.until_date:%Y-%m-%d}",
        "run": found,
        "is_working": found.status == RunStatus.RUNNING,
        "is_waiting": is_waiting,
        "may_decide": has_role(request, MONEY_ROLES),
        "compared": compare(found) if is_waiting else [],
        "corrections": corrections_of(found) if is_waiting else [],
        "holds": holds_of(found),
        "documents": documents_of(found)[:200],
    }
    return TemplateResponse(request, "console/billing_run.html", context)


@require_POST
def decide(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let the drafts go, draft them again, or give the run up."""
    found = _run(request, run_id, roles=MONEY_ROLES)
    at = clock.now()
    try:
        match request.POST.get("decision"):
            case "issue":
                billing.approve_run(run_id=found.pk, by=operator_of(request), at=at)
                messages.success(request, "The invoices are being issued.")
            case "again":
                billing.draft_again(run_id=found.pk, at=at)
                messages.success(request, "It is drafted again, with what is due now.")
            case "give up":
                billing.give_up_run(run_id=found.pk, at=at)
                messages.success(request, "The drafts are thrown away. What they listed is due again.")
            case _:
                messages.error(request, "Choose what is to be done with the run.")
    except DocumentRefused as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse("console:billing-run", args=[found.pk]))


class _HoldForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        label="Why it is not billed now",
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
        help_text="Shown to your colleagues until somebody lets it go.",
    )


@require_http_methods(["GET", "POST"])
def hold_session(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Ask why, and keep one session from being billed."""
    _check_money(request)
    session = get_object_or_404(operated_rows(request, ChargingSession.objects.all()), uid=uid)

    def do(reason: str) -> None:
        holding.hold_session(session_id=session.pk, reason=reason, by=operator_of(request), at=clock.now())

    return _ask(request, title=f"Hold {session} from billing", do=do)


@require_http_methods(["GET", "POST"])
def hold_draft(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Ask why, and keep all of a draft's contract from being billed."""
    _check_money(request)
    draft = get_object_or_404(operated_rows(request, Invoice.objects.filter(contract__isnull=False)), uid=uid)
    assert draft.contract is not None
    contract = draft.contract

    def do(reason: str) -> None:
        holding.hold_contract(contract_id=contract.pk, reason=reason, by=operator_of(request), at=clock.now())

    return _ask(request, title=f"Hold contract {contract.number} from billing", do=do)


@require_POST
def release(request: HttpRequest, hold_id: int) -> HttpResponse:
    """Let go what was held; the next draft bills it."""
    _check_money(request)
    hold = get_object_or_404(operated_rows(request, BillingHold.objects.all()), pk=hold_id)
    holding.release_hold(hold_id=hold.pk, by=operator_of(request), at=clock.now())
    messages.success(request, "It is let go. Draft again to have it in this run; else the next one bills it.")
    return HttpResponseRedirect(_back(request))


def _run(request: HttpRequest, run_id: int, *, roles: frozenset[Role] = OPERATOR_ROLES) -> BillingRun:
    if not has_role(request, roles):
        raise PermissionDenied
    return get_object_or_404(
        operated_rows(request, BillingRun.objects.select_related("seller", "approved_by")), pk=run_id
    )


def _check_money(request: HttpRequest) -> None:
    if not has_role(request, MONEY_ROLES):
        raise PermissionDenied


def _ask(request: HttpRequest, *, title: str, do: Callable[[str], None]) -> HttpResponse:
    form = _HoldForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            do(form.cleaned_data["reason"])
        except DocumentRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "It is held: no billing run takes it until it is let go.")
            return HttpResponseRedirect(_back(request))
    context = {
        **admin.site.each_context(request),
        "title": title,
        "text": "It stays metered and priced, and waits. Nothing of it is lost.",
        "submit_label": "Hold",
        "form": form,
        "back": _back(request),
    }
    return TemplateResponse(request, "admin/act.html", context)


def _back(request: HttpRequest) -> str:
    """Return to the run under review, from wherever it was asked."""
    waiting = operated_rows(request, BillingRun.objects.filter(is_reviewed=True, ended_at__isnull=True)).first()
    if waiting is not None:
        return reverse("console:billing-run", args=[waiting.pk])
    return reverse("admin:invoices_billingrun_changelist")
