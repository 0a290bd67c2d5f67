"""Alarm clocks of documents: mails and webhooks that wait to be sent."""

from typing import Final

from celery import shared_task
from django.db import OperationalError

from apps.core.clock import now
from apps.documents import new_devices
from apps.documents.mails import send_due_mails
from apps.documents.webhooks.sending import due_endpoint_ids, forget_old, send_due

SWEPT_LIVES: Final = 60
"""Seconds after which a swept task is dropped unrun: the next sweep hands it out again."""


@shared_task(name="documents.send_mails", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def send_mails(**_: object) -> None:
    """Send the mails that are due."""
    send_due_mails(at=now())


@shared_task(name="documents.tell_new_devices")
def tell_new_devices(**_: object) -> None:
    """Mail people who were signed in by a device that was not seen before."""
    new_devices.tell_new_devices(at=now())


@shared_task(name="documents.send_webhooks", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def send_webhooks(*, id: int, **_: object) -> None:  # noqa: A002 the bell's own word
    """Send what waits for one endpoint."""
    send_due(endpoint_id=id)


@shared_task(name="documents.sweep_webhooks")
def sweep_webhooks(**_: object) -> None:
    """Hand out each endpoint for which something is due."""
    for endpoint_id in due_endpoint_ids(at=now()):
        send_webhooks.apply_async(kwargs={"id": endpoint_id}, expires=SWEPT_LIVES)


@shared_task(name="documents.forget_webhooks")
def forget_webhooks(**_: object) -> None:
    """Delete what was delivered or given up long ago."""
    forget_old(at=now())
