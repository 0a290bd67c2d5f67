"""The pages of stations: which there are, how one stands now, what it said, what people ask of it; who holds a card."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.domain.roles import HARDWARE_ROLES, OPERATOR_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.console.acts import ACTS, Act, refuse_login_key, signs_in_with
from apps.console.board import STATES, board_of
from apps.console.stations import (
    command_rows,
    commands_of,
    frame_rows,
    frames_of,
    last_sessions,
    shown_on,
    standing_of,
    station_of,
    tariffs_at,
)
from apps.contracts.models import IdToken
from apps.contracts.selectors import cards_in_force
from apps.core import clock
from apps.ocpp.models import StationEvent
from apps.ocpp.offline_cards import holders_of
from apps.ocpp.schema_form import MOST_ITEMS, NotFilledIn, actions_of, form_of, read_form
from apps.sessions.selectors import open_reservations
from apps.stations.models import ChargingStation, PayCode
from apps.stations.selectors import codes_to_print
from apps.stations.services import CommandRefused, ask_station

PAGE = 50
LAST = 10
SOON_S, LATER_S = 1, 10
"""How often a page that is open looks again, in seconds: while a command is on its way, and else."""


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """Show how the stations stand now; ``?part=rows`` is what the page asks for again when something has changed."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    board = board_of(request, at=clock.now())
    if request.GET.get("part") == "rows":
        return TemplateResponse(request, "console/live_rows.html", {"board": board})
    response = _page(request, "console/live.html", title="Live board", board=board, states=STATES)
    # The rows were true when they were asked for; "back" has to ask again.
    response["Cache-Control"] = "no-store"
    return response


@require_GET
def station(request: HttpRequest, station_id: int) -> HttpResponse:
    """Show a station at work: how it stands, what it was asked and what it said last."""
    found = station_of(request, station_id)
    return _page(
        request,
        "console/station.html",
        title=str(found),
        **_live(request, found),
        acts=[act for act in ACTS.values() if has_role(request, act.roles)],
        may_use_any=has_role(request, HARDWARE_ROLES),
        reservations=open_reservations(found.pk, at=clock.now()),
        events=operated_rows(request, StationEvent.objects.filter(station=found))[:LAST],
        frames=frame_rows(frames_of(request, found)[:LAST]),
        settings_known=found.configuration.count(),
        display=found.display,
        shown=shown_on(found),
        list_state=getattr(found, "offline_authorisation", None),
        list_size=found.local_list.count(),
        tariffs=tariffs_at(request, found, at=clock.now()),
        codes=codes_to_print(PayCode.objects.filter(connector__evse__station=found)),
        sessions=last_sessions(request, found, count=LAST),
    )


@require_GET
def station_live(request: HttpRequest, station_id: int) -> HttpResponse:
    """Return the part of a station's page that moves."""
    found = station_of(request, station_id)
    return TemplateResponse(request, "console/station_live.html", _live(request, found))


def _live(request: HttpRequest, found: ChargingStation) -> dict[str, Any]:
    standing = standing_of(request, found, at=clock.now(), commands=LAST)
    return {
        "station": found,
        "standing": standing,
        "zone": found.location.time_zone,
        "poll_s": SOON_S if standing.is_waiting else LATER_S,
        "may_help": has_role(request, ACTS["start"].roles),
    }


@require_GET
def frames(request: HttpRequest, station_id: int) -> HttpResponse:
    """Page through what a station said and heard; ``?action=`` keeps one action."""
    found = station_of(request, station_id)
    action = request.GET.get("action", "")[:40]
    page = Paginator(frames_of(request, found, action=action), PAGE).get_page(request.GET.get("page"))
    return _page(
        request,
        "console/frames.html",
        title=f"Frames of {found}",
        station=found,
        page=page,
        frames=frame_rows(page),
        action=action,
        actions=sorted(frames_of(request, found).order_by().values_list("action", flat=True).distinct()),
        zone=found.location.time_zone,
    )


@require_GET
def commands(request: HttpRequest, station_id: int) -> HttpResponse:
    """Page through what a station was asked."""
    found = station_of(request, station_id)
    page = Paginator(commands_of(found), PAGE).get_page(request.GET.get("page"))
    return _page(
        request,
        "console/commands.html",
        title=f"Commands to {found}",
        station=found,
        page=page,
        rows=command_rows(page, is_online=found.is_online(clock.now())),
        zone=found.location.time_zone,
    )


@require_GET
def configuration(request: HttpRequest, station_id: int) -> HttpResponse:
    """Show what a station said of its settings."""
    found = station_of(request, station_id)
    text = request.GET.get("q", "").strip()[:100]
    page = Paginator(found.configuration.filter(name__icontains=text), 200).get_page(request.GET.get("page"))
    may_change = has_role(request, HARDWARE_ROLES)
    return _page(
        request,
        "console/configuration.html",
        title=f"Settings of {found}",
        station=found,
        page=page,
        rows=[(row, may_change and not row.is_readonly and not signs_in_with(row.name)) for row in page],
        q=text,
        may_change=may_change,
        zone=found.location.time_zone,
    )


