"""Answer a dispute: our facts put together, edited by a person, submitted once."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.payments.domain.disputes import ANSWERABLE
from apps.payments.domain.evidence import cleaned, compose
from apps.payments.domain.status import UNFINISHED, OperationKind
from apps.payments.evidence import charge_told
from apps.payments.models import Dispute, PaymentOperation
from apps.payments.services.driver import drive_operation
from apps.payments.services.operations import request_operation
from apps.payments.services.projection import lock_payment


class NotAnswerable(Exception):
    """The bank takes no such answer now; the message says why, and nothing was changed."""


@transaction.atomic
def prepare_evidence(*, dispute_id: int, at: datetime) -> Dispute:
    """Put together what we know of a disputed charge; what a person or an earlier run has written is left alone."""
    dispute = _lock(dispute_id)
    if dispute.prepared_at is None and dispute.is_answerable:
        dispute.set_evidence(compose(charge_told(dispute)), at=at)
        dispute.save(update_fields=["evidence", "prepared_at"])
    return dispute


@transaction.atomic
def edit_evidence(*, dispute_id: int, texts: Mapping[str, str], by: User, at: datetime) -> Dispute:
    """Replace the texts by a person's.

    :raises NotAnswerable: it was submitted, or the bank waits for no answer
    """
    dispute = _lock(dispute_id)
    _check_answerable(dispute, at=at)
    dispute.set_evidence(cleaned(texts), at=at)
    dispute.edited_by = by
    dispute.save(update_fields=["evidence", "prepared_at", "edited_by"])
    return dispute


def submit_evidence(*, dispute_id: int, at: datetime) -> Dispute:
    """Send the texts to the bank, which takes them once. Without an answer of Stripe's the janitor goes on.

    :raises NotAnswerable: it was submitted, nothing is written, or the bank waits for no answer
    """
    operation = _begin(dispute_id, at=at)
    drive_operation(operation_id=operation.pk, at=at)
    dispute: Dispute = Dispute.objects.get(pk=dispute_id)
    return dispute


@transaction.atomic
def _begin(dispute_id: int, *, at: datetime) -> PaymentOperation:
    """Ask for the call, or find the one that waits."""
    dispute = _lock(dispute_id)
    waiting: PaymentOperation | None = dispute.operations.filter(status__in=UNFINISHED).first()
    if waiting is not None:
        return waiting
    _check_answerable(dispute, at=at)
    if not dispute.evidence:
        raise NotAnswerable("There is nothing written yet to send to the bank.")
    if dispute.payment.operations.filter(status__in=UNFINISHED).exists():
        raise NotAnswerable("Another call about this payment is under way. Try again in a minute.")
    return request_operation(
        kind=OperationKind.UPDATE_DISPUTE,
        customer=dispute.payment.customer,
        params={"evidence": dispute.evidence, "submit": True},
        payment=dispute.payment,
        dispute=dispute,
        at=at,
    )


def _lock(dispute_id: int) -> Dispute:
    """Lock a dispute behind its payment, in the house's order."""
    payment_id = Dispute.objects.values_list("payment_id", flat=True).get(pk=dispute_id)
    lock_payment(payment_id)
    dispute: Dispute = (
        Dispute.objects.select_for_update(of=("self",))
        .select_related("payment__attempt", "payment__invoice", "payment__customer", "payment__seller")
        .get(pk=dispute_id)
    )
    return dispute


def _check_answerable(dispute: Dispute, *, at: datetime) -> None:
    if dispute.submitted_at is not None:
        raise NotAnswerable("The answer went to the bank already; it takes one only.")
    if dispute.operations.filter(status__in=UNFINISHED).exists():
        raise NotAnswerable("The answer is on its way to the bank.")
    if dispute.status not in ANSWERABLE:
        raise NotAnswerable(f"The bank waits for no answer: the dispute is {dispute.get_status_display()}.")
    if dispute.due_by is not None and dispute.due_by <= at:
        raise NotAnswerable("The bank's deadline has passed.")
