"""Take what a driver's receipt comes to out of the hold, once, and give the rest back."""

import logging
from datetime import datetime

from django.db import transaction

from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments.domain.status import UNFINISHED, AttemptStatus
from apps.payments.models import PaymentAttempt, PaymentOperation
from apps.payments.selectors import attempt_of_receipt, open_amount
from apps.payments.services.attempts import go_on_releasing
from apps.payments.services.driver import drive_operation
from apps.payments.services.holds import NOTHING_TO_PAY, plan_hold
from apps.payments.services.projection import lock_payment, settle
from apps.sessions.domain.status import SessionStatus

log = logging.getLogger(__name__)


class NotCapturable(Exception):
    """There is no issued receipt of a settled session to capture for; nothing was changed."""


def capture_receipt(*, receipt_id: int, at: datetime) -> PaymentAttempt | None:
    """Capture exactly a receipt's gross from the hold that paid for its session; Stripe releases the rest.

    A receipt of zero releases the hold. One above the hold takes all of it, and the rest stays receivable; so does a
    receipt whose hold is gone. Both alert an operator. Repeating it, or two at once, captures once. Without an answer
    of Stripe's the attempt stays *capturing*, and the janitor goes on. None for a receipt that no attempt pays.

    :raises NotCapturable: the receipt is not issued, or its session not settled
    """
    attempt_id = attempt_of_receipt(receipt_id)
    if attempt_id is None:
        return None
    operation = _begin(attempt_id, receipt_id, at=at)
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
    attempt: PaymentAttempt = PaymentAttempt.objects.get(pk=attempt_id)
    return attempt


@transaction.atomic
def _begin(attempt_id: int, receipt_id: int, *, at: datetime) -> PaymentOperation | None:
    """Tie the receipt to its attempt and ask for the call that settles it; or find the one that waits."""
    attempt: PaymentAttempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    receipt: Invoice = Invoice.objects.select_for_update().get(pk=receipt_id)
    _check_capturable(attempt, receipt)
    attempt.receipt = receipt
    if attempt.status == AttemptStatus.AUTHORISED:
        return _decide(attempt, receipt, at=at)
    attempt.save()
    if attempt.status in (AttemptStatus.RELEASED, AttemptStatus.HOLD_EXPIRED) and open_amount(receipt) > 0:
        log.error("%s is gone; %s stays receivable", attempt, receipt)
    if attempt.is_free:
        return None
    locked = lock_payment(attempt.payment.pk)
    if attempt.status == AttemptStatus.CAPTURED:
        # Captured elsewhere before there was a receipt: what came in settles it now.
        settle(document=receipt, payment=locked.payment, at=at)
    waiting: PaymentOperation | None = locked.payment.operations.filter(status__in=UNFINISHED).first()
    return waiting or plan_hold(locked, at=at)


def _decide(attempt: PaymentAttempt, receipt: Invoice, *, at: datetime) -> PaymentOperation | None:
    """Let an authorised attempt's money be taken, or given back where nothing is to be paid."""
    wanted = open_amount(receipt)
    if wanted > 0 and attempt.is_free:
        log.error("%s holds nothing; %s stays receivable", attempt, receipt)
    if wanted <= 0 or attempt.is_free:
        attempt.set_releasing(reason=NOTHING_TO_PAY, at=at)
        return go_on_releasing(attempt, at=at)
    attempt.set_status(AttemptStatus.CAPTURING, at=at)
    attempt.save()
    locked = lock_payment(attempt.payment.pk)
    waiting: PaymentOperation | None = locked.payment.operations.filter(status__in=UNFINISHED).first()
    return waiting or plan_hold(locked, at=at)


def _check_capturable(attempt: PaymentAttempt, receipt: Invoice) -> None:
    """Refuse what the database would refuse, in words.

    :raises NotCapturable: see there
    """
    if receipt.kind != Invoice.Kind.RECEIPT or receipt.status != InvoiceStatus.ISSUED:
        raise NotCapturable(f"{receipt} is no issued receipt")
    session = attempt.grant.used_by_session if attempt.grant else None
    if session is None or session.status != SessionStatus.SETTLED:
        raise NotCapturable(f"the session of {receipt} is not settled")
