"""The console's pages: traces of sessions and invoices, stickers, which tariff, what is unpaid."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MONEY_ROLES, OPERATOR_ROLES, SUPPORT_ROLES
from apps.accounts.scope import has_role, operated_rows
from apps.console.acts import ACTS
from apps.console.selectors import unpaid_invoices
from apps.console.trace import trace_invoice, trace_session
from apps.console.which_tariff import answer, find_card, find_connector
from apps.contracts.models import Contract
from apps.core import clock
from apps.core.keyed import KeyedPaginator
from apps.documents import renderer
from apps.documents.downloads import shown_inline
from apps.payments.models import Wallet
from apps.payments.reminders import next_steps, remindable
from apps.sessions import transparency
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession, SignedRecord
from apps.stations.models import Evse, Location, PayCode
from apps.stations.selectors import codes_to_print
from apps.stations.stickers import sticker_sheet_html


@require_GET
def session(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show every step from the raw frames of a session to the money."""
    trace = trace_session(request, uid=str(uid), at=clock.now())
    may = {
        "may_refund": has_role(request, SUPPORT_ROLES),
        "may_stop": trace.session.status == SessionStatus.LIVE and has_role(request, ACTS["stop"].roles),
    }
    started_at = trace.session.started_at.astimezone(ZoneInfo(trace.session.time_zone))
    title = f"{trace.session.station} · {started_at:%Y-%m-%d %H:%M %Z}"
    return _page(request, "console/session.html", title=title, trace=trace, **may)


@require_GET
def signed_values(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Send a session's signed meter values for the transparency software; 404 where its station sent none."""
    found = get_object_or_404(operated_rows(request, ChargingSession.objects.all()), uid=uid)
    values = transparency.signed_values(found.pk)
    if values is None:
        raise Http404("no signed meter values")
    return transparency.container_response(found, values)


@require_GET
def signed_record(request: HttpRequest, record_id: int) -> HttpResponse:
    """Send one signed meter value as the station sent it."""
    return transparency.record_response(
        get_object_or_404(operated_rows(request, SignedRecord.objects.all()), pk=record_id)
    )


@require_GET
def invoice(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show what an invoice is made of, what it posted and what settled it."""
    trace = trace_invoice(request, uid=str(uid))
    may = {"may_hold": has_role(request, MONEY_ROLES), "may_refund": has_role(request, SUPPORT_ROLES)}
    return _page(request, "console/invoice.html", title=str(trace.invoice), trace=trace, **may)


@require_GET
def unpaid(request: HttpRequest) -> HttpResponse:
    """List what customers owe; ``?overdue=1`` leaves out what is not due yet."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    invoices = unpaid_invoices(request)
    today = clock.now().date()
    is_overdue = request.GET.get("overdue") == "1"
    if is_overdue:
        invoices = invoices.filter(due_date__lt=today)
    page = KeyedPaginator(invoices, 50).get_page(request.GET.get("page"))
    steps = next_steps(remindable().filter(pk__in=[invoice.pk for invoice in page]), at=clock.now())
    for invoice in page:
        invoice.next_step = steps.get(invoice.pk)
    return _page(request, "console/unpaid.html", title="Unpaid invoices", page=page, is_overdue=is_overdue, today=today)


# The days beside the first and the last one that can be written are no days on every clock.
_YEARS: Final = range(2000, 2100)


class _WhichTariffForm(forms.Form):
    """Who, where and when; times are on the organisation's own clock."""

    card = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Card, contract, customer or plate. Empty: nobody.",
    )
    connector = forms.CharField(
        max_length=200, required=False, widget=UnfoldAdminTextInputWidget, help_text="Station identity or location."
    )
    at = forms.DateTimeField(
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}), help_text="On your clock."
    )

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        if at.year not in _YEARS:
            raise forms.ValidationError(f"Name a year from {_YEARS[0]} to {_YEARS[-1]}.")
        return at


@require_GET
def which_tariff(request: HttpRequest) -> HttpResponse:
    """Say which tariff applies to a card at a connector at a moment, and why; ``?contract=`` takes one of its cards."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    asked = request.GET
    card = find_card(
        request, pk=asked.get("token", ""), contract=asked.get("contract", ""), text=asked.get("card", "")[:200]
    )
    connector = find_connector(request, pk=asked.get("evse", ""), text=asked.get("connector", "")[:200])
    at = asked.get("at") or f"{timezone.localtime(clock.now()):%Y-%m-%dT%H:%M}"
    form = _WhichTariffForm({"card": card.text, "connector": connector.text, "at": at})
    has_all = form.is_valid() and connector.row is not None and (card.row is not None or not card.text)
    return _page(
        request,
        "console/which_tariff.html",
        title="Which tariff applies?",
        form=form,
        card=card,
        connector=connector,
        at=form.cleaned_data.get("at"),
        asked_at=at,
        answer=answer(token=card.row, evse=connector.row, at=form.cleaned_data["at"]) if has_all else None,
        has_connector=operated_rows(request, Evse.objects.all()).exists(),
        zone=timezone.get_current_timezone_name(),
    )


@require_GET
def wallet(request: HttpRequest) -> HttpResponse:
    """Lead from a contract (``?contract=``) to its prepaid wallet, or to where one is opened for it."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    asked = request.GET.get("contract", "")
    contract_id = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    contract = get_object_or_404(operated_rows(request, Contract.objects.all()), pk=contract_id)
    found = Wallet.objects.filter(contract=contract).first()
    if found is not None:
        return redirect("admin:payments_wallet_change", found.pk)
    return redirect(reverse("admin:payments_wallet_open", query={"contract": contract.pk}))


@require_GET
def stickers(request: HttpRequest, location_id: int) -> HttpResponse:
    """Return a site's pay codes as a sheet of labels for the printer (PDF)."""
    location = operated_rows(request, Location.objects.all()).filter(pk=location_id).first()
    if location is None:
        raise Http404(f"no location {location_id}")
    codes = codes_to_print(PayCode.objects.filter(connector__evse__station__location=location))
    if not codes:
        messages.info(request, "No connector of this location has a pay code yet. Make its stickers first.")
        return redirect("admin:stations_location_change", location.pk)
    sheet = renderer.render(sticker_sheet_html(codes, base_url=settings.PUBLIC_URL))
    return shown_inline(sheet, name=f"stickers-{location.pk}")


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
