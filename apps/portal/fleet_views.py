"""A customer's vehicles and cost centres: lists, and a page each to change one."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.fleets import FleetRefused, remove_unused, save_cost_centre, save_vehicle
from apps.contracts.models import CostCentre, Customer, IdToken, Vehicle
from apps.portal import selectors
from apps.portal.access import administrators_page, customer_page, is_administrator
from apps.portal.card_forms import CostCentreForm, VehicleForm
from apps.portal.history import history_of
from apps.portal.pages import page_for

_USED = Count("tokens", filter=~Q(tokens__status=IdToken.Status.RETIRED))


@require_GET
@customer_page
def vehicles(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    return _list(request, membership, "portal/vehicles.html", Vehicle)


@require_GET
@customer_page
def cost_centres(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    return _list(request, membership, "portal/cost_centres.html", CostCentre)


@require_http_methods(["GET", "POST"])
@administrators_page
def vehicle_add(request: HttpRequest, customer_id: int, *, membership: Membership) -> HttpResponse:
    vehicle = Vehicle(customer=_customer_of(membership, customer_id))
    return _vehicle_page(request, membership, vehicle)


@require_http_methods(["GET", "POST"])
@administrators_page
def vehicle(request: HttpRequest, vehicle_id: int, *, membership: Membership) -> HttpResponse:
    return _vehicle_page(request, membership, _one(membership, Vehicle, vehicle_id))


@require_POST
@administrators_page
def vehicle_remove(request: HttpRequest, vehicle_id: int, *, membership: Membership) -> HttpResponse:
    return _remove(request, membership, _one(membership, Vehicle, vehicle_id), to="portal:vehicles")


@require_http_methods(["GET", "POST"])
@administrators_page
def cost_centre_add(request: HttpRequest, customer_id: int, *, membership: Membership) -> HttpResponse:
    return _centre_page(request, membership, CostCentre(customer=_customer_of(membership, customer_id)))


@require_http_methods(["GET", "POST"])
@administrators_page
def cost_centre(request: HttpRequest, centre_id: int, *, membership: Membership) -> HttpResponse:
    return _centre_page(request, membership, _one(membership, CostCentre, centre_id))


@require_POST
@administrators_page
def cost_centre_remove(request: HttpRequest, centre_id: int, *, membership: Membership) -> HttpResponse:
    return _remove(request, membership, _one(membership, CostCentre, centre_id), to="portal:cost-centres")


def _list(request: HttpRequest, membership: Membership, template: str, model: Any) -> HttpResponse:
    rows = bought_rows(membership, model.objects.all()).select_related("customer__seller").annotate(used=_USED)
    context = {
        "rows": rows,
        "customers": selectors.customers_of(membership),
        "may_change": is_administrator(membership),
    }
    return page_for(request, template, membership, **context)


def _vehicle_page(request: HttpRequest, membership: Membership, row: Vehicle) -> HttpResponse:
    initial = {"plate": row.plate, "label": row.label}
    form = VehicleForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with history_of(membership) as history:
                is_new = row.pk is None
                save_vehicle(vehicle=row, **form.cleaned_data)
                history.saved(row, form, is_new=is_new)
        except FleetRefused as refusal:
            form.add_error("plate", _(str(refusal)))
        else:
            messages.success(request, _("Vehicle %(vehicle)s is saved.") % {"vehicle": row})
            return redirect("portal:vehicles")
    return page_for(request, "portal/vehicle.html", membership, form=form, row=row, customer=row.customer)


def _centre_page(request: HttpRequest, membership: Membership, row: CostCentre) -> HttpResponse:
    names = ("code", "name", "buyer_reference", "purchase_order")
    initial = {name: getattr(row, name) for name in names}
    form = CostCentreForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with history_of(membership) as history:
                is_new = row.pk is None
                save_cost_centre(centre=row, **form.cleaned_data)
                history.saved(row, form, is_new=is_new)
        except FleetRefused as refusal:
            form.add_error("code", _(str(refusal)))
        else:
            messages.success(request, _("Cost centre %(centre)s is saved.") % {"centre": row})
            return redirect("portal:cost-centres")
    return page_for(request, "portal/cost_centre.html", membership, form=form, row=row, customer=row.customer)


def _remove(request: HttpRequest, membership: Membership, row: Any, *, to: str) -> HttpResponse:
    name = str(row)
    try:
        with history_of(membership) as history:
            history.removed(row)
            remove_unused(row=row)
    except FleetRefused as refusal:
        messages.error(request, _(str(refusal)))
    else:
        messages.success(request, _("%(name)s is removed.") % {"name": name})
    return redirect(to)


def _one(membership: Membership, model: Any, pk: int) -> Any:
    found = bought_rows(membership, model.objects.filter(pk=pk)).select_related("customer__seller").first()
    if found is None:
        raise Http404("no such row")
    return found


def _customer_of(membership: Membership, customer_id: int) -> Customer:
    found: Customer | None = selectors.customers_of(membership).filter(pk=customer_id).first()
    if found is None:
        raise Http404("no such customer")
    return found
