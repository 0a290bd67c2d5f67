"""Look at a collection or a link and project what Stripe says: webhook, return page and resync come here."""

from datetime import datetime

from django.db import transaction

from apps.payments.models import Payment
from apps.payments.services.disputes import sync_dispute
from apps.payments.services.links import look_at_link, project_link
from apps.payments.services.projection import LOOKS, StripeUnreachable, lock_payment, look_at_intent, project_intent
from apps.payments.services.refunding import look_at_refunds, project_refunds


def sync_payment(*, payment_id: int, at: datetime) -> Payment:
    """Look at a collection's or a link's objects and project them; one without any yet is left to its operation.

    :raises StripeUnreachable: no answer, or too many writers at once
    :raises WrongMode: the payment belongs to the other mode
    """
    for _ in range(LOOKS):
        payment = Payment.objects.get(pk=payment_id)
        if payment.stripe_id is None and payment.page_id is None:
            return payment
        page = look_at_link(payment) if payment.page_id else None
        snapshot = None if page else look_at_intent(payment)
        refunds = look_at_refunds(payment)
        with transaction.atomic():
            locked = lock_payment(payment_id)
            if locked.payment.version == payment.version:
                if page is not None:
                    project_link(locked, page, at=at)
                elif snapshot is not None:
                    project_intent(document=locked.document, payment=locked.payment, snapshot=snapshot, at=at)
                project_refunds(locked.payment, refunds, at=at)
                return locked.payment
    raise StripeUnreachable(f"{payment} is being written by others")


def sync_disputed(*, stripe_id: str, payment_id: int, at: datetime) -> None:
    """Look at a payment that Stripe says is disputed, and at its dispute.

    A debit that its bank took back is a dispute to Stripe, lost from the start. Here it is a return, of which the
    payment itself tells: what was paid is owed again, so that nothing is lost and nobody is asked for evidence.

    :raises StripeUnreachable: no answer, or too many writers at once
    """
    is_hold = Payment.objects.filter(pk=payment_id, attempt__isnull=False).exists()
    if is_hold or sync_payment(payment_id=payment_id, at=at).returned_at is None:
        sync_dispute(stripe_id=stripe_id, payment_id=payment_id, at=at)
