"""Chargers that knock and are nobody's: the platform's list of them, and the owner's way to make one a station.

Who owns stations never sees the list: an identity is adopted by who knows it, from the charger's menu or its label.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import HARDWARE_ROLES
from apps.accounts.scope import has_role, is_platform_operator, operated_rows
from apps.accounts.tenant_admin import choice_field
from apps.ocpp.strangers import find_stranger, strangers_lately
from apps.stations.models import ChargingStation, Location
from apps.stations.services.adopting import CannotAdopt, adopt_station


class _AdoptForm(forms.Form):
    identity = forms.CharField(
        max_length=48,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Exactly as in the charger's menu, capitals and all.",
    )

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST if request.method == "POST" else None)
        self.fields["location"] = choice_field(operated_rows(request, Location.objects.all()))


@require_GET
def strangers(request: HttpRequest) -> TemplateResponse:
    """List who was refused at the door in the last days; for the platform's operators alone."""
    if not is_platform_operator(request):
        raise PermissionDenied
    met = strangers_lately()
    known = set(
        ChargingStation.objects.filter(identity__in=[one.identity for one in met]).values_list("identity", flat=True)
    )
    return _page(
        request,
        "console/strangers.html",
        title="Refused at the door",
        rows=[(stranger, stranger.identity in known) for stranger in met],
    )


@require_http_methods(["GET", "POST"])
def adopt(request: HttpRequest) -> HttpResponse:
    """Make a station of the identity that somebody types, and show its key, once."""
    if not has_role(request, HARDWARE_ROLES):
        raise PermissionDenied
    form = _AdoptForm(request)
    if request.method == "POST" and form.is_valid():
        try:
            station, key = adopt_station(
                location_id=form.cleaned_data["location"].pk, identity=form.cleaned_data["identity"]
            )
        except (CannotAdopt, IntegrityError) as error:
            taken = "A station with this identity exists already."
            form.add_error("identity", str(error) if isinstance(error, CannotAdopt) else taken)
        else:
            return _key_page(request, station, key)
    return _page(
        request,
        "admin/act.html",
        title="Adopt a charger",
        text="The charger becomes a station of yours and gets a key, which is shown once: enter it in its menu.",
        submit_label="Adopt it",
        form=form,
        back=reverse("admin:stations_chargingstation_changelist"),
    )


def _key_page(request: HttpRequest, station: ChargingStation, key: str) -> TemplateResponse:
    context: dict[str, Any] = {
        "station": station,
        "key": key,
        "address": f"{request.get_host()}/ocpp/{station.identity}",
        "is_secure": request.is_secure(),
        "back": reverse("admin:stations_chargingstation_change", args=[station.pk]),
        "knocked": find_stranger(station.identity),
    }
    response = _page(request, "admin/stations/key.html", title=f"Key of {station}", **context)
    response["Cache-Control"] = "no-store"
    return response


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> TemplateResponse:
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
