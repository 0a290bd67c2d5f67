"""Lay Stripe's disputes over ours and post what they move, once each, in whatever order the news comes."""

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Sum
from djmoney.money import Money

from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone
from apps.invoices.models import Invoice
from apps.ledger import services as ledger
from apps.ledger.services import Role, is_posted
from apps.payments import gateway_books
from apps.payments.domain.disputes import (
    ANSWERABLE,
    DISPUTE_ENDS,
    MONEY_AWAY,
    DisputeStatus,
    Loss,
    advance_dispute,
    dispute_fee,
    lost,
    reinstated,
    withdrawn,
)
from apps.payments.domain.postings import Lines
from apps.payments.domain.status import RefundStatus
from apps.payments.models import Dispute, FetchedBack, Payment
from apps.payments.outcomes import DisputeMovement, DisputeSnapshot, Done, Rejected, Unknown
from apps.payments.selectors import surplus_of, to_give_back
from apps.payments.services.owing import state_owed
from apps.payments.services.posting import Move, post_between
from apps.payments.services.projection import LOOKS, StrangeObject, StripeUnreachable, lock_payment
from apps.payments.services.wallets import take_away
from apps.payments.services.write_offs import document_categories, give_up

log = logging.getLogger(__name__)


def sync_dispute(*, stripe_id: str, payment_id: int, at: datetime) -> Dispute:
    """Look at a dispute and project it; the payment's version guards it against an older look.

    :raises StripeUnreachable: no answer, or too many writers at once
    """
    for _ in range(LOOKS):
        payment = Payment.objects.get(pk=payment_id)
        snapshot = look_at_dispute(stripe_id)
        with transaction.atomic():
            locked = lock_payment(payment_id)
            if locked.payment.version == payment.version:
                return project_dispute(locked.payment, snapshot, at=at)
    raise StripeUnreachable(f"{stripe_id} is being written by others")


def look_at_dispute(stripe_id: str) -> DisputeSnapshot:
    """Return a dispute as it stands at Stripe.

    :raises StripeUnreachable: no answer
    """
    match gateway_books.retrieve_dispute(stripe_id):
        case Done(value=snapshot):
            return snapshot
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


def unheard_disputes(*, since: datetime) -> list[tuple[str, int]]:
    """Return (dispute's id at Stripe, payment) of those opened since then that no event told us of.

    A debit that is known to be returned has none of ours.

    :raises StripeUnreachable: no answer
    """
    match gateway_books.list_disputes(since=since):
        case Done(value=found):
            known = set(
                Dispute.objects.filter(stripe_id__in=[each.stripe_id for each in found]).values_list(
                    "stripe_id", flat=True
                )
            )
            payments = dict(
                Payment.objects.filter(
                    stripe_id__in=[each.intent for each in found], returned_at__isnull=True
                ).values_list("stripe_id", "pk")
            )
            return [
                (each.stripe_id, payments[each.intent])
                for each in found
                if each.stripe_id not in known and each.intent in payments
            ]
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


def project_dispute(payment: Payment, snapshot: DisputeSnapshot, *, at: datetime) -> Dispute:
    """Lay a snapshot over a locked payment's dispute; what it moved is posted once.

    :raises StrangeObject: it is of another mode, currency or payment
    """
    said = (snapshot.livemode, snapshot.currency, snapshot.intent)
    if said != (payment.livemode, payment.currency, payment.stripe_id):
        raise StrangeObject(f"{snapshot.stripe_id}: {said}; ours is {payment}")
    dispute = _laid_over(payment, snapshot, at=at)
    for movement in snapshot.movements:
        _post_movement(dispute, movement, at=at)
    if dispute.status == DisputeStatus.LOST and any(movement.amount < 0 for movement in snapshot.movements):
        _post_lost(dispute, at=at)
        if payment.wallet_id is not None:
            amount = dispute.amount.amount - dispute.beyond.amount
            take_away(payment=payment, key=f"dispute:{dispute.pk}", amount=amount, reason="Lost dispute", at=at)
    if payment.wallet is not None:
        state_owed(contract_id=payment.wallet.contract_id, at=at)
    payment.version += 1
    payment.save()
    return dispute


