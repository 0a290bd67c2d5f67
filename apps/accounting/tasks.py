"""Alarm clocks of accounting: each one call into a service, harmless when repeated."""

from datetime import date
from typing import Final

from celery import shared_task
from django.db import OperationalError

from apps.accounting import home_sheets
from apps.accounting import selectors_settlement as selectors
from apps.accounting.services import home, rendering, settlement, shares
from apps.accounting.services.reconciling import GRACE, reconcile
from apps.accounting.services.statements import unfinished_statements, work_off
from apps.core.clock import now
from apps.payments.models import StripeEvent
from apps.payments.services.projection import StripeUnreachable

SWEPT_LIVES: Final = 300
"""Seconds after which a swept task is dropped unrun: the next sweep hands it out again."""
FOLLOWED: Final = "payout."
"""Events of this kind are worth a look before the next sweep."""


@shared_task(name="accounting.share_payment", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def share_payment(*, id: int, **_: object) -> None:  # noqa: A002 the bell's own word
    """Send the owner's part of a collected payment."""
    shares.share_payment(payment_id=id, at=now())


@shared_task(name="accounting.take_back_share", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def take_back_share(*, id: int, **_: object) -> None:  # noqa: A002
    """Fetch back the owner's part of a refund."""
    shares.take_back_share(refund_id=id, at=now())


@shared_task(name="accounting.sweep_shares")
def sweep_shares(**_: object) -> None:
    """Hand out collected payments to share and refunds to take back."""
    for payment_id in selectors.unshared_payment_ids(at=now()):
        share_payment.apply_async(kwargs={"id": payment_id}, expires=SWEPT_LIVES)
    for refund_id in selectors.untaken_refund_ids():
        take_back_share.apply_async(kwargs={"id": refund_id}, expires=SWEPT_LIVES)


@shared_task(name="accounting.make_statement", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def make_statement(*, agreement_id: int, month: str, **_: object) -> None:
    """Make the statement of a month."""
    settlement.make_statement(agreement_id=agreement_id, month=date.fromisoformat(month), at=now())


@shared_task(name="accounting.render_statement", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def render_statement(*, id: int, **_: object) -> None:  # noqa: A002
    """Render a statement that was made."""
    rendering.render_statement(statement_id=id, at=now())


@shared_task(name="accounting.sweep_statements")
def sweep_statements(**_: object) -> None:
    """Hand out the statements of the month that is over, and those that have no file yet."""
    for agreement_id, month in selectors.due_statements(at=now()):
        kwargs = {"agreement_id": agreement_id, "month": month.isoformat()}
        make_statement.apply_async(kwargs=kwargs, expires=SWEPT_LIVES)
    for statement_id in selectors.unrendered_statement_ids():
        render_statement.apply_async(kwargs={"id": statement_id}, expires=SWEPT_LIVES)


@shared_task(
    name="accounting.make_home_statement", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True
)
def make_home_statement(*, driver_id: int, month: str, **_: object) -> None:
    """State a driver's month of charging at home."""
    home.make_home_statement(driver_id=driver_id, month=date.fromisoformat(month), at=now())


@shared_task(
    name="accounting.render_home_statement", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True
)
def render_home_statement(*, id: int, **_: object) -> None:  # noqa: A002
    """Render a driver's statement that was made."""
    home_sheets.render_home_statement(statement_id=id, at=now())


@shared_task(name="accounting.sweep_home_statements")
def sweep_home_statements(**_: object) -> None:
    """Hand out the drivers' statements of the month that is over."""
    for driver_id, month in home.due_statements(at=now()):
        kwargs = {"driver_id": driver_id, "month": month.isoformat()}
        make_home_statement.apply_async(kwargs=kwargs, expires=SWEPT_LIVES)
    for statement_id in home_sheets.unrendered_ids():
        render_home_statement.apply_async(kwargs={"id": statement_id}, expires=SWEPT_LIVES)


@shared_task(name="accounting.sweep_stripe", autoretry_for=(StripeUnreachable,), retry_backoff=60)
def sweep_stripe(**_: object) -> None:
    """Read Stripe's books, match them, and list what has not agreed for an hour."""
    reconcile(since=None, at=now(), grace=GRACE)


@shared_task(name="accounting.follow_event", autoretry_for=(StripeUnreachable,), retry_backoff=60)
def follow_event(*, id: int, **_: object) -> None:  # noqa: A002 the bell's own word
    """Read Stripe's books when an event tells of a payout."""
    if StripeEvent.objects.filter(pk=id, type__startswith=FOLLOWED).exists():
        reconcile(since=None, at=now(), grace=GRACE)


@shared_task(name="accounting.sweep_bank_statements", acks_late=True)
def sweep_bank_statements(**_: object) -> None:
    """Go on with bank statements whose upload was cut off before all their lines were decided."""
    for statement_id in unfinished_statements():
        work_off(statement_id=statement_id, at=now())
