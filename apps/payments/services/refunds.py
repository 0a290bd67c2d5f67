"""Give money back: a credit note for what is not owed after all, a refund for what is too much, reversing journals.

What is given back is what was paid beyond what is still owed, so a document that was paid in part only, or twice,
comes out right by the same rule: paid 8.00 of 10.00, credited 3.00 → owed 7.00 → 1.00 goes back.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Q, Sum

from apps.accounts.models import User
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_amounts, credit_invoice, creditable_lines, lock_creditable
from apps.invoices.services.documents import lock_document
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.disputes import MONEY_AWAY, UNDECIDED
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    UNFINISHED,
    AttemptStatus,
    OperationKind,
    RefundStatus,
)
from apps.payments.giving_back import refundable_ids
from apps.payments.models import FetchedBack, Payment, PaymentAttempt, PaymentOperation, Refund
from apps.payments.outcomes import Reference
from apps.payments.refund_limits import needs_second_person
from apps.payments.selectors import surplus_of, to_give_back
from apps.payments.services.allocating import give_back_surplus
from apps.payments.services.driver import drive_operation
from apps.payments.services.operations import request_operation
from apps.payments.services.write_offs import bring_back
from apps.payments.wallets import wallet_of

log = logging.getLogger(__name__)

PAID_TWICE: Final = "More was paid than was open."


class NotRefundable(Exception):
    """The document cannot be given back now; the message says why, and nothing was changed."""


class NeedsSecondPerson(NotRefundable):
    """It is more than the person may give back alone (``refund_limits``); ``amount`` is what would go back, gross."""

    def __init__(self, amount: Decimal) -> None:
        super().__init__("It is more than one person gives back alone: somebody else has to confirm it.")
        self.amount = amount


def refund_document(
    *,
    document_id: int,
    reason: str,
    by: User | None,
    at: datetime,
    amounts: Mapping[int, Decimal] | None = None,
    seen_left: Decimal | None = None,
) -> tuple[Refund, ...]:
    """Take an invoice or receipt back, whole or in part, and give back at Stripe what was paid too much for it.

    A refund is posted (receivable against clearing) when Stripe says that it succeeded. Asking again for all of it
    changes nothing; after a refund that failed it asks for another. Empty where nothing was paid too much: the credit
    note alone settles the document. What was paid otherwise than by card is left to a person, and said so in the log.

    amounts    line → how much, as the document states its lines (net or gross); None: all that is left
    seen_left  what was left to be credited, as stated, when the person decided; so a second click is no second refund

    :raises NotRefundable: a payment of it is not finished, or it was credited since the person saw it
    :raises NeedsSecondPerson: it is more than ``by`` may give back alone
    :raises NotCreditable: it is no issued invoice or receipt, there is not so much left, or the reason is empty
    """
    refunds, operations = begin_refund(document_id, reason=reason, by=by, at=at, amounts=amounts, seen_left=seen_left)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    return tuple(Refund.objects.filter(pk__in=[refund.pk for refund in refunds]).order_by("pk"))


def refund_surplus(*, payment_id: int, at: datetime) -> Refund | None:
    """Give back what a payment brought beyond what was open, as when somebody paid by two ways; once."""
    operation = _begin_surplus(payment_id, at=at)
    if operation is None:
        return None
    drive_operation(operation_id=operation.pk, at=at)
    assert operation.refund is not None
    operation.refund.refresh_from_db()
    return operation.refund


def refund_credited(*, invoice_id: int, at: datetime, by: User | None = None) -> tuple[Refund, ...]:
    """Give back to card or account what it paid for a customer's invoice that was credited since, as by a billing run.

    What is billed anew is charged anew: the refund is of what was taken for the old document. Money that came by bank
    becomes the customer's credit first. Repeated, by bell and sweep at once or killed in between, it is one refund.
    Nothing is done while something of it is under way, where its bank is asked for the money, or, by itself, where a
    refund of it came back. For a credit note the invoice it credits is meant.

    by  who asks again after a refund came back; None: the system
    """
    operations = _begin_credited(invoice_id, by=by, at=at)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    return tuple(Refund.objects.filter(operations__in=operations).order_by("pk"))


Begun = tuple[Sequence[Refund], Sequence[PaymentOperation]]
"""Refunds written down, and the calls that make them."""


@transaction.atomic
def begin_refund(
    document_id: int,
    *,
    reason: str,
    by: User | None,
    at: datetime,
    amounts: Mapping[int, Decimal] | None,
    seen_left: Decimal | None,
    confirmed_by: User | None = None,
) -> Begun:
    """Write the credit note and the refunds down, without a call; see ``refund_document``.

    confirmed_by  who took on themselves that it is above the limit; None: nobody
    """
    attempt = _lock_attempt(document_id)
    document = lock_creditable(document_id, reason=reason)
    if document.kind == Invoice.Kind.TOP_UP:
        raise NotRefundable("Give it back from its wallet: what is left of it is known there.")
    payments = _lock_payments(document, attempt)
    left = sum((each.left.stated for each in creditable_lines(document)), start=Decimal(0))
    if seen_left is not None and left != seen_left:
        raise NotRefundable("The document was credited meanwhile. Look at what is left of it.")
    _check_finished(attempt, payments, is_asking_more=left > 0 or to_give_back(document) > 0)
    for payment in payments:
        check_undisputed(payment)
    if amounts is None:
        note = credit_invoice(invoice_id=document_id, reason=reason, at=at, by=by)
    else:
        note = credit_amounts(invoice_id=document_id, amounts=amounts, reason=reason, at=at, by=by)
    refunds = list(_refunds(document, note, payments, reason=reason, by=by, confirmed_by=confirmed_by, at=at))
    if confirmed_by is None and needs_second_person(
        seller=document.seller, refunds=refunds, same=Q(invoice=document), by=by, at=at
    ):
        raise NeedsSecondPerson(sum((refund.amount.amount for refund in refunds), start=Decimal(0)))
    if not refunds and not left:
        latest = Refund.objects.filter(invoice=document_id).first()
        return [latest] if latest else [], list(_waiting(payments))
    return refunds, [ask_for(refund, at=at) for refund in refunds]


def _lock_attempt(document_id: int) -> PaymentAttempt | None:
    """Lock the attempt whose hold paid for a document, or for the receipt in whose stead it stands."""
    attempt: PaymentAttempt | None = (
        PaymentAttempt.objects.select_for_update()
        .filter(Q(receipt=document_id) | Q(receipt__in=Invoice.objects.filter(pk=document_id).values("replaces")))
        .first()
    )
    return attempt


def _lock_payments(document: Invoice, attempt: PaymentAttempt | None) -> list[Payment]:
    """Lock whatever pays for a document, in order."""
    paying = Payment.objects.filter(Q(invoice=document) | Q(allocations__invoice=document) | Q(attempt=attempt or 0))
    return list(Payment.objects.select_for_update().filter(pk__in=paying.values("pk")).order_by("pk"))


def check_undisputed(payment: Payment) -> None:
    """Refuse to give back what the customer's bank has taken and may let us keep. What it took for good is known.

    :raises NotRefundable: see there
    """
    disputed = payment.disputes.values_list("status", flat=True)
    if any(status in UNDECIDED for status in disputed):
        raise NotRefundable("The payment is disputed. Wait for the bank to decide; it has taken the money meanwhile.")


def _waiting(payments: Sequence[Payment]) -> Iterator[PaymentOperation]:
    yield from PaymentOperation.objects.filter(payment__in=payments, status__in=UNFINISHED).order_by("pk")


def _check_finished(attempt: PaymentAttempt | None, payments: Sequence[Payment], *, is_asking_more: bool) -> None:
    """Refuse while it is not known what was paid; a refund that is under way only hinders another one.

    :raises NotRefundable: see there
    """
    busy = "The payment is being finalised. Try again in a minute."
    if attempt is not None and attempt.status not in ATTEMPT_ENDS | {AttemptStatus.CAPTURE_FAILED}:
        raise NotRefundable(busy)
    waiting = {operation.kind for operation in _waiting(payments)}
    if waiting - {OperationKind.CREATE_REFUND}:
        raise NotRefundable(busy)
    if waiting and is_asking_more:
        raise NotRefundable("A refund is under way. Try again in a minute.")


def _refunds(
    document: Invoice,
    note: Invoice,
    payments: Sequence[Payment],
    *,
    reason: str,
    by: User | None,
    confirmed_by: User | None,
    at: datetime,
) -> Iterator[Refund]:
    """Write the refunds down, the latest payment first, of each at most what it settles of the document.

    What a lost dispute had taken was given up: the credit note brings that back, before anything is given back.
    """
    bring_back(document=document, at=at)
    left = to_give_back(document)
    for payment in reversed(payments):
        amount = min(left, _returnable(payment, document))
        if amount <= 0:
            continue
        left -= amount
        yield Refund.objects.create(
            payment=payment,
            invoice=document,
            credit_note=note,
            currency=payment.currency,
            amount=amount,
            reason=reason.strip()[:200],
            requested_by=by,
            confirmed_by=confirmed_by,
            requested_at=at,
        )
    if left and (document.contract is None or wallet_of(document.contract.pk) is None):
        log.error("%s %s of %s were not paid by card and are to be given back by hand", left, note.currency, document)


def _returnable(payment: Payment, document: Invoice) -> Decimal:
    """Return how much of what a payment settles of a document can go back at Stripe; what failed is still there."""
    if payment.stripe_id is None:
        return Decimal(0)
    settled = payment.allocations.filter(invoice=document).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    given = payment.refunds.filter(invoice=document).exclude(status=RefundStatus.FAILED)
    fetched = FetchedBack.objects.filter(dispute__payment=payment, invoice=document)
    gone = sum((rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0) for rows in (given, fetched)), Decimal(0))
    return Decimal(settled - gone)


def ask_for(refund: Refund, *, at: datetime) -> PaymentOperation:
    """Write down the call that gives a refund's money back; its payment is locked by the caller."""
    payment = refund.payment
    number = {} if refund.credit_note is None else {Reference.INVOICE: refund.credit_note.number}
    return request_operation(
        kind=OperationKind.CREATE_REFUND,
        customer=payment.customer,
        params={
            "payment_intent": payment.stripe_id,
            "amount": to_stripe(refund.amount.amount, currency=refund.currency),
            "metadata": {Reference.REFUND: str(refund.uid), **number},
        },
        payment=payment,
        refund=refund,
        at=at,
    )


