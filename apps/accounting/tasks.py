"""Alarm clocks of accounting: each one call into a service, harmless when repeated."""

from typing import Final

from celery import shared_task

from apps.accounting.services.reconciling import GRACE, reconcile
from apps.core.clock import now
from apps.payments.models import StripeEvent
from apps.payments.services.projection import StripeUnreachable

FOLLOWED: Final = "payout."
"""Events of this kind are worth a look before the next sweep."""


@shared_task(name="accounting.sweep_stripe", autoretry_for=(StripeUnreachable,), retry_backoff=60)
def sweep_stripe(**_: object) -> None:
    """Read Stripe's books, match them, and list what has not agreed for an hour."""
    reconcile(since=None, at=now(), grace=GRACE)


@shared_task(name="accounting.follow_event", autoretry_for=(StripeUnreachable,), retry_backoff=60)
def follow_event(*, id: int, **_: object) -> None:  # noqa: A002 the bell's own word
    """Read Stripe's books when an event tells of a payout."""
    if StripeEvent.objects.filter(pk=id, type__startswith=FOLLOWED).exists():
        reconcile(since=None, at=now(), grace=GRACE)
