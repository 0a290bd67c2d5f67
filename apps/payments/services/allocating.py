"""Let money settle documents, and take that back. The only writer of allocations.

Locks go document first, then what the money is of. A document is settled for what it is open for and for what was
written off of it: money that comes after all brings a write-off back.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from apps.accounts.models import User
from apps.core.bells import ring_on_commit
from apps.invoices.models import Invoice
from apps.payments.credit import free_receipts, left_of, not_taken_back_from
from apps.payments.models import Allocation, BankReceipt, Payment
from apps.payments.selectors import open_amount, owed_now, surplus_of, written_off_amount
from apps.payments.services.write_offs import bring_back


class NotAllocatable(Exception):
    """The money cannot settle that, or be taken back; the message says why, and nothing was changed."""


def allocate(
    *,
    source: Payment | BankReceipt,
    document: Invoice,
    at: datetime,
    at_most: Decimal | None = None,
    by: User | None = None,
) -> Allocation | None:
    """Let what is left of a source settle what a document is open for; None where there is nothing of either.

    source, document  locked by the caller, document first · at_most: no more than so much · by  None: the system
    """
    unsettled = open_amount(document) + written_off_amount(document)
    left = surplus_of(source) if isinstance(source, Payment) else left_of(source)
    amount = min(left, unsettled, unsettled if at_most is None else at_most)
    if amount <= 0:
        return None
    allocation: Allocation = Allocation.objects.create(
        **{"payment" if isinstance(source, Payment) else "bank_receipt": source},
        invoice=document,
        currency=document.currency,
        amount=amount,
        decided_by=by,
        allocated_at=at,
    )
    bring_back(document=document, at=at)
    return allocation


def settle_from_credit(*, document: Invoice, at: datetime) -> None:
    """Let the customer's credit settle a locked invoice, the oldest money first; what is left stays credit.

    What is disputed is not settled by it: it may be credited, and the money is the customer's.
    """
    free = free_receipts(customer=document.customer_id, currency=document.currency)
    oldest_first = list(not_taken_back_from(free, document.pk).values_list("pk", flat=True))
    locked = BankReceipt.objects.select_for_update().filter(pk__in=oldest_first).order_by("pk")
    for receipt in sorted(locked, key=lambda receipt: oldest_first.index(receipt.pk)):
        if (left := owed_now(document)) > 0:
            allocate(source=receipt, document=document, at=at, at_most=left)


@transaction.atomic
def take_back(*, allocation_id: int, reason: str, by: User, at: datetime) -> Allocation:
    """Reverse an allocation by a row of its own; the document is open again, and the money its customer's credit.

    By itself it never settles that document again. Taking back again returns the first result.

    :raises NotAllocatable: it is a reversal itself, of a card's payment, or the reason is empty
    """
    given: Allocation = Allocation.objects.get(pk=allocation_id)
    document = Invoice.objects.select_for_update().get(pk=given.invoice_id)
    if given.reverses_id is not None:
        raise NotAllocatable("What takes an allocation back is not taken back itself. Allocate the money anew.")
    if given.bank_receipt is None:
        raise NotAllocatable("What a card paid goes back to the card: refund it instead.")
    if not reason.strip():
        raise NotAllocatable("Taking an allocation back needs a reason.")
    done: Allocation | None = Allocation.objects.filter(reverses=given).first()
    if done is not None:
        return done
    reversal = _reverse(given, reason=reason, by=by, at=at)
    ring_on_commit("invoice.settled", id=document.pk)
    return reversal


def _reverse(allocation: Allocation, *, reason: str, by: User | None, at: datetime) -> Allocation:
    reversal: Allocation = Allocation.objects.create(
        bank_receipt=allocation.bank_receipt,
        invoice=allocation.invoice,
        currency=allocation.currency,
        amount=-allocation.amount,
        reverses=allocation,
        reason=reason.strip()[:200],
        decided_by=by,
        allocated_at=at,
    )
    return reversal


def reopen(*, payment: Payment, amount: Decimal, at: datetime) -> None:
    """Let so much of what a locked payment settled be open again, since its bank took the money back."""
    settled = payment.allocations.order_by("invoice").values("invoice").annotate(sum=Sum("amount"))
    for row in settled.filter(sum__gt=0):
        part = min(amount, row["sum"])
        if part > 0:
            Allocation.objects.create(
                payment=payment, invoice_id=row["invoice"], currency=payment.currency, amount=-part, allocated_at=at
            )
            ring_on_commit("invoice.settled", id=row["invoice"])
            amount -= part


def give_back_surplus(*, document: Invoice, at: datetime) -> None:
    """Let go what a locked document was settled with beyond what it is for, since it was credited afterwards.

    First what was written off comes back; then money that came by bank becomes its customer's credit, the latest
    first. What a card paid goes back to the card by a refund.
    """
    bring_back(document=document, at=at)
    in_force = Allocation.objects.filter(
        invoice=document, bank_receipt__isnull=False, reverses__isnull=True, reversed_by__isnull=True
    )
    for allocation in in_force.select_related("bank_receipt").order_by("-pk"):
        surplus = -open_amount(document)
        if surplus <= 0:
            return
        source = BankReceipt.objects.select_for_update().get(pk=allocation.bank_receipt_id)
        _reverse(allocation, reason="The document was credited.", by=None, at=at)
        allocate(source=source, document=document, at=at, at_most=max(allocation.amount.amount - surplus, Decimal(0)))
