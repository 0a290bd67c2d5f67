"""The life of an operation row: asked for, claimed for one attempt, postponed, ended. No network here.

The row is the truth and its ``next_try_at`` the alarm: whoever drives it moves the alarm on first, in a transaction of
its own, so that two never drive at once and a killed one is taken up again.
"""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.contracts.models import Customer
from apps.payments import gateway
from apps.payments.domain.retries import needs_alert, pause_after
from apps.payments.domain.status import UNFINISHED, OperationKind, OperationStatus, advance_operation
from apps.payments.models import Dispute, Payment, PaymentOperation, Refund, SavedMethod, Transfer
from apps.payments.outcomes import Next, Unknown

log = logging.getLogger(__name__)


class WrongMode(Exception):
    """Our key is live and the row is test, or the other way round; they never mix."""


def request_operation(
    *,
    kind: OperationKind,
    params: Mapping[str, Any],
    at: datetime,
    customer: Customer | None = None,
    payment: Payment | None = None,
    method: SavedMethod | None = None,
    refund: Refund | None = None,
    transfer: Transfer | None = None,
    dispute: Dispute | None = None,
    retry_of: PaymentOperation | None = None,
) -> PaymentOperation:
    """Write down a call to be made, due at once, under a new idempotency key. The caller holds the parent's lock.

    params    what will be sent, for ever the same under this key; amounts in Stripe's minor units
    customer  of whom the call is; None for a driver's hold
    """
    parent = payment or customer
    if transfer is not None:
        # A transfer is the platform's, whose Stripe account it leaves.
        seller_id = transfer.platform_id
    else:
        assert parent is not None, "a call is about a payment, a customer or a transfer"
        seller_id = parent.seller_id
    return PaymentOperation.objects.create(
        seller_id=seller_id,
        customer=customer,
        payment=payment,
        method=method,
        refund=refund,
        transfer=transfer,
        dispute=dispute,
        kind=kind,
        # Random, not built from our ids: a database restored from a backup must not meet keys of its lost future.
        idempotency_key=f"wl-{uuid.uuid4()}",
        params=dict(params),
        livemode=gateway.livemode(),
        charge_before=payment.latest_charge if payment else "",
        retry_of=retry_of,
        created_at=at,
        next_try_at=at,
    )


@transaction.atomic
def claim_operation(*, operation_id: int, at: datetime) -> PaymentOperation | None:
    """Take an operation for one attempt, or return None: it has ended, or is not due (someone else may be at it).

    :raises WrongMode: it belongs to the other mode
    """
    operation = PaymentOperation.objects.select_for_update().get(pk=operation_id)
    if operation.livemode != gateway.livemode():
        raise WrongMode(f"{operation} belongs to {'live' if operation.livemode else 'test'} mode")
    if operation.next_try_at is None or operation.next_try_at > at:
        return None
    operation.attempts += 1
    operation.first_sent_at = operation.first_sent_at or at
    operation.next_try_at = at + pause_after(operation.attempts)
    operation.save(update_fields=["attempts", "first_sent_at", "next_try_at"])
    return operation


@transaction.atomic
def postpone_operation(*, operation_id: int, unknown: Unknown, at: datetime) -> None:
    """Write down that an attempt settled nothing, and when the next is due."""
    operation = PaymentOperation.objects.select_for_update().get(pk=operation_id)
    if operation.status not in UNFINISHED:
        return
    is_busy = unknown.then == Next.LATER
    if not is_busy:
        operation.status = advance_operation(OperationStatus(operation.status), OperationStatus.UNKNOWN)
    operation.is_look_first = operation.is_look_first or unknown.then == Next.LOOK
    operation.next_try_at = at + pause_after(operation.attempts, is_busy=is_busy)
    operation.error = unknown.reason[:500]
    operation.save(update_fields=["status", "is_look_first", "next_try_at", "error"])
    level = logging.ERROR if needs_alert(operation.attempts) else logging.WARNING
    log.log(level, "%s not settled after %s attempts: %s", operation, operation.attempts, unknown.reason)


def end_operation(operation: PaymentOperation, *, status: OperationStatus, at: datetime, error: str = "") -> None:
    """End a locked operation as done or rejected; its row is frozen from here on."""
    operation.status = advance_operation(OperationStatus(operation.status), status)
    operation.next_try_at = None
    operation.ended_at = at
    operation.error = error[:500]
    operation.save(update_fields=["status", "next_try_at", "ended_at", "error"])


def retry_with_next_key(operation: PaymentOperation, *, at: datetime) -> PaymentOperation:
    """End a locked operation that provably did nothing, and write down the same call under the next key."""
    end_operation(operation, status=OperationStatus.REJECTED, at=at, error="nothing was done under this key")
    return request_operation(
        kind=OperationKind(operation.kind),
        customer=operation.customer,
        params=operation.params,
        at=at,
        payment=operation.payment,
        method=operation.method,
        refund=operation.refund,
        transfer=operation.transfer,
        dispute=operation.dispute,
        retry_of=operation,
    )
