"""The search on every page: what somebody has at hand leads to the page that shows it.

Few of each kind, of the acting organisation alone. What there are many of (documents, sessions, payments, cards) is
found by what it is called or how that begins, which indexes answer; names are looked through where there are few.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.scope import has_role, operated_rows
from apps.console.navigation import sidebar
from apps.contracts.domain.tokens import normalise_uid
from apps.contracts.models import Contract, Customer, IdToken, Vehicle
from apps.core.words import moment, money
from apps.invoices.models import Invoice, NumberSeries
from apps.invoices.numbered import documents_numbered
from apps.payments.models import Payment
from apps.sessions.models import ChargingSession
from apps.stations.models import ChargingStation, Location, PayCode

FEW: Final = 5
LEAST: Final = 2
"""So many characters say something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page. kind: what it is of · note: what tells it from others of its name, "" where nothing is needed."""

    kind: str
    title: str
    url: str
    note: str = ""


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Show what fits; asked by the box in the sidebar as one types, the list alone."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    text = request.GET.get("s", "").replace("\0", "").strip()[:100]
    found = list(_found(request, text)) if len(text) >= LEAST else []
    context = {"text": text, "found": found, "is_short": len(text) < LEAST}
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "console/search_found.html", context)
    page = {**admin.site.each_context(request), "title": "Search", **context}
    return TemplateResponse(request, "console/search.html", page)


def _found(request: HttpRequest, text: str) -> Iterator[Found]:
    for look in _LOOKS:
        yield from look(request, text)


def _pages(request: HttpRequest, text: str) -> Iterator[Found]:
    items = (item for group in sidebar(request) for item in group["items"])
    fitting = (item for item in items if text.lower() in item["title"].lower())
    for item in islice(fitting, FEW):
        yield Found(kind="Page", title=item["title"], url=str(item["link"]))


def _customers(request: HttpRequest, text: str) -> Iterator[Found]:
    fits = Q(name__icontains=text) | Q(number__istartswith=text) | Q(email__icontains=text)
    for customer in operated_rows(request, Customer.objects.filter(fits)).order_by("name", "pk")[:FEW]:
        url = reverse("console:customer", args=[customer.pk])
        yield Found(kind="Customer", title=customer.name, note=customer.number, url=url)


def _contracts(request: HttpRequest, text: str) -> Iterator[Found]:
    contracts = Contract.objects.filter(number__istartswith=text).select_related("customer")
    for contract in operated_rows(request, contracts).order_by("number", "pk")[:FEW]:
        url = reverse("admin:contracts_contract_change", args=[contract.pk])
        yield Found(kind="Contract", title=contract.number, note=contract.customer.name, url=url)


def _documents(request: HttpRequest, text: str) -> Iterator[Found]:
    documents = operated_rows(request, Invoice.objects.select_related("customer"))
    series = operated_rows(request, NumberSeries.objects.all())
    for document in documents_numbered(text, documents=documents, series=series, most=FEW):
        whose = f"{document.customer.name}, " if document.customer else ""
        yield Found(
            kind=document.get_kind_display(),
            title=document.number,
            note=f"{whose}{money(document.gross)}",
            url=reverse("console:invoice", args=[document.uid]),
        )


def _cards(request: HttpRequest, text: str) -> Iterator[Found]:
    cards = IdToken.objects.filter(uid__startswith=normalise_uid(text)).select_related("contract__customer")
    for card in operated_rows(request, cards).order_by("uid", "pk")[:FEW]:
        note = ", ".join(filter(None, (card.driver, card.contract.customer.name)))
        yield Found(kind="Card", title=card.uid, note=note, url=reverse("console:card", args=[card.pk]))


def _vehicles(request: HttpRequest, text: str) -> Iterator[Found]:
    vehicles = Vehicle.objects.filter(plate__icontains=text).select_related("customer")
    for vehicle in operated_rows(request, vehicles).order_by("plate", "pk")[:FEW]:
        url = reverse("admin:contracts_vehicle_change", args=[vehicle.pk])
        yield Found(kind="Vehicle", title=str(vehicle), note=vehicle.customer.name, url=url)


def _sites(request: HttpRequest, text: str) -> Iterator[Found]:
    sites = Location.objects.filter(Q(name__icontains=text) | Q(city__icontains=text))
    for site in operated_rows(request, sites).order_by("name", "pk")[:FEW]:
        url = reverse("admin:stations_location_change", args=[site.pk])
        yield Found(kind="Location", title=site.name, note=site.city, url=url)


def _stations(request: HttpRequest, text: str) -> Iterator[Found]:
    fits = Q(identity__icontains=text) | Q(serial_number__istartswith=text)
    stations = ChargingStation.objects.filter(fits).select_related("location")
    for station in operated_rows(request, stations).order_by("identity", "pk")[:FEW]:
        url = reverse("console:station", args=[station.pk])
        yield Found(kind="Station", title=station.identity, note=station.location.name, url=url)


def _stickers(request: HttpRequest, text: str) -> Iterator[Found]:
    """A driver reads the code from the sticker."""
    codes = PayCode.objects.filter(code=text).select_related("connector__evse__station__location")
    for code in operated_rows(request, codes):
        evse = code.connector.evse
        url = reverse("console:station", args=[evse.station_id])
        yield Found(kind="Pay code", title=code.code, note=f"{evse}, {evse.station.location.name}", url=url)


def _sessions(request: HttpRequest, text: str) -> Iterator[Found]:
    """A session's id stands in the API, in files and on its page."""
    try:
        uid = UUID(text)
    except ValueError:
        return
    sessions = ChargingSession.objects.filter(uid=uid).select_related("station__location")
    for session in operated_rows(request, sessions):
        when = moment(session.started_at, session.time_zone)
        url = reverse("console:session", args=[session.uid])
        yield Found(kind="Session", title=str(session.uid), note=f"{session.station}, {when}", url=url)


def _payments(request: HttpRequest, text: str) -> Iterator[Found]:
    """Stripe's name of it, as its dashboard shows it."""
    for payment in operated_rows(request, Payment.objects.filter(stripe_id=text)):
        url = reverse("admin:payments_payment_change", args=[payment.pk])
        yield Found(kind="Payment", title=text, note=money(payment.amount), url=url)


_LOOKS: Final[Iterable[Callable[[Any, str], Iterator[Found]]]] = (
    _pages,
    _customers,
    _contracts,
    _documents,
    _cards,
    _vehicles,
    _sites,
    _stations,
    _stickers,
    _sessions,
    _payments,
)