@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, station_id: int, slug: str) -> HttpResponse:
    """Ask something of a station: the form (GET), then the command (POST)."""
    found = station_of(request, station_id)
    form_class = ACTS.get(slug)
    if form_class is None:
        raise Http404(f"no act {slug}")
    if not has_role(request, form_class.roles):
        raise PermissionDenied
    form = form_class(request, found, request.POST if request.method == "POST" else None, request.GET.dict())
    board, own_page = _board_in(request), reverse("console:station", args=[found.pk])
    if request.method == "POST" and form.is_valid() and form.ask(at=clock.now()):
        messages.success(request, f"{form.title}: asked. The answer appears below.")
        return redirect(f"{board}#station-{found.pk}" if board else f"{own_page}#commands")
    return _form_page(request, found, form, back=board or own_page)


def _board_in(request: HttpRequest) -> str:
    """Return the page of the live board that a form was opened from (``?board=``, its query); "": from elsewhere."""
    if "board" not in request.GET:
        return ""
    query = request.GET["board"][:500]
    return reverse("console:live") + (f"?{query}" if query else "")


def _form_page(request: HttpRequest, found: ChargingStation, form: Act, *, back: str) -> HttpResponse:
    response = _page(
        request,
        "console/act.html",
        title=f"{form.title}: {found}",
        station=found,
        form=form,
        is_online=found.is_online(clock.now()),
        back=back,
    )
    response.status_code = 200 if request.method == "GET" else 422
    return response


@require_GET
def actions(request: HttpRequest, station_id: int) -> HttpResponse:
    """List every action of the station's version of OCPP."""
    found = _for_technicians(request, station_id)
    return _page(
        request,
        "console/actions.html",
        title=f"Any message to {found}",
        station=found,
        actions=actions_of(found.protocol),
    )


@require_http_methods(["GET", "POST"])
def action(request: HttpRequest, station_id: int, name: str) -> HttpResponse:
    """Send any action of the station's version of OCPP, by the form that its schema makes."""
    found = _for_technicians(request, station_id)
    if name not in actions_of(found.protocol):
        raise Http404(f"no action {name} of OCPP {found.protocol}")
    typed = request.POST
    errors: tuple[str, ...] = ()
    form = form_of(found.protocol, name, typed.dict(), counts=_counts(typed))
    if request.method == "POST" and "_more" not in typed:
        try:
            payload = read_form(found.protocol, name, form)
            _refuse_login_keys(name, payload)
            ask_station(station_id=found.pk, call=(name, payload), at=clock.now(), requested_by=operator_of(request))
        except NotFilledIn as refusal:
            errors = refusal.errors
        except CommandRefused as refusal:
            errors = (str(refusal),)
        else:
            messages.success(request, f"{name}: asked. The answer appears below.")
            return redirect(f"{reverse('console:station', args=[found.pk])}#commands")
    response = _page(
        request,
        "console/action.html",
        title=f"{name}: {found}",
        station=found,
        name=name,
        form=form,
        errors=errors,
        back=reverse("console:station-actions", args=[found.pk]),
    )
    response.status_code = 422 if errors else 200
    return response


@require_GET
def card(request: HttpRequest, token_id: int) -> HttpResponse:
    """Show which stations may take a card without asking, and what will make them forget it."""
    cards = IdToken.objects.select_related("contract__customer", "vehicle", "cost_centre")
    found = operated_rows(request, cards).filter(pk=token_id).first()
    if found is None:
        raise Http404(f"no card {token_id}")
    at = clock.now()
    return _page(
        request,
        "console/card.html",
        title=f"Card {found}",
        card=found,
        may_charge=cards_in_force(at).filter(pk=found.pk).exists(),
        holders=holders_of(found, at=at),
    )


def _for_technicians(request: HttpRequest, station_id: int) -> ChargingStation:
    found = station_of(request, station_id)
    if not has_role(request, HARDWARE_ROLES):
        raise PermissionDenied
    return found


def _counts(typed: QueryDict) -> dict[str, int]:
    """Return how many items each list shows: as many as were typed, and one more where it was asked for."""
    counts: dict[str, int] = {}
    for path in typed:
        parts = path.split(".")
        for place, part in enumerate(parts):
            if part.isascii() and part.isdecimal():
                listed = ".".join(parts[:place])
                counts[listed] = max(counts.get(listed, 1), min(int(part[:4]) + 1, MOST_ITEMS))
    if more := typed.get("_more"):
        counts[more] = counts.get(more, 1) + 1
    return counts


def _refuse_login_keys(name: str, payload: dict[str, Any]) -> None:
    """Keep the raw form from changing what the station signs in with.

    :raises NotFilledIn: it would
    """
    asked = [payload.get("key", "")] if name == "ChangeConfiguration" else []
    asked += [item["variable"]["name"] for item in payload.get("setVariableData", ())]
    for key in asked:
        try:
            refuse_login_key(str(key))
        except ValidationError as refusal:
            raise NotFilledIn([f"{key}: {refusal.messages[0]}"]) from refusal


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> TemplateResponse:
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