def _laid_over(payment: Payment, snapshot: DisputeSnapshot, *, at: datetime) -> Dispute:
    dispute: Dispute | None = payment.disputes.select_for_update().filter(stripe_id=snapshot.stripe_id).first()
    is_new = dispute is None
    if dispute is None:
        dispute = Dispute(
            payment=payment,
            stripe_id=snapshot.stripe_id,
            currency=snapshot.currency,
            opened_at=snapshot.opened_at,
            status=snapshot.status,
        )
    dispute.status = advance_dispute(DisputeStatus(dispute.status), snapshot.status)
    # What a lost dispute took is in the books; how it is split stays.
    if dispute.closed_at is None:
        dispute.amount = Money(snapshot.amount, snapshot.currency)
        dispute.beyond = Money(_beyond(payment, snapshot), snapshot.currency)
    dispute.reason = snapshot.reason[:60]
    dispute.due_by = snapshot.due_by
    if snapshot.is_submitted and dispute.submitted_at is None:
        dispute.submitted_at = at
    if dispute.status in DISPUTE_ENDS:
        dispute.closed_at = dispute.closed_at or at
    dispute.synced_at = at
    dispute.save()
    if is_new:
        log.error("%s is disputed (%s): %s", payment, dispute.reason, dispute.amount)
        if dispute.status in ANSWERABLE:
            ring_on_commit("dispute.opened", id=dispute.pk)
    return dispute


def _beyond(payment: Payment, snapshot: DisputeSnapshot) -> Decimal:
    """Return what a dispute takes beyond what the payment brought and did not give back."""
    refunded = payment.refunds.filter(status__in=[RefundStatus.PENDING, RefundStatus.SUCCEEDED])
    others = payment.disputes.filter(status__in=[s.value for s in MONEY_AWAY]).exclude(stripe_id=snapshot.stripe_id)
    away = sum((other.amount.amount - other.beyond.amount for other in others), Decimal(0))
    return max(snapshot.amount - max(payment.amount_received.amount - _sum(refunded) - away, Decimal(0)), Decimal(0))


def _post_movement(dispute: Dispute, movement: DisputeMovement, *, at: datetime) -> None:
    """Post a withdrawal or a reinstatement in the charge's currency, its fee in the one it settles in."""
    is_settled_in_kind = movement.currency == dispute.currency
    amount = abs(movement.amount) if is_settled_in_kind else dispute.amount.amount
    if movement.amount < 0:
        _post(dispute, "withdrawn", withdrawn(amount), text="Withdrawn", at=at)
        fee_word = "fee"
    else:
        _post(dispute, "reinstated", reinstated(amount), text="Reinstated", at=at)
        fee_word = "reinstated_fee"
    if movement.fee:
        _post(dispute, fee_word, dispute_fee(movement.fee), text="Fee", currency=movement.currency, at=at)


def _post(dispute: Dispute, word: str, lines: Lines, *, text: str, at: datetime, currency: str = "") -> None:
    """Post what moved at Stripe in the books of whoever collects there."""
    payment = dispute.payment
    entity = payment.collector or payment.seller
    today = at.astimezone(zone(entity.time_zone)).date()
    ledger.post(
        entity_id=entity.pk,
        key=f"dispute:{dispute.pk}:{word}",
        posted_on=today,
        tax_date=today,
        text=_text(dispute, text),
        lines=lines,
        currency=currency or dispute.currency,
        at=at,
    )


