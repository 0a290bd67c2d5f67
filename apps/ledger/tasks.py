"""What the ledger does by itself."""

from celery import shared_task
from django.db import OperationalError

from apps.ledger.services.sums import add_up_all


@shared_task(name="ledger.add_up", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def add_up(**_: object) -> None:
    """Add up what came to the books since the last time."""
    add_up_all()
