"""Many stations at once: a plan as CSV, shown before it is carried out; and what a station reports of itself."""

from typing import Any, Final
from urllib.parse import quote

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from apps.accounts.domain.roles import HARDWARE_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operated_rows
from apps.core.domain.cells import csv_text
from apps.stations.domain.plans import COLUMNS, EXAMPLE, MOST_BYTES, MOST_W, Plan, Problem, read_plan
from apps.stations.domain.reported import ReportedConnector
from apps.stations.models import ChargingStation, Connector
from apps.stations.services.provisioning import (
    NewConnector,
    NewStation,
    PlanRefused,
    add_reported_connectors,
    carry_out_plan,
    check_plan,
    missing_connectors,
)

MOST_PROBLEMS: Final = 100


@require_GET
def plan_template(request: HttpRequest) -> HttpResponse:
    """Return the plan's columns with an example, as CSV."""
    _check_role(request)
    return _csv_file(csv_text([COLUMNS, *EXAMPLE]), name="stations.csv")


@require_http_methods(["GET", "POST"])
def import_stations(request: HttpRequest) -> HttpResponse:
    """Read a plan and show what it would make; a POST that confirms it makes all of it, or nothing."""
    owner = _owner(request)
    context: dict[str, Any] = {"columns": COLUMNS, "most_kib": MOST_BYTES // 1024}
    if request.method == "POST":
        content = _content(request)
        plan = read_plan(content)
        misfits = check_plan(owner_id=owner.pk, connectors=plan.connectors)
        problems = tuple(sorted((*plan.problems, *misfits), key=lambda problem: problem.line))
        if not problems and "confirm" in request.POST:
            try:
                made = carry_out_plan(owner_id=owner.pk, connectors=plan.connectors)
            except PlanRefused as refusal:
                problems = refusal.problems
            else:
                return _done(request, plan, made)
        context |= _shown(plan, problems, content)
    return _page(request, "console/import.html", title="Import stations", **context)


def _content(request: HttpRequest) -> bytes:
    """Return the file as it was sent, or sent again with the confirmation; one byte too many says so itself."""
    file = request.FILES.get("file")
    if file is not None:
        return file.read(MOST_BYTES + 1)
    return request.POST.get("content", "").encode()


def _shown(plan: Plan, problems: tuple[Problem, ...], content: bytes) -> dict[str, Any]:
    known = set(
        ChargingStation.objects.filter(identity__in={one.station for one in plan.connectors}).values_list(
            "identity", flat=True
        )
    )
    return {
        "problems": problems[:MOST_PROBLEMS],
        "more_problems": max(len(problems) - MOST_PROBLEMS, 0),
        "connectors": () if problems else plan.connectors,
        "new_stations": 0 if problems else len({one.station for one in plan.connectors} - known),
        "content": "" if problems else content.decode("utf-8-sig"),
    }


def _done(request: HttpRequest, plan: Plan, made: tuple[NewStation, ...]) -> HttpResponse:
    base = settings.PUBLIC_URL.replace("http", "ws", 1)
    rows = [(one.location, one.identity, one.key, f"{base}/ocpp/{quote(one.identity, safe='')}") for one in made]
    keys = csv_text([("location", "station", "key", "address"), *rows])
    response = _page(
        request,
        "console/imported.html",
        title="Stations imported",
        made=made,
        connectors=len(plan.connectors),
        # The only copy: it is nowhere on the server, so the page carries the file itself.
        download=f"data:text/csv;charset=utf-8,{quote(keys)}",
    )
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "POST"])
def reported(request: HttpRequest, station_id: int) -> HttpResponse:
    """Offer the EVSEs and connectors that a station reports and that are not there; a POST makes the chosen ones."""
    _check_role(request)
    station = operated_rows(request, ChargingStation.objects.select_related("location")).filter(pk=station_id).first()
    if station is None:
        raise Http404(f"no station {station_id}")
    missing = missing_connectors(station)
    form = _ReportedForm(missing, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        count = add_reported_connectors(station_id=station.pk, connectors=form.chosen())
        messages.success(request, f"{count} connector{'' if count == 1 else 's'} made.")
        return redirect("admin:stations_chargingstation_change", station.pk)
    return _page(
        request,
        "console/reported.html",
        title=f"{station}: what it reports",
        station=station,
        missing=missing,
        form=form,
        has_settings=station.configuration.exists(),
    )


class _ReportedForm(forms.Form):
    """A kind and a power for each connector; one left without a power is not made."""

    def __init__(self, missing: tuple[ReportedConnector, ...], data: Any = None) -> None:
        super().__init__(data)
        self.missing = missing
        for one in missing:
            name = f"EVSE {one.evse}, connector {one.connector}"
            self.fields[f"kind_{one.evse}_{one.connector}"] = forms.ChoiceField(
                label=f"{name}: kind",
                choices=Connector._meta.get_field("kind").choices or (),
                initial=one.kind or "type2",
                widget=UnfoldAdminSelectWidget,
            )
            self.fields[f"power_{one.evse}_{one.connector}"] = forms.IntegerField(
                label=f"{name}: max power (W)",
                min_value=1,
                max_value=MOST_W,
                required=False,
                widget=UnfoldAdminIntegerFieldWidget,
                help_text="As its plate says. Empty: it is not made.",
            )

    def chosen(self) -> list[NewConnector]:
        cleaned = self.cleaned_data
        return [
            NewConnector(
                evse=one.evse,
                connector=one.connector,
                kind=cleaned[f"kind_{one.evse}_{one.connector}"],
                max_power_w=cleaned[f"power_{one.evse}_{one.connector}"],
            )
            for one in self.missing
            if cleaned[f"power_{one.evse}_{one.connector}"]
        ]


def _check_role(request: HttpRequest) -> None:
    if not has_role(request, HARDWARE_ROLES):
        raise PermissionDenied


def _owner(request: HttpRequest) -> Organisation:
    """Return whose stations are made: the acting organisation's; a platform operator acts in one first."""
    _check_role(request)
    membership = acting_membership(request)
    if membership is None or not membership.organisation.is_station_owner:
        raise PermissionDenied
    return membership.organisation


def _csv_file(text: str, *, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