@transaction.atomic
def _begin_credited(invoice_id: int, *, by: User | None, at: datetime) -> list[PaymentOperation]:
    given = Invoice.objects.get(pk=invoice_id)
    document_id = given.credits_id or given.pk
    candidate, is_repeat = Invoice.objects.filter(pk=document_id), by is not None
    if not refundable_ids(candidate, after_failure=is_repeat):
        return []
    document = lock_document(document_id)
    give_back_surplus(document=document, at=at)
    payments = _lock_payments(document, None)
    # Again, for whoever was here at the same moment has written down what goes back.
    if not refundable_ids(candidate, after_failure=is_repeat):
        return []
    note = document.credit_notes.latest("pk")
    refunds = list(_refunds(document, note, payments, reason=note.reason, by=by, confirmed_by=None, at=at))
    return [ask_for(refund, at=at) for refund in refunds]


@transaction.atomic
def _begin_surplus(payment_id: int, *, at: datetime) -> PaymentOperation | None:
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    waiting: PaymentOperation | None = payment.operations.filter(status__in=UNFINISHED).first()
    came_back = payment.refunds.filter(origin=Refund.Origin.SURPLUS, status=RefundStatus.FAILED)
    if waiting is not None or payment.stripe_id is None or came_back.exists() or _waits_for_receipt(payment):
        return None
    if payment.wallet_id is not None:
        return None
    if payment.disputes.filter(status__in=[status.value for status in MONEY_AWAY]).exists():
        return None
    amount = surplus_of(payment)
    if amount <= 0:
        return None
    refund = Refund.objects.create(
        payment=payment,
        origin=Refund.Origin.SURPLUS,
        currency=payment.currency,
        amount=amount,
        reason=PAID_TWICE,
        requested_at=at,
    )
    return ask_for(refund, at=at)


def _waits_for_receipt(payment: Payment) -> bool:
    return payment.attempt is not None and payment.attempt.receipt_id is None
