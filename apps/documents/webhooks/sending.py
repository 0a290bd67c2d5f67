"""Send what waits, each endpoint by itself and one message at a time, and remember what came of it.

A try is noted before the network is asked, so a sender that dies is not tried in a circle; a crash between the answer
and our note of it sends a message again, under the same ``webhook-id``. An endpoint that fails rests, so that a dead
one costs a connection now and then and never a queue of them. Order is not promised.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.core.bells import ring_on_commit
from apps.core.clock import now
from apps.documents.domain.addresses import UrlRefused
from apps.documents.domain.patience import KEPT_FOR, USEFUL_FOR, next_try, rest_after
from apps.documents.domain.signatures import sign
from apps.documents.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.documents.webhooks.letters import forget_trouble, tell_given_up, tell_gone
from apps.documents.webhooks.secrets import SecretLost, signing_secrets
from apps.documents.webhooks.wire import Answer, Door, NotDelivered, post

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=1)
"""How long a message may be on its way before another sender takes its endpoint over."""
MOST_KEPT: Final = 2_000
GONE: Final = 410
USER_AGENT: Final = "Wattledger-Webhooks/1"

WAITING: Final = Q(delivered_at__isnull=True, given_up_at__isnull=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a try came to; error "" = delivered."""

    error: str
    address: str = ""
    status_code: int | None = None
    answer: str = ""


def default_door() -> Door:
    return Door(allow_localhost=settings.WEBHOOKS_TO_LOCALHOST)


def send_due(*, endpoint_id: int, limit: int = 100, door: Door | None = None) -> int:
    """Send what is due to one endpoint, the longest due first, until it fails or ``limit``; return how many were tried.

    Nothing where somebody else is at it, it rests, or it is switched off. The clock is read for each message.
    """
    door = door or default_door()
    for tried in range(limit):
        delivery = _claim(endpoint_id, at=now())
        if delivery is None:
            return tried
        started_at = now()
        outcome = _try(delivery, at=started_at, door=door)
        _note(delivery, outcome, started_at=started_at, at=now())
        if outcome.error:
            return tried + 1
    # Others shall have this sender's time too; the rest goes to the end of the queue.
    ring_on_commit("webhook.enqueued", id=endpoint_id)
    return limit


