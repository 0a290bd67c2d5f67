"""What people do with webhooks: name an endpoint, change it, test it, replace its secret, send again.

The only writer of endpoints. A secret is returned by the service that makes it and by nothing else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.core.bells import ring_on_commit
from apps.documents.domain.addresses import UrlRefused, check_url
from apps.documents.domain.events import PING, EventType, message_body
from apps.documents.domain.patience import ROTATION
from apps.documents.models import WebhookDelivery, WebhookEndpoint
from apps.documents.webhooks.secrets import new_secret, sealed
from apps.documents.webhooks.sending import WAITING

MOST_ENDPOINTS = 20


class EndpointRefused(ValueError):
    """The endpoint cannot be as asked; the message says why and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new endpoint, or one with a new secret; ``secret`` is shown now and never again."""

    endpoint: WebhookEndpoint
    secret: str


@transaction.atomic
def open_endpoint(
    *,
    organisation_id: int,
    side: str,
    url: str,
    event_types: Collection[str],
    at: datetime,
    by: User,
    description: str = "",
) -> Opened:
    """Let an organisation be told at a URL from now on.

    side  see ``WebhookEndpoint.Side``

    :raises EndpointRefused: the URL will not do, is told already, nothing is to be told, or there are too many
    """
    mine = WebhookEndpoint.objects.filter(organisation=organisation_id, switched_off_at__isnull=True)
    if mine.count() >= MOST_ENDPOINTS:
        raise EndpointRefused(f"There are {MOST_ENDPOINTS} endpoints already. Switch off one that nobody needs.")
    secret = new_secret()
    endpoint = WebhookEndpoint(
        organisation_id=organisation_id,
        side=side,
        url=_checked(url),
        description=description.strip()[:120],
        event_types=_known(event_types),
        secret_sealed=sealed(secret),
        created_by=by,
        created_at=at,
    )
    _save(endpoint)
    return Opened(endpoint=endpoint, secret=secret)


@transaction.atomic
def change_endpoint(
    *, endpoint_id: int, url: str, event_types: Collection[str], description: str = ""
) -> WebhookEndpoint:
    """Tell an endpoint other things, or at another URL; what waits goes there too.

    :raises EndpointRefused: the URL will not do, is told already, or nothing is to be told
    """
    endpoint = _locked(endpoint_id)
    endpoint.url, endpoint.event_types = _checked(url), _known(event_types)
    endpoint.description = description.strip()[:120]
    _save(endpoint)
    return endpoint


@transaction.atomic
def renew_secret(*, endpoint_id: int, at: datetime) -> Opened:
    """Give an endpoint a new secret; for a day messages are signed with the former one too."""
    endpoint, secret = _locked(endpoint_id), new_secret()
    endpoint.old_secret_sealed, endpoint.old_secret_until = endpoint.secret_sealed, at + ROTATION
    endpoint.secret_sealed = sealed(secret)
    endpoint.save(update_fields=["secret_sealed", "old_secret_sealed", "old_secret_until"])
    return Opened(endpoint=endpoint, secret=secret)


@transaction.atomic
def switch_off(*, endpoint_id: int, why: str, at: datetime) -> WebhookEndpoint:
    """Tell an endpoint nothing any more and give up what waits for it; switching it off again changes nothing."""
    endpoint = _locked(endpoint_id)
    if endpoint.switched_off_at is None:
        endpoint.switched_off_at, endpoint.switched_off_why = at, why.strip()[:200]
        endpoint.save(update_fields=["switched_off_at", "switched_off_why"])
        endpoint.deliveries.filter(WAITING).update(given_up_at=at)
    return endpoint


@transaction.atomic
def switch_on(*, endpoint_id: int) -> WebhookEndpoint:
    """Tell an endpoint again, from now on; what it missed is replayed when somebody asks for it.

    :raises EndpointRefused: another endpoint is told at its URL
    """
    endpoint = _locked(endpoint_id)
    endpoint.switched_off_at, endpoint.switched_off_why = None, ""
    endpoint.not_before = endpoint.failing_since = None
    endpoint.failures = 0
    _save(endpoint)
    return endpoint


@transaction.atomic
def ping(*, endpoint_id: int, at: datetime) -> WebhookDelivery:
    """Send a test message at once; it is a delivery like any other.

    :raises EndpointRefused: the endpoint is switched off
    """
    endpoint = _awake(endpoint_id)
    delivery: WebhookDelivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        event_type=PING,
        key=f"{PING}:{uuid4()}",
        body=message_body(event=PING, at=at, data={"endpoint": str(endpoint), "told": endpoint.event_types}),
        occurred_at=at,
        waiting_since=at,
        next_attempt_at=at,
    )
    _wake(endpoint)
    return delivery


def replay(*, delivery_id: int, at: datetime) -> WebhookDelivery:
    """Send one message again, under its own ``webhook-id``.

    :raises EndpointRefused: the endpoint is switched off
    """
    delivery: WebhookDelivery = WebhookDelivery.objects.get(pk=delivery_id)
    _replay(delivery.endpoint_id, Q(pk=delivery_id), at=at)
    delivery.refresh_from_db()
    return delivery


def replay_span(*, endpoint_id: int, since: datetime, until: datetime, only_failed: bool, at: datetime) -> int:
    """Send again what happened from ``since`` up to, not including, ``until``; return how many messages that are.

    only_failed  leave alone what was delivered

    :raises EndpointRefused: the endpoint is switched off
    """
    span = Q(occurred_at__gte=since, occurred_at__lt=until) & ~Q(event_type=PING)
    return _replay(endpoint_id, span & Q(delivered_at__isnull=True) if only_failed else span, at=at)


@transaction.atomic
def _replay(endpoint_id: int, which: Q, *, at: datetime) -> int:
    endpoint = _awake(endpoint_id)
    count: int = endpoint.deliveries.filter(which).update(
        delivered_at=None, given_up_at=None, waiting_since=at, next_attempt_at=at
    )
    _wake(endpoint)
    return count


def _awake(endpoint_id: int) -> WebhookEndpoint:
    endpoint = _locked(endpoint_id)
    if endpoint.switched_off_at is not None:
        raise EndpointRefused("The endpoint is switched off. Switch it on first.")
    return endpoint


def _wake(endpoint: WebhookEndpoint) -> None:
    """Let a resting endpoint be asked at once, since a person waits; one that is being asked just now stays so."""
    if endpoint.failures:
        endpoint.not_before = None
        endpoint.save(update_fields=["not_before"])
    ring_on_commit("webhook.enqueued", id=endpoint.pk)


def _locked(endpoint_id: int) -> WebhookEndpoint:
    endpoint: WebhookEndpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
    return endpoint


def _checked(url: str) -> str:
    url = url.strip()
    try:
        check_url(url, allow_localhost=settings.WEBHOOKS_TO_LOCALHOST)
    except UrlRefused as refusal:
        raise EndpointRefused(str(refusal)) from refusal
    return url


def _known(event_types: Collection[str]) -> list[str]:
    chosen = [event.value for event in EventType if event.value in event_types]
    if not chosen or len(chosen) != len(set(event_types)):
        raise EndpointRefused("Choose what the endpoint is told, one thing at least.")
    return chosen


def _save(endpoint: WebhookEndpoint) -> None:
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as error:
        if "webhook_endpoint_one_per_url" not in str(error):
            raise
        raise EndpointRefused("This URL is told already: change that endpoint instead.") from error
