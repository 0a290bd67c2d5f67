"""The console's pages: traces of sessions and invoices, a station at work, stickers, which tariff, what is unpaid."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import HARDWARE_ROLES, OPERATOR_ROLES, SUPPORT_ROLES
from apps.accounts.scope import has_role, operated_rows
from apps.accounts.tenant_admin import choice_field
from apps.console.selectors import unpaid_invoices
from apps.console.trace import trace_invoice, trace_session
from apps.console.which_tariff import answer, find_card, find_connector
from apps.contracts.models import IdToken
from apps.core import clock
from apps.documents import renderer
from apps.ocpp.models import Frame, StationEvent
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.stations.admin import OFFLINE_AFTER
from apps.stations.models import ChargingStation, Evse, Location, PayCode
from apps.stations.selectors import codes_to_print
from apps.stations.services import request_command
from apps.stations.stickers import sticker_sheet_html

# Long enough for a station that reconnects, short enough that nobody is surprised by a late start.
COMMAND_PATIENCE = timedelta(seconds=60)


@require_GET
def session(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show every step from the raw frames of a session to the money."""
    trace = trace_session(request, uid=str(uid))
    return _page(request, "console/session.html", title=str(trace.session), trace=trace)


@require_GET
def invoice(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show what an invoice is made of, what it posted and what settled it."""
    trace = trace_invoice(request, uid=str(uid))
    return _page(request, "console/invoice.html", title=str(trace.invoice), trace=trace)


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
    page = Paginator(invoices, 50).get_page(request.GET.get("page"))
    return _page(request, "console/unpaid.html", title="Unpaid invoices", page=page, is_overdue=is_overdue, today=today)


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
def station(request: HttpRequest, station_id: int) -> HttpResponse:
    """Show a station at work: its connectors, who charges, what it was told and what it said last."""
    found = _station(request, station_id)
    at = clock.now()
    is_online = found.last_seen_at is not None and found.last_seen_at >= at - OFFLINE_AFTER
    return _page(
        request,
        "console/station.html",
        title=str(found),
        station=found,
        is_online=is_online,
        evses=found.evses.prefetch_related("connectors"),
        live=_live_sessions(request, found),
        start_form=_StartForm(request, found),
        may_operate=has_role(request, HARDWARE_ROLES | SUPPORT_ROLES),
        commands=found.commands.select_related("requested_by")[:10],
        events=operated_rows(request, StationEvent.objects.filter(station=found))[:10],
        frames=operated_rows(request, Frame.objects.filter(station=found))[:10],
    )


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
    response = HttpResponse(sheet.content, content_type=sheet.media_type)
    response["Content-Disposition"] = f'inline; filename="stickers-{location.pk}{sheet.extension}"'
    response["Cache-Control"] = "private, no-store"
    return response


class _StartForm(forms.Form):
    """Where to start and on whose card: both chosen from the organisation's own."""

    def __init__(self, request: HttpRequest, found: ChargingStation, data: Any = None) -> None:
        super().__init__(data)
        tokens = IdToken.objects.filter(status=IdToken.Status.ACTIVE).select_related("contract__customer")
        self.fields["evse"] = choice_field(found.evses.all(), label="EVSE")
        self.fields["token"] = _TokenField(operated_rows(request, tokens).filter(seller=found.location.owner))


class _TokenField(forms.ModelChoiceField):
    def __init__(self, queryset: Any) -> None:
        super().__init__(queryset, label="Card", widget=choice_field(queryset).widget.__class__)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.contract}"


@require_POST
def start(request: HttpRequest, station_id: int) -> HttpResponse:
    """Ask the station to start a transaction (OCPP 1.6 §5.11); whether the card may charge is decided at the start."""
    found = _operable(request, station_id)
    form = _StartForm(request, found, request.POST)
    if not form.is_valid():
        messages.error(request, "Choose an EVSE and a card.")
        return redirect("console:station", station_id=found.pk)
    payload = {"connectorId": form.cleaned_data["evse"].number, "idTag": form.cleaned_data["token"].uid}
    return _command(request, found, action="RemoteStartTransaction", payload=payload)


@require_POST
def stop(request: HttpRequest, station_id: int) -> HttpResponse:
    """Ask the station to stop one of its live sessions (OCPP 1.6 §5.12)."""
    found = _operable(request, station_id)
    session = _live_sessions(request, found).filter(uid=_uuid(request.POST.get("session"))).first()
    if session is None:
        raise Http404("no such live session at this station")
    payload = {"transactionId": session.transaction_id}
    return _command(request, found, action="RemoteStopTransaction", payload=payload)


@require_POST
def unlock(request: HttpRequest, station_id: int) -> HttpResponse:
    """Ask the station to let go of a cable (OCPP 1.6 §5.18)."""
    found = _operable(request, station_id)
    number = request.POST.get("evse", "")
    evse = Evse.objects.filter(station=found, number=number).first() if number.isdecimal() else None
    if evse is None:
        raise Http404("no such EVSE at this station")
    return _command(request, found, action="UnlockConnector", payload={"connectorId": evse.number})


def _command(
    request: HttpRequest, found: ChargingStation, *, action: str, payload: dict[str, object]
) -> HttpResponseRedirect:
    at = clock.now()
    request_command(
        station_id=found.pk,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + COMMAND_PATIENCE,
        requested_by=request.user,  # type: ignore[arg-type]
    )
    messages.success(request, f"{action} is on its way to {found}. Its answer appears below.")
    return redirect("console:station", station_id=found.pk)


def _station(request: HttpRequest, station_id: int) -> ChargingStation:
    stations = ChargingStation.objects.select_related("location__owner")
    found = operated_rows(request, stations).filter(pk=station_id).first()
    if found is None:
        raise Http404(f"no station {station_id}")
    return found


def _operable(request: HttpRequest, station_id: int) -> ChargingStation:
    found = _station(request, station_id)
    if not has_role(request, HARDWARE_ROLES | SUPPORT_ROLES):
        raise PermissionDenied
    return found


def _live_sessions(request: HttpRequest, found: ChargingStation) -> Any:
    live = ChargingSession.objects.filter(station=found, status=SessionStatus.LIVE)
    return operated_rows(request, live).select_related("evse", "contract__customer")


def _uuid(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError as error:
        raise Http404("no such session") from error


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
