"""Send an owner's part of a collected payment to its connected account, and fetch it back.

A transfer is one call under the rule for every money call; its row says what came of it. One that Stripe refuses is
failed and moves nothing: the money stays due to the owner, and the next statement pays it out.
"""

import logging
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.ledger.services import PostingLine, Role
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.status import (
    UNFINISHED,
    OperationKind,
    OperationStatus,
    RefundStatus,
    TransferStatus,
    advance_transfer,
)
from apps.payments.models import Payment, PaymentOperation, Refund, Transfer
from apps.payments.outcomes import Done, Reference, Rejected, TransferSnapshot
from apps.payments.services.calls import NotDone
from apps.payments.services.operations import end_operation, request_operation, retry_with_next_key
from apps.payments.services.posting import Move, post_between

log = logging.getLogger(__name__)


@transaction.atomic
def request_transfer(
    *, payment_id: int, destination: str, amount: Decimal, at: datetime
) -> tuple[Transfer, PaymentOperation | None]:
    """Write down that so much of a received payment goes to the owner's account; asking again returns the first.

    Returns the transfer and the call to drive; no call when the transfer was asked for before.
    """
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    first: Transfer | None = payment.transfers.filter(reverses__isnull=True).order_by("-pk").first()
    if first is not None:
        return first, None
    transfer = Transfer.objects.create(
        payment=payment,
        platform_id=payment.collector_id,
        owner_id=payment.seller_id,
        destination=destination,
        currency=payment.currency,
        amount=amount,
        requested_at=at,
    )
    operation = request_operation(
        kind=OperationKind.CREATE_TRANSFER,
        params={
            "amount": to_stripe(amount, currency=payment.currency),
            "currency": payment.currency.lower(),
            "destination": destination,
            "source_transaction": payment.latest_charge,
            "metadata": {Reference.TRANSFER: str(transfer.uid), Reference.PAYMENT: str(payment.uid)},
        },
        transfer=transfer,
        at=at,
    )
    return transfer, operation


@transaction.atomic
def request_reversal(*, refund_id: int, amount: Decimal, at: datetime) -> PaymentOperation | None:
    """Write down that so much of the owner's part is fetched back for a refund; None when it was, or nothing went."""
    refund = Refund.objects.get(pk=refund_id)
    payment = Payment.objects.select_for_update().get(pk=refund.payment_id)
    transfer = payment.transfers.filter(reverses__isnull=True, status=TransferStatus.SUCCEEDED).first()
    if transfer is None or refund.status != RefundStatus.SUCCEEDED or transfer.reversals.filter(refund=refund).exists():
        return None
    reversal = Transfer.objects.create(
        payment=payment,
        platform_id=transfer.platform_id,
        owner_id=transfer.owner_id,
        reverses=transfer,
        refund=refund,
        destination=transfer.destination,
        currency=transfer.currency,
        amount=amount,
        requested_at=at,
    )
    return request_operation(
        kind=OperationKind.REVERSE_TRANSFER,
        params={
            "amount": to_stripe(amount, currency=transfer.currency),
            "metadata": {Reference.TRANSFER: str(reversal.uid), Reference.REFUND: str(refund.uid)},
        },
        transfer=reversal,
        at=at,
    )


@transaction.atomic
def settle_transfer(
    operation: PaymentOperation, answer: Done[TransferSnapshot] | Rejected | NotDone, *, at: datetime
) -> PaymentOperation | None:
    """Store what a call came to and post what moved, in both books or in none; return the call that follows."""
    assert operation.transfer_id is not None
    transfer = Transfer.objects.select_for_update().get(pk=operation.transfer_id)
    locked = PaymentOperation.objects.select_for_update().get(pk=operation.pk)
    if locked.status not in UNFINISHED:
        return None
    if isinstance(answer, NotDone):
        return retry_with_next_key(locked, at=at)
    if isinstance(answer, Done):
        _succeed(transfer, answer.value, at=at)
        end_operation(locked, status=OperationStatus.DONE, at=at)
        return None
    transfer.status = advance_transfer(TransferStatus(transfer.status), TransferStatus.FAILED)
    transfer.failed_at, transfer.failure_message = at, answer.message[:300]
    transfer.save()
    end_operation(locked, status=OperationStatus.REJECTED, at=at, error=answer.message)
    log.error("%s refused: %s; the money stays due to the owner", transfer, answer.message)
    return None


def _succeed(transfer: Transfer, snapshot: TransferSnapshot, *, at: datetime) -> None:
    transfer.status = advance_transfer(TransferStatus(transfer.status), TransferStatus.SUCCEEDED)
    transfer.stripe_id, transfer.succeeded_at = snapshot.stripe_id, at
    transfer.save()
    amount = transfer.amount.amount if transfer.reverses_id is None else -transfer.amount.amount
    post_between(
        platform=transfer.platform,
        owner=transfer.owner,
        key=f"transfer:{transfer.pk}:made",
        text=f"{'Reversal' if transfer.reverses_id else 'Transfer'} {snapshot.stripe_id}",
        # What the owner gets, it has in an account of its own at Stripe.
        move=Move(
            amount=amount,
            platform_role=Role.STRIPE_CLEARING,
            owner_lines=(PostingLine(role=Role.STRIPE_CLEARING, amount=amount),),
        ),
        currency=transfer.currency,
        at=at,
    )
