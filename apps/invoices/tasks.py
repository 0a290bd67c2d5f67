"""Alarm clocks of documents: write the receipt of what was rated, print what was issued."""

import logging

from celery import shared_task
from django.db import OperationalError
from django.db.models import QuerySet

from apps.core.clock import now
from apps.core.sweeps import one_by_one
from apps.invoices import selectors
from apps.invoices.errors import DocumentRefused
from apps.invoices.services import billing, deferring, rendering
from apps.invoices.services.receipts import issue_receipt as issue
from apps.sessions.models import Cdr

log = logging.getLogger(__name__)

# A sweep leaves the rest to the next one, so that it ends before the next begins.
SWEEP_SIZE = 200


@shared_task(name="invoices.render_document", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def render_document(*, id: int, **_: object) -> None:  # noqa: A002
    """Render one issued document; a redelivery is harmless because it is kept under a natural key."""
    rendering.render_document(invoice_id=id, at=now())


@shared_task(name="invoices.render_receipt", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def render_receipt(*, id: int, **_: object) -> None:  # noqa: A002
    """Render a driver's receipt, whose reader waits for it: not behind the files of a billing run (``PRINT_TASKS``)."""
    rendering.render_document(invoice_id=id, at=now())


@shared_task(name="invoices.issue_receipt", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def issue_receipt(*, id: int, **_: object) -> None:  # noqa: A002
    """Issue the receipt that a new charge record calls for; one of a contract, or with a receipt, calls for none."""
    _issue_due(selectors.due_receipts().filter(pk=id))


@shared_task(name="invoices.sweep_receipts", acks_late=True)
def sweep_receipts(**_: object) -> None:
    """Issue the receipts whose bell was not heard; what is refused is tried again by the next sweep."""
    _issue_due(selectors.due_receipts())


def _issue_due(records: QuerySet[Cdr]) -> None:
    issued = 0
    for cdr_id in list(records.values_list("pk", flat=True)):
        try:
            issue(cdr_id=cdr_id, at=now())
        except DocumentRefused as refusal:
            # It stays due, and the audit names it (I11), until the owner's data is mended; nobody else waits for that.
            log.warning("charge record %s gets no receipt: %s", cdr_id, refusal)
        else:
            issued += 1
        if issued == SWEEP_SIZE:
            return


@shared_task(name="invoices.bill_session", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def bill_session(*, id: int, **_: object) -> None:  # noqa: A002
    """Bill the contract of a new charge record, if its sessions are billed one by one."""
    for contract_id in selectors.billed_by_session().filter(pk=id).values_list("session__contract_id", flat=True):
        _bill_sessions(contract_id)


@shared_task(name="invoices.sweep_sessions", acks_late=True)
def sweep_sessions(**_: object) -> None:
    """Bill the sessions whose bell was not heard; what is refused is tried again by the next sweep."""
    one_by_one(selectors.left_by_session(at=now())[:SWEEP_SIZE], _bill_sessions)


def _bill_sessions(contract_id: int) -> None:
    try:
        billing.bill_after_session(contract_id=contract_id, at=now())
    except DocumentRefused as refusal:
        log.warning("the sessions of contract %s are not billed: %s", contract_id, refusal)


@shared_task(name="invoices.sweep_undocumented", acks_late=True)
def sweep_undocumented(**_: object) -> None:
    """Render issued documents that have no file, whatever became of their bell."""
    for invoice_id in selectors.undocumented().values_list("pk", flat=True)[:SWEEP_SIZE]:
        rendering.render_document(invoice_id=invoice_id, at=now())


@shared_task(name="invoices.earn_fees", acks_late=True)
def earn_fees(**_: object) -> None:
    """Post what months that are over have earned of fees in advance; run twice it posts once."""
    at = now()
    one_by_one(deferring.due_fee_ids(at=at), lambda fee_id: deferring.earn(fee_id=fee_id, at=at))


@shared_task(name="invoices.carry_on_run", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def carry_on_run(*, id: int, **_: object) -> None:  # noqa: A002
    """Do the step that a billing run is at; carried out twice at once it bills nothing twice."""
    billing.carry_on(run_id=id, at=now())


@shared_task(name="invoices.sweep_runs", acks_late=True)
def sweep_runs(**_: object) -> None:
    """Take up the billing runs of which nothing was heard for a while."""
    for run_id in billing.stalled_run_ids(at=now()):
        billing.carry_on(run_id=run_id, at=now())
