"""The console's first page: what needs a person, what happens now, and a period's figures."""

from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.scope import acting_membership, has_role
from apps.console.onboarding import card_of
from apps.console.performance import EXPORTS, Performance
from apps.console.periods import OFFERED, read_period
from apps.console.selectors import Owed, owed_on_invoices
from apps.console.tiles import Tile, list_of
from apps.console.waiting import counts_of, needs_a_person
from apps.core import clock
from apps.core.domain.cells import csv_text
from apps.core.words import amount


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the home page's tiles to the admin index (setting UNFOLD, DASHBOARD_CALLBACK)."""
    at = clock.now()
    membership = acting_membership(request)
    zone = ZoneInfo(membership.organisation.time_zone) if membership else ZoneInfo("UTC")
    period = read_period(request.GET.dict(), time_zone=zone.key, at=at)
    performance = Performance(request, period)
    owed = owed_on_invoices(request, today=at.date())
    counts = counts_of(request, overdue=owed.overdue, at=at)
    return context | {
        "title": membership.organisation.name if membership else _("All organisations"),
        "attention": needs_a_person(request, counts, at=at),
        "checklist": card_of(request),
        "now": now_and_open(counts["live"], owed),
        "has_connectors": performance.evses > 0,
        "period": period,
        "presets": [(preset.value, label, preset is period.preset) for preset, label in OFFERED.items()],
        "performance": performance,
    }


@require_GET
def figures_file(request: HttpRequest, what: str) -> HttpResponse:
    """Send one of Home's tables as CSV, all of its rows: the period is in the address, as on the page."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    if what not in EXPORTS:
        raise Http404("no such table")
    membership = acting_membership(request)
    zone = membership.organisation.time_zone if membership else "UTC"
    period = read_period(request.GET.dict(), time_zone=zone, at=clock.now())
    response = HttpResponse(csv_text(Performance(request, period).export(what)), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="{what}-{period.first}-{period.last}.csv"'
    return response


def now_and_open(live: int, owed: Owed) -> list[Tile]:
    """Return how many charge now, and what is open on invoices, currency by currency."""
    listed = list_of("charging_sessions_chargingsession")
    return [
        Tile(figure=str(live), label=_("charging now"), url=f"{listed}?status__exact=live"),
        *(
            Tile(figure=amount(total, currency), label=_("owed on invoices, gross"), url=reverse("console:unpaid"))
            for currency, total in owed.amounts.items()
        ),
    ]
