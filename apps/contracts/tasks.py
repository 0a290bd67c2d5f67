"""Alarm clocks of the contracts app: named, keyword-only, each one call into a service, harmless when repeated."""

from celery import shared_task
from django.db import OperationalError

from apps.contracts import renewing
from apps.core import clock


@shared_task(name="contracts.sweep_contracts", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_contracts(**_: object) -> None:
    """Renew contracts, remind of renewals and end what is over."""
    renewing.sweep_contracts(at=clock.now())
