"""Tell whoever wants to know, in the transaction of the fact: a row per endpoint, sent after the commit.

Upper apps push facts down to here and know no endpoint; without one this is a single query.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from apps.core.bells import ring_on_commit
from apps.documents.domain.events import EventType, message_body
from apps.documents.models import WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What happened, to whom it is told, and how.

    key          natural, of the fact within its type: telling it again is telling it once
    seller_id    the organisation that sells · customer_id: the one that buys, None = it reads nothing here
    data         small; amounts as decimal strings, instants ISO 8601, no personal data beyond what the API gives
    api_path     where the API has the whole, e.g. ``/api/v1/invoices/<uid>/``; "" = nowhere
    """

    event: EventType
    key: str
    seller_id: int
    customer_id: int | None
    at: datetime
    data: Mapping[str, object]
    api_path: str = field(default="")


def announce(*facts: Fact) -> int:
    """Keep a message for every endpoint that wants one of the facts; return for how many it was."""
    if not facts:
        return 0
    endpoints = _endpoints(facts)
    deliveries = [
        WebhookDelivery(
            endpoint=endpoint,
            event_type=fact.event,
            key=f"{fact.event}:{fact.key}",
            body=message_body(
                event=fact.event,
                at=fact.at,
                data=fact.data,
                api_path=fact.api_path,
                public_url=settings.PUBLIC_URL,
            ),
            occurred_at=fact.at,
            waiting_since=fact.at,
            next_attempt_at=fact.at,
        )
        for fact in facts
        for endpoint in endpoints
        if _wants(endpoint, fact)
    ]
    WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    for endpoint_id in sorted({delivery.endpoint_id for delivery in deliveries}):
        ring_on_commit("webhook.enqueued", id=endpoint_id)
    return len(deliveries)


def is_wanted(event: EventType) -> bool:
    """Whether anybody at all is told of an event; spares whoever is in a hurry to gather what nobody will read."""
    return WebhookEndpoint.objects.filter(switched_off_at__isnull=True, event_types__contains=[event.value]).exists()


def _endpoints(facts: Iterable[Fact]) -> list[WebhookEndpoint]:
    sellers = {fact.seller_id for fact in facts}
    customers = {fact.customer_id for fact in facts} - {None}
    return list(
        WebhookEndpoint.objects.filter(
            Q(side=WebhookEndpoint.Side.SELLER, organisation__in=sellers)
            | Q(side=WebhookEndpoint.Side.CUSTOMER, organisation__in=customers),
            switched_off_at__isnull=True,
            event_types__overlap=sorted({fact.event.value for fact in facts}),
        )
        .only("organisation_id", "side", "event_types")
        .order_by("pk")
    )


def _wants(endpoint: WebhookEndpoint, fact: Fact) -> bool:
    is_seller = endpoint.side == WebhookEndpoint.Side.SELLER
    told = fact.seller_id if is_seller else fact.customer_id
    return fact.event in endpoint.event_types and told == endpoint.organisation_id
