"""Lead somebody to the page on which an invoice or receipt is paid, and close pages that ask for what is not open."""

from contextlib import suppress
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from apps.payments.domain.status import OPEN_PAYMENT
from apps.payments.models import Payment
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.driver import drive_operation, drive_or_wait
from apps.payments.services.links import plan_closing, plan_link
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.syncing import sync_payment

_STEPS: Final = 3
"""Close an old page, open the new one, look."""


def open_pay_page(*, document_id: int, success_url: str, cancel_url: str, at: datetime) -> str:
    """Return the address of the hosted page on which what is open of a document is paid; every click gets the same.

    success_url, cancel_url  absolute; whoever comes back to the first one should call ``sync_links``

    :raises NotPayable: nothing is open, or it is being paid already
    :raises CheckoutUnavailable: Stripe gave no answer; what was begun is finished by the janitor
    :raises WrongMode: a page was opened in the other mode
    """
    with suppress(StripeUnreachable):
        sync_links(document_id=document_id, at=at)
    for _ in range(_STEPS):
        operation = plan_link(document_id=document_id, success_url=success_url, cancel_url=cancel_url, at=at)
        if operation is None:
            break
        drive_or_wait(operation.pk, at=at)
    payment = _open_links(document_id).first()
    if payment is None or not payment.page_url:
        raise CheckoutUnavailable
    return payment.page_url


def sync_links(*, document_id: int, at: datetime) -> None:
    """Look what became of a document's open page: whoever paid on it has come back, or wants another one.

    :raises StripeUnreachable: no answer; webhook and resync find the same later
    :raises WrongMode: it was opened in the other mode
    """
    for payment in _open_links(document_id):
        sync_payment(payment_id=payment.pk, at=at)


def _open_links(document_id: int) -> QuerySet[Payment]:
    return Payment.objects.filter(invoice=document_id, kind=Payment.Kind.LINK, status__in=OPEN_PAYMENT)


def close_outdated_page(*, payment_id: int, at: datetime) -> None:
    """Close a link's page that asks for another amount than what is open of its document."""
    operation = plan_closing(payment_id=payment_id, at=at)
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
