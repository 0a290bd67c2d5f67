"""Keep what Stripe tells us and take it as a hint at which object to look: lost, late, twice, shuffled, all is one."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from apps.accounts.models import Organisation
from apps.core.bells import ring_on_commit
from apps.payments import gateway
from apps.payments.domain.retries import pause_after
from apps.payments.models import Payment, PaymentAttempt, SavedMethod, StripeEvent
from apps.payments.outcomes import EventHint, Reference
from apps.payments.services.attempts import sync_attempt
from apps.payments.services.operations import WrongMode
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.setups import sync_method
from apps.payments.services.syncing import sync_disputed, sync_payment

log = logging.getLogger(__name__)

NOT_OURS: Final = "about nothing of ours"
OF_AN_INTENT: Final = frozenset({"charge", "refund", "dispute"})


@transaction.atomic
def receive_event(*, hint: EventHint, at: datetime) -> StripeEvent:
    """Keep a verified event and ring for it; the same event again is the same row.

    :raises WrongMode: the event is of the other mode; nothing is kept
    """
    if hint.livemode != gateway.livemode():
        raise WrongMode(f"event {hint.stripe_id} is of the other mode")
    event, is_new = StripeEvent.objects.get_or_create(
        stripe_id=hint.stripe_id,
        defaults={
            "type": hint.type,
            "livemode": hint.livemode,
            "api_version": hint.api_version,
            "payload": hint.payload,
            "received_at": at,
            "next_try_at": at,
        },
    )
    if is_new:
        ring_on_commit("stripe.event", id=event.pk)
    kept: StripeEvent = event
    return kept


def process_event(*, event_id: int, at: datetime) -> StripeEvent:
    """Look at the object an event is about and project it; an event processed before is left alone."""
    event = _claim(event_id, at=at)
    if event is None:
        done: StripeEvent = StripeEvent.objects.get(pk=event_id)
        return done
    try:
        seller = _follow(event.payload["data"]["object"], at=at)
    except StripeUnreachable as error:
        log.warning("%s not processed: %s", event, error)
        event.error = str(error)[:300]
        event.save(update_fields=["error"])
        return event
    event.seller = seller
    event.error = "" if seller else NOT_OURS
    event.processed_at, event.next_try_at = at, None
    event.save(update_fields=["seller", "error", "processed_at", "next_try_at"])
    return event


@transaction.atomic
def _claim(event_id: int, *, at: datetime) -> StripeEvent | None:
    """Take an event for one attempt, unless it is processed or not due; a killed attempt comes back later."""
    event: StripeEvent = StripeEvent.objects.select_for_update().get(pk=event_id)
    if event.next_try_at is None or event.next_try_at > at:
        return None
    event.attempts += 1
    event.next_try_at = at + pause_after(event.attempts)
    event.save(update_fields=["attempts", "next_try_at"])
    return event


def _follow(about: Mapping[str, Any], *, at: datetime) -> Organisation | None:
    """Sync the row that mirrors an object of Stripe's; return its seller, or None for an object not ours.

    An object whose id we never heard is left to its operation, which asks under the same key.
    """
    kind = about.get("object")
    if kind == "payment_intent" or kind in OF_AN_INTENT:
        payment = _payment_of(about)
        if payment is None:
            return None
        seller = _sync(payment, at=at)
        if kind == "dispute":
            sync_disputed(stripe_id=about["id"], payment_id=payment.pk, at=at)
        return seller
    if kind == "checkout.session":
        attempt = PaymentAttempt.objects.filter(checkout_session_id=about.get("id")).first()
        if attempt is not None:
            return sync_attempt(attempt_id=attempt.pk, at=at).seller
        link = Payment.objects.filter(page_id=about.get("id")).first()
        if link is not None:
            return _sync(link, at=at)
        method = SavedMethod.objects.filter(checkout_session_id=about.get("id")).first()
    elif kind == "payment_method":
        method = SavedMethod.objects.filter(payment_method_id=about.get("id")).first()
    elif kind == "mandate":
        method = SavedMethod.objects.filter(mandate_id=about.get("id")).first()
    else:
        return None
    return sync_method(method_id=method.pk, at=at).customer.seller if method else None


def _payment_of(about: Mapping[str, Any]) -> Payment | None:
    """Find the payment by its intent; one made on Stripe's page is first known by our reference."""
    intent_id = about.get("id") if about.get("object") == "payment_intent" else about.get("payment_intent")
    payment: Payment | None = Payment.objects.filter(stripe_id=intent_id).first() if intent_id else None
    if payment is None and (uid := (about.get("metadata") or {}).get(Reference.PAYMENT)):
        payment = Payment.objects.filter(uid=uid).exclude(kind=Payment.Kind.COLLECTION).first()
    return payment


def _sync(payment: Payment, *, at: datetime) -> Organisation:
    if payment.attempt_id is not None:
        return sync_attempt(attempt_id=payment.attempt_id, at=at).seller
    return sync_payment(payment_id=payment.pk, at=at).seller
