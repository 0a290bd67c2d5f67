"""Lay Stripe's refunds over ours, found by our reference, and post what they moved."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Sum

from apps.core.bells import ring_on_commit
from apps.ledger.services import Role
from apps.payments import gateway
from apps.payments.domain.failures import Failure
from apps.payments.domain.status import PaymentStatus, RefundStatus, advance_refund
from apps.payments.models import Payment, Refund
from apps.payments.outcomes import Done, RefundSnapshot, Rejected, Unknown
from apps.payments.selectors import surplus_of
from apps.payments.services.posting import post_at_stripe
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.wallets import restore, take_away

log = logging.getLogger(__name__)

MADE_ELSEWHERE: Final = "Made at Stripe, not here."


def look_at_refunds(payment: Payment) -> list[RefundSnapshot]:
    """Return every refund of a payment's intent, whoever made it; without asking where nothing was received.

    :raises StripeUnreachable: no answer
    """
    if payment.stripe_id is None or payment.status != PaymentStatus.SUCCEEDED:
        return []
    match gateway.list_refunds(intent=payment.stripe_id):
        case Done(value=found):
            return found
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


def project_refunds(payment: Payment, found: Sequence[RefundSnapshot], *, at: datetime) -> None:
    """Lay what was found over the locked payment's refunds; money that moved is posted once.

    One that was made at Stripe without our asking becomes a row of ours, and an operator is told.
    """
    if not found:
        return
    ours: dict[str | None, Refund] = {}
    for refund in payment.refunds.select_for_update():
        ours |= {str(refund.uid): refund, refund.stripe_id: refund}
    for snapshot in found:
        known = ours.get(snapshot.reference) or ours.get(snapshot.stripe_id)
        _project(payment, known or _made_elsewhere(payment, snapshot, at=at), snapshot, at=at)
    payment.version += 1
    payment.save()


def _made_elsewhere(payment: Payment, snapshot: RefundSnapshot, *, at: datetime) -> Refund:
    """Write down a refund that we hear of only now; what it gives back of a document makes that one open again."""
    log.error("%s: %s was refunded elsewhere (%s)", payment, snapshot.amount, snapshot.stripe_id)
    refund: Refund = Refund.objects.create(
        payment=payment,
        origin=Refund.Origin.ELSEWHERE,
        invoice_id=None if surplus_of(payment) >= snapshot.amount else _settled_by(payment),
        status=RefundStatus.PENDING,
        stripe_id=snapshot.stripe_id,
        currency=payment.currency,
        amount=snapshot.amount,
        reason=MADE_ELSEWHERE,
        requested_at=at,
    )
    if payment.wallet_id is not None:
        key = f"refund:{refund.pk}"
        take_away(payment=payment, key=key, amount=snapshot.amount, reason=MADE_ELSEWHERE, refund=refund, at=at)
    return refund


def _settled_by(payment: Payment) -> int | None:
    """Return the document that most of a payment settles now, if any."""
    if payment.wallet_id is not None:
        return None
    settled = payment.allocations.order_by().values("invoice").annotate(sum=Sum("amount")).filter(sum__gt=0)
    return settled.order_by("-sum").values_list("invoice", flat=True).first()


def _project(payment: Payment, refund: Refund, snapshot: RefundSnapshot, *, at: datetime) -> None:
    was = RefundStatus(refund.status)
    refund.status = advance_refund(was, snapshot.status)
    refund.stripe_id = snapshot.stripe_id
    if snapshot.status == RefundStatus.SUCCEEDED:
        refund.succeeded_at = refund.succeeded_at or at
        post_at_stripe(
            payment=payment,
            key=f"refund:{refund.pk}:paid",
            text=f"Refund of {refund.invoice or payment}",
            debit=(Role.RECEIVABLE, refund.amount.amount),
            credit=Role.STRIPE_CLEARING,
            at=at,
        )
        if payment.collector_id is not None and was != RefundStatus.SUCCEEDED:
            ring_on_commit("collected.refunded", id=refund.pk)
    elif snapshot.status == RefundStatus.FAILED and was != RefundStatus.FAILED:
        _fail(payment, refund, snapshot.failure, at=at)
    refund.save()


def _fail(payment: Payment, refund: Refund, reason: str, *, at: datetime) -> None:
    """Reopen what a refund that came back had settled; an operator asks for another."""
    refund.failed_at = at
    refund.failure_message = reason[:300]
    log.error("%s failed: %s; the money is still to be given back", refund, reason or "no reason given")
    if refund.succeeded_at is not None:
        post_at_stripe(
            payment=payment,
            key=f"refund:{refund.pk}:failed",
            text=f"Refund of {refund.invoice or payment} came back",
            debit=(Role.STRIPE_CLEARING, refund.amount.amount),
            credit=Role.RECEIVABLE,
            at=at,
        )
    if payment.wallet_id is not None:
        restore(refund=refund, at=at)


def note_refused_refund(refund: Refund, failure: Failure, *, at: datetime) -> None:
    """Close a refund that Stripe would not make."""
    refund.status = advance_refund(RefundStatus(refund.status), RefundStatus.FAILED)
    refund.failed_at = at
    refund.failure_message = failure.code
    refund.save()
    if refund.payment.wallet_id is not None:
        restore(refund=refund, at=at)
    log.error("%s refused: %s", refund, failure.code)