def _post_lost(dispute: Dispute, *, at: datetime) -> None:
    """Post a loss, once: it is the seller's, who supplied; where a platform collects, less is due to the owner.

    What was taken of documents is open again and at once given up, so that a credit note or a payment that comes
    after all finds it like any other write-off.
    """
    payment = dispute.payment
    if is_posted(entity_id=payment.seller_id, key=f"dispute:{dispute.pk}:lost"):
        return
    fetched = {} if payment.wallet_id is not None else _fetched(dispute)
    _post_taken(dispute, lost(_loss(dispute, fetched)), at=at)
    for invoice_id, amount in fetched.items():
        FetchedBack.objects.create(
            dispute=dispute, invoice_id=invoice_id, currency=dispute.currency, amount=amount, fetched_at=at
        )
        if invoice_id is not None:
            document = Invoice.objects.get(pk=invoice_id)
            give_up(document=document, at_most=amount, reason=f"Lost dispute {dispute.stripe_id}", at=at)
            ring_on_commit("invoice.settled", id=invoice_id)


def _post_taken(dispute: Dispute, lines: Lines, *, at: datetime) -> None:
    payment = dispute.payment
    if payment.collector is None:
        _post(dispute, "lost", lines, text="Lost", at=at)
        return
    post_between(
        platform=payment.collector,
        owner=payment.seller,
        key=f"dispute:{dispute.pk}:lost",
        text=_text(dispute, "Lost"),
        move=Move(
            amount=dispute.amount.amount,
            platform_role=Role.DISPUTED,
            owner_lines=tuple(line for line in lines if line.role != Role.DISPUTED),
        ),
        currency=dispute.currency,
        at=at,
    )


def _text(dispute: Dispute, what: str) -> str:
    return f"{what}, {dispute.stripe_id} of {dispute.payment}"[:200]


def _fetched(dispute: Dispute) -> dict[int | None, Decimal]:
    """Return what a dispute took of each document that its payment had settled, and of a surplus (None).

    What the customer was to have anyway goes first: who takes a part of their money back takes what is theirs, before
    anything is a bad debt. A document is never lost beyond what it still charges.
    """
    payment, left = dispute.payment, dispute.amount.amount - dispute.beyond.amount
    asked = payment.refunds.filter(invoice__isnull=True, status=RefundStatus.REQUESTED)
    theirs: dict[int | None, Decimal] = {None: surplus_of(payment) + _sum(asked)}
    charged: dict[int | None, Decimal] = {}
    for invoice_id, paid in _settled(payment).items():
        document = Invoice.objects.get(pk=invoice_id)
        given = payment.refunds.filter(invoice=document, status__in=[RefundStatus.PENDING, RefundStatus.SUCCEEDED])
        there = paid - _sum(given) - _sum(FetchedBack.objects.filter(dispute__payment=payment, invoice=document))
        theirs[invoice_id] = min(there, to_give_back(document, gone=payment))
        value = sum((category.gross for category in document_categories(document)), Decimal(0))
        charged[invoice_id] = min(there - theirs[invoice_id], max(value, Decimal(0)))
    fetched: dict[int | None, Decimal] = {}
    for part_of_each in (theirs, charged):
        for document_id, amount in part_of_each.items():
            if (part := min(left, amount)) > 0:
                fetched[document_id] = fetched.get(document_id, Decimal(0)) + part
                left -= part
    return fetched


def _loss(dispute: Dispute, fetched: Mapping[int | None, Decimal]) -> Loss:
    """Part what a dispute lost into what its customer owes or was to have, fees, and what nothing stands behind."""
    payment, beyond = dispute.payment, dispute.beyond.amount
    if payment.wallet_id is not None:
        # Its wallet pays for it, as far as it can; the rest is owed.
        return Loss(fees=Decimal(0), owed=dispute.amount.amount - beyond, beyond=beyond)
    owed = sum(fetched.values(), Decimal(0))
    left = dispute.amount.amount - beyond - owed
    fees = min(left, _sum(payment.fee_allocations.all()))
    return Loss(fees=fees, owed=owed, beyond=beyond + left - fees)


def _settled(payment: Payment) -> dict[int, Decimal]:
    """Return how much of each document a payment settles."""
    rows = payment.allocations.order_by("invoice").values("invoice").annotate(sum=Sum("amount"))
    return {row["invoice"]: row["sum"] for row in rows}


def _sum(rows: QuerySet[Any]) -> Decimal:
    return Decimal(rows.aggregate(sum=Sum("amount"))["sum"] or 0)
