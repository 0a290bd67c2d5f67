"""A refund above the seller's limit: one person asks for it, another one confirms it, and only then money goes back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.invoices.models import Invoice
from apps.payments.models import PaymentOperation, Refund, RefundRequest
from apps.payments.services.driver import drive_operation
from apps.payments.services.refunds import NotRefundable, begin_refund

LIVES: Final = timedelta(days=7)
Status = RefundRequest.Status


def request_refund(
    *,
    document_id: int,
    amounts: Mapping[int, Decimal] | None,
    seen_left: Decimal,
    amount: Decimal,
    reason: str,
    by: User,
    at: datetime,
) -> RefundRequest:
    """Ask a second person for a refund; nothing is credited yet.

    amounts, seen_left  as in ``refund_document`` · amount  what would go back, gross

    :raises NotRefundable: one of this document waits already
    """
    document = Invoice.objects.get(pk=document_id)
    try:
        with transaction.atomic():
            # One that waited too long makes room.
            RefundRequest.objects.filter(document=document, status=Status.OPEN, expires_at__lte=at).update(
                status=Status.WITHDRAWN, decided_at=at
            )
            return RefundRequest.objects.create(
                document=document,
                amounts=None if amounts is None else {str(line): str(part) for line, part in amounts.items()},
                seen_left=seen_left,
                currency=document.currency,
                amount=amount,
                reason=reason.strip()[:200],
                requested_by=by,
                requested_at=at,
                expires_at=at + LIVES,
            )
    except IntegrityError as error:
        raise NotRefundable("A refund of this document waits for a second person already.") from error


def confirm_request(*, request_id: int, by: User, at: datetime) -> tuple[Refund, ...]:
    """Give back what another person asked for.

    :raises NotRefundable: it is one's own, decided, too old, or the document moved since it was asked for
    """
    operations = _confirm(request_id, by=by, at=at)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    return tuple(Refund.objects.filter(operations__in=operations).order_by("pk"))


@transaction.atomic
def _confirm(request_id: int, *, by: User, at: datetime) -> list[PaymentOperation]:
    request = _locked(request_id, by=by, at=at)
    refunds, operations = begin_refund(
        request.document_id,
        reason=request.reason,
        by=request.requested_by,
        at=at,
        amounts=None
        if request.amounts is None
        else {int(line): Decimal(part) for line, part in request.amounts.items()},
        seen_left=request.seen_left,
        confirmed_by=by,
    )
    request.credit_note_id = refunds[0].credit_note_id if refunds else None
    _decide(request, Status.CONFIRMED, by=by, at=at)
    return list(operations)


@transaction.atomic
def decline_request(*, request_id: int, reason: str, by: User, at: datetime) -> None:
    """Refuse a refund that another person asked for.

    :raises NotRefundable: it is one's own, decided, too old, or no reason is given
    """
    request = _locked(request_id, by=by, at=at)
    if not reason.strip():
        raise NotRefundable("Say why it is declined.")
    _decide(request, Status.DECLINED, by=by, at=at, reason=reason.strip()[:200])


@transaction.atomic
def withdraw_request(*, request_id: int, by: User, at: datetime) -> None:
    """Take back what one asked for oneself.

    :raises NotRefundable: somebody else asked for it, or it is decided
    """
    request: RefundRequest = RefundRequest.objects.select_for_update().get(pk=request_id)
    if request.requested_by_id != by.pk:
        raise NotRefundable("Somebody else asked for it: decline it instead.")
    if request.status != Status.OPEN:
        raise NotRefundable("It is decided already.")
    _decide(request, Status.WITHDRAWN, by=by, at=at)


def _locked(request_id: int, *, by: User, at: datetime) -> RefundRequest:
    request: RefundRequest = RefundRequest.objects.select_for_update().get(pk=request_id)
    if request.status != Status.OPEN:
        raise NotRefundable("It is decided already.")
    if request.requested_by_id == by.pk:
        raise NotRefundable("Nobody decides about their own refund. Ask somebody else who moves money.")
    if request.expires_at <= at:
        raise NotRefundable("It waited for more than a week. Ask for it again.")
    return request


def _decide(request: RefundRequest, status: RefundRequest.Status, *, by: User, at: datetime, reason: str = "") -> None:
    request.status, request.decided_by, request.decided_at, request.decision_reason = status, by, at, reason
    request.save(update_fields=["status", "decided_by", "decided_at", "decision_reason", "credit_note"])
