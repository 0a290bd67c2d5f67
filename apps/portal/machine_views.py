"""How a customer's own systems read and are told what it buys: API keys and webhooks, kept by its administrators."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts import api_keys
from apps.accounts.domain.scopes import Scope
from apps.accounts.models import ApiKey, Membership
from apps.accounts.scope import operator_of
from apps.core import clock
from apps.documents.domain.events import EventType
from apps.documents.models import WebhookDelivery, WebhookEndpoint
from apps.documents.webhooks import endpoints
from apps.portal.access import administrators_page

# What a customer reads and hears of nothing is not offered here.
SCOPES = (Scope.SESSIONS, Scope.DOCUMENTS, Scope.PAYMENTS, Scope.CONTRACTS)
EVENTS = tuple(event for event in EventType if event is not EventType.RECEIPT_ISSUED)
SHOWN_DELIVERIES = 20


@require_GET
@administrators_page
def machines(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Show keys, endpoints and what was sent lately."""
    return _page(request, membership)


@require_POST
@administrators_page
def make_key(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Make a key and show it once."""
    try:
        new = api_keys.make_key(
            membership=membership,
            name=request.POST.get("name", ""),
            scopes=[scope for scope in request.POST.getlist("scopes") if scope in SCOPES],
            at=clock.now(),
        )
    except api_keys.KeyRefused as refusal:
        messages.error(request, _(str(refusal)))
        return redirect("portal:machines")
    return _shown_once(request, membership, title=str(new.key.name), secret=new.text, is_key=True)


@require_POST
@administrators_page
def revoke_key(request: HttpRequest, key_id: int, *, membership: Membership) -> HttpResponse:
    if not _keys(membership).filter(pk=key_id).exists():
        raise Http404("no such key")
    key = api_keys.revoke_key(key_id=key_id, by=operator_of(request), at=clock.now())
    messages.success(request, _("%(key)s opens nothing any more.") % {"key": key})
    return redirect("portal:machines")


@require_POST
@administrators_page
def open_endpoint(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Add an endpoint and show its secret once."""
    try:
        opened = endpoints.open_endpoint(
            organisation_id=membership.organisation_id,
            side=WebhookEndpoint.Side.CUSTOMER,
            url=request.POST.get("url", ""),
            event_types=[event for event in request.POST.getlist("event_types") if event in EVENTS],
            at=clock.now(),
            by=operator_of(request),
        )
    except endpoints.EndpointRefused as refusal:
        messages.error(request, _(str(refusal)))
        return redirect("portal:machines")
    return _shown_once(request, membership, title=opened.endpoint.url, secret=opened.secret, is_key=False)


@require_POST
@administrators_page
def act_on_endpoint(request: HttpRequest, endpoint_id: int, act: str, *, membership: Membership) -> HttpResponse:
    """Test an endpoint, switch it off or on, or send again what failed of the last days."""
    if not _endpoints(membership).filter(pk=endpoint_id).exists():
        raise Http404("no such endpoint")
    if act not in ACTS:
        raise Http404("no such act")
    try:
        messages.success(request, ACTS[act](endpoint_id))
    except endpoints.EndpointRefused as refusal:
        messages.error(request, _(str(refusal)))
    return redirect("portal:machines")


@require_POST
@administrators_page
def renew_secret(request: HttpRequest, endpoint_id: int, *, membership: Membership) -> HttpResponse:
    """Give an endpoint a new secret and show it once."""
    if not _endpoints(membership).filter(pk=endpoint_id).exists():
        raise Http404("no such endpoint")
    opened = endpoints.renew_secret(endpoint_id=endpoint_id, at=clock.now())
    return _shown_once(request, membership, title=opened.endpoint.url, secret=opened.secret, is_key=False)


def _ping(endpoint_id: int) -> str:
    endpoints.ping(endpoint_id=endpoint_id, at=clock.now())
    return _("The test is on its way: reload to see what was answered.")


def _switch_off(endpoint_id: int) -> str:
    endpoints.switch_off(endpoint_id=endpoint_id, why="", at=clock.now())
    return _("The endpoint is told nothing any more.")


def _switch_on(endpoint_id: int) -> str:
    endpoints.switch_on(endpoint_id=endpoint_id)
    return _("The endpoint is told again from now on.")


def _send_again(endpoint_id: int) -> str:
    at = clock.now()
    since = at - timedelta(days=90)
    count = endpoints.replay_span(endpoint_id=endpoint_id, since=since, until=at, only_failed=True, at=at)
    return _("%(count)s messages are sent again.") % {"count": count}


ACTS: dict[str, Callable[[int], str]] = {
    "ping": _ping,
    "off": _switch_off,
    "on": _switch_on,
    "again": _send_again,
}


def _keys(membership: Membership) -> Any:
    return ApiKey.objects.visible_to(membership).filter(is_customers=True)


def _endpoints(membership: Membership) -> Any:
    return WebhookEndpoint.objects.visible_to(membership).filter(side=WebhookEndpoint.Side.CUSTOMER)


def _page(request: HttpRequest, membership: Membership) -> HttpResponse:
    deliveries = WebhookDelivery.objects.filter(endpoint__in=_endpoints(membership)).select_related("endpoint")
    context = {
        "membership": membership,
        "zone": membership.organisation.time_zone,
        "keys": _keys(membership).filter(revoked_at__isnull=True).select_related("made_by"),
        "endpoints": _endpoints(membership),
        "deliveries": deliveries[:SHOWN_DELIVERIES],
        "scopes": SCOPES,
        "events": EVENTS,
    }
    return render(request, "portal/machines.html", context)


def _shown_once(request: HttpRequest, membership: Membership, *, title: str, secret: str, is_key: bool) -> HttpResponse:
    context = {"membership": membership, "title": title, "secret": secret, "is_key": is_key}
    return render(request, "portal/machine_secret.html", context)
