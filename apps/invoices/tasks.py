"""Alarm clocks of documents: print what was issued."""

from celery import shared_task
from django.db import OperationalError

from apps.core.clock import now
from apps.invoices import selectors
from apps.invoices.services import rendering

# A sweep leaves the rest to the next one, so that it ends before the next begins.
SWEEP_SIZE = 200


@shared_task(name="invoices.render_document", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def render_document(*, id: int, **_: object) -> None:  # noqa: A002
    """Render one issued document; a redelivery is harmless because it is kept under a natural key."""
    rendering.render_document(invoice_id=id, at=now())


@shared_task(name="invoices.sweep_undocumented", acks_late=True)
def sweep_undocumented(**_: object) -> None:
    """Render issued documents that have no file, whatever became of their bell."""
    for invoice_id in selectors.undocumented().values_list("pk", flat=True)[:SWEEP_SIZE]:
        rendering.render_document(invoice_id=invoice_id, at=now())
