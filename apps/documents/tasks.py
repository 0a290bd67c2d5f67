"""Alarm clocks of documents: mails that wait to be sent."""

from celery import shared_task
from django.db import OperationalError

from apps.core.clock import now
from apps.documents.mails import send_due_mails


@shared_task(name="documents.send_mails", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def send_mails(**_: object) -> None:
    """Send the mails that are due."""
    send_due_mails(at=now())
