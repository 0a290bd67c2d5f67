"""A refund above the seller's limit: one person asks for it, another one confirms it, and only then money goes back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.invoices.models import Invoice
from apps.payments.models import PaymentOperation, Refund, RefundRequest, Wallet
from apps.payments.services.driver import drive_operation
from apps.payments.services.refunds import NotRefundable, begin_refund
from apps.payments.services.wallet_refunds import begin_wallet_refund

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
    lines = None if amounts is None else {str(line): str(part) for line, part in amounts.items()}
    told = {"seller_id": document.seller_id, "currency": document.currency, "amounts": lines}
    return _ask({"document": document}, seen_left=seen_left, amount=amount, reason=reason, by=by, at=at, **told)


def request_wallet_refund(
    *, wallet_id: int, seen: Decimal, amount: Decimal, reason: str, by: User, at: datetime
) -> RefundRequest:
    """Ask a second person for what is left in a wallet; it stays there until then.

    seen  as in ``refund_wallet`` · amount  what would go back to cards

    :raises NotRefundable: one of this wallet waits already
    """
    wallet = Wallet.objects.select_related("contract").get(pk=wallet_id)
    told = {"seller_id": wallet.contract.seller_id, "currency": wallet.currency}
    return _ask({"wallet": wallet}, seen_left=seen, amount=amount, reason=reason, by=by, at=at, **told)


def _ask(of: dict[str, Any], *, reason: str, by: User, at: datetime, **told: Any) -> RefundRequest:
    try:
        with transaction.atomic():
            # One that waited too long makes room.
            RefundRequest.objects.filter(**of, status=Status.OPEN, expires_at__lte=at).update(
                status=Status.WITHDRAWN, decided_at=at
            )
            made: RefundRequest = RefundRequest.objects.create(
                **of,
                **told,
                reason=reason.strip()[:200],
                requested_by=by,
                requested_at=at,
                expires_at=at + LIVES,
            )
    except IntegrityError as error:
        raise NotRefundable("A refund of it waits for a second person already.") from error
    return made


def confirm_request(*, request_id: int, by: User, at: datetime) -> tuple[Refund, ...]:
    """Give back what another person asked for.

    :raises NotRefundable: it is one's own, decided, too old, or the document or wallet moved since it was asked for
    """
    operations = _confirm(request_id, by=by, at=at)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    return tuple(Refund.objects.filter(operations__in=operations).order_by("pk"))


@transaction.atomic
def _confirm(request_id: int, *, by: User, at: datetime) -> list[PaymentOperation]:
    request = _locked(request_id, by=by, at=at)
    operations = _begin(request, confirmed_by=by, at=at)
    _decide(request, Status.CONFIRMED, by=by, at=at)
    return operations


def _begin(request: RefundRequest, *, confirmed_by: User, at: datetime) -> list[PaymentOperation]:
    told: dict[str, Any] = {
        "reason": request.reason,
        "by": request.requested_by,
        "at": at,
        "confirmed_by": confirmed_by,
    }
    if request.wallet_id is not None:
        operations, _ = begin_wallet_refund(request.wallet_id, seen=request.seen_left, **told)
        return operations
    lines = request.amounts
    amounts = None if lines is None else {int(line): Decimal(part) for line, part in lines.items()}
    assert request.document_id is not None, "a request is of a document or a wallet"
    refunds, calls = begin_refund(request.document_id, amounts=amounts, seen_left=request.seen_left, **told)
    request.credit_note_id = refunds[0].credit_note_id if refunds else None
    return list(calls)


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
