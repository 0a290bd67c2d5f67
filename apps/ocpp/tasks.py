"""Alarm clocks of the wire."""

from celery import shared_task
from django.db import OperationalError

from apps.core.clock import now
from apps.ocpp import offline_cards


@shared_task(name="ocpp.forget_cards", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def forget_cards(**_: object) -> None:
    """Take cards that may not charge any more out of stations' lists and caches."""
    offline_cards.forget_cards(at=now())
