"""Alarm clocks of the console: alerts to operators."""

from celery import shared_task
from django.db import OperationalError

from apps.console import alerts
from apps.core.clock import now


@shared_task(name="console.sweep_alerts", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_alerts(**_: object) -> None:
    """Tell operators what is wrong and was not told yet; what was told once is left alone."""
    alerts.sweep_alerts(at=now())
