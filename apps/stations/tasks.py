"""Alarm clocks of the hardware."""

from celery import shared_task
from django.db import OperationalError

from apps.core.clock import now
from apps.stations import services


@shared_task(name="stations.sweep_commands", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_commands(**_: object) -> None:
    """Time out commands whose deadline has passed."""
    services.sweep_commands(at=now())


@shared_task(name="stations.sweep_keys", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_keys(**_: object) -> None:
    """Forget new keys that no station holds."""
    services.sweep_keys(at=now())
