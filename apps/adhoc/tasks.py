"""Alarm clocks of the driver's journey: each one call into a service, harmless when repeated."""

from typing import Final

from celery import shared_task
from django.db import OperationalError

from apps.adhoc import selectors, services
from apps.adhoc.services import receipts
from apps.core.clock import now

SWEPT_LIVES: Final = 30
"""Seconds after which a swept task is dropped unrun: later sweeps hand it out again."""


@shared_task(name="adhoc.start_charging", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def start_charging(*, id: int, **_: object) -> None:  # noqa: A002 the bell's own word
    """Start what a driver has paid for."""
    services.start_charging(attempt_id=id, at=now())


@shared_task(name="adhoc.watch_start", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def watch_start(*, id: int, **_: object) -> None:  # noqa: A002
    """Start what was not started yet, or give up what never began."""
    services.watch_start(attempt_id=id, at=now())


@shared_task(name="adhoc.settle_buyer", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def settle_buyer(*, id: int, **_: object) -> None:  # noqa: A002
    """Make the full invoice that a dear charge needs, or forget to whom it would have gone."""
    receipts.settle_buyer(attempt_id=id, at=now())


@shared_task(name="adhoc.sweep_buyers")
def sweep_buyers(**_: object) -> None:
    """Hand out every attempt that is over and still knows a buyer."""
    for attempt_id in selectors.attempts_with_buyer():
        settle_buyer.apply_async(kwargs={"id": attempt_id}, expires=SWEPT_LIVES)


@shared_task(name="adhoc.sweep_starts")
def sweep_starts(**_: object) -> None:
    """Hand out every paid attempt whose charge has not begun."""
    for attempt_id in selectors.attempts_to_watch():
        watch_start.apply_async(kwargs={"id": attempt_id}, expires=SWEPT_LIVES)