def due_endpoint_ids(*, at: datetime) -> list[int]:
    """Return the endpoints for which something is due and that may be asked now."""
    return list(
        WebhookEndpoint.objects.filter(
            Q(not_before__isnull=True) | Q(not_before__lte=at),
            pk__in=WebhookDelivery.objects.filter(WAITING, next_attempt_at__lte=at).values("endpoint"),
            switched_off_at__isnull=True,
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def forget_old(*, at: datetime) -> int:
    """Delete deliveries that ended long ago, with their tries; return how many rows went."""
    over = Q(delivered_at__lt=at - KEPT_FOR) | Q(given_up_at__lt=at - KEPT_FOR)
    ids = list(WebhookDelivery.objects.filter(over).order_by("pk").values_list("pk", flat=True)[:10_000])
    return WebhookDelivery.objects.filter(pk__in=ids).delete()[0]


@transaction.atomic
def _claim(endpoint_id: int, *, at: datetime) -> WebhookDelivery | None:
    """Take the endpoint's next message, and the endpoint with it until its answer is noted or the lease is over."""
    # Not against foreign keys: whoever tells a fact in a long transaction shall not be waited for.
    endpoint = (
        WebhookEndpoint.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(Q(not_before__isnull=True) | Q(not_before__lte=at), pk=endpoint_id, switched_off_at__isnull=True)
        .first()
    )
    if endpoint is None:
        return None
    due = WebhookDelivery.objects.filter(WAITING, endpoint=endpoint, next_attempt_at__lte=at)
    delivery: WebhookDelivery | None = due.order_by("next_attempt_at", "pk").first()
    if delivery is None:
        return None
    delivery.endpoint = endpoint
    again = next_try(attempts=delivery.attempts + 1, waiting_since=delivery.waiting_since, at=at)
    delivery.set_attempted(next_attempt_at=again)
    endpoint.not_before = at + LEASE
    endpoint.save(update_fields=["not_before"])
    return delivery


def _try(delivery: WebhookDelivery, *, at: datetime, door: Door) -> Outcome:
    sent_at_s = int(at.timestamp())
    try:
        signatures = sign(
            secrets=signing_secrets(delivery.endpoint, at=at),
            message_id=delivery.message_id,
            sent_at_s=sent_at_s,
            body=delivery.body,
        )
        answer = post(
            delivery.endpoint.url,
            body=delivery.body.encode(),
            headers={
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
                "webhook-id": delivery.message_id,
                "webhook-timestamp": str(sent_at_s),
                "webhook-signature": signatures,
            },
            door=door,
        )
    except NotDelivered as failure:
        return Outcome(error=str(failure), address=failure.address)
    except (UrlRefused, SecretLost) as failure:
        return Outcome(error=str(failure))
    return _read(answer)


def _read(answer: Answer) -> Outcome:
    error = "" if 200 <= answer.status_code < 300 else f"It answered {answer.status_code}, not 2xx."
    if 300 <= answer.status_code < 400:
        error = f"It answered {answer.status_code}: redirects are not followed. Name the final URL."
    text = answer.body[:MOST_KEPT].decode("utf-8", errors="replace").replace("\0", "\ufffd")
    return Outcome(error=error, address=answer.address, status_code=answer.status_code, answer=text)


@transaction.atomic
def _note(delivery: WebhookDelivery, outcome: Outcome, *, started_at: datetime, at: datetime) -> None:
    """Keep what a try came to, and let the endpoint go or rest."""
    endpoint: WebhookEndpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=delivery.endpoint_id)
    delivery = WebhookDelivery.objects.select_for_update().get(pk=delivery.pk)
    WebhookAttempt.objects.create(
        delivery=delivery,
        number=delivery.attempts,
        url=endpoint.url,
        address=outcome.address,
        started_at=started_at,
        duration_ms=max(int((at - started_at) / timedelta(milliseconds=1)), 0),
        status_code=outcome.status_code,
        answer=outcome.answer,
        error=outcome.error[:300],
    )
    if outcome.error:
        _note_failure(endpoint, delivery, outcome, at=at)
    else:
        delivery.delivered_at, delivery.given_up_at, delivery.error = at, None, ""
        delivery.save(update_fields=["delivered_at", "given_up_at", "error"])
        endpoint.not_before = endpoint.failing_since = None
        was_failing, endpoint.failures, endpoint.answered_at = endpoint.failures > 0, 0, at
        endpoint.save(update_fields=["not_before", "failing_since", "failures", "answered_at"])
        if was_failing:
            forget_trouble(endpoint, at=at)


def _note_failure(endpoint: WebhookEndpoint, delivery: WebhookDelivery, outcome: Outcome, *, at: datetime) -> None:
    log.warning("webhook %s to endpoint %s: %s", delivery.message_id, endpoint.pk, outcome.error)
    delivery.error = outcome.error[:300]
    delivery.save(update_fields=["error"])
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or at
    endpoint.not_before = at + rest_after(endpoint.failures)
    if outcome.status_code == GONE:
        endpoint.switched_off_at = at
        endpoint.switched_off_why = "It answered 410 Gone, which asks not to be told any more."
    endpoint.save(update_fields=["failures", "failing_since", "not_before", "switched_off_at", "switched_off_why"])
    if endpoint.switched_off_at is not None:
        endpoint.deliveries.filter(WAITING).update(given_up_at=at)
        tell_gone(endpoint, at=at)
        return
    # What is too old goes with the one that was tried: each would else have to be tried once more for it.
    too_old = endpoint.deliveries.filter(WAITING, waiting_since__lte=at - USEFUL_FOR)
    if count := too_old.update(given_up_at=at):
        tell_given_up(endpoint, count=count, error=outcome.error, at=at)
