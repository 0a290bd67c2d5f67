"""Money that came by bank: recorded once, matched by its reference, allocated oldest first, paid back if unwanted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Customer
from apps.core.bells import ring_on_commit
from apps.invoices.domain.references import numbers_in
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.ledger import services as ledger
from apps.payments.credit import left_of
from apps.payments.domain.postings import Lines, paid_back_by_bank, received_by_bank
from apps.payments.domain.status import RepaymentStatus
from apps.payments.models import Allocation, BankReceipt, BankRepayment, OpeningItem
from apps.payments.openings import named_items, open_items
from apps.payments.refund_limits import repayment_needs_second_person
from apps.payments.selectors import open_invoices, under_collection
from apps.payments.services.allocating import NotAllocatable, allocate
from apps.payments.services.fees import settle_fees
from apps.payments.services.news import tell_received
from apps.payments.services.openings import settle_opening_item, state_customers_owed

Debt = Invoice | OpeningItem


class LineDiffers(Exception):
    """A line with this key was recorded and says something else; its key was not unique enough."""


class NotRepayable(Exception):
    """The money cannot be paid back now; the message says why, and nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """A credit on the seller's account as the bank tells it; ``key`` is the same whenever the line is told again."""

    key: str
    booked_on: date
    amount: Decimal
    currency: str
    payer: str = ""
    payer_iban: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a reference names, each the longest due first."""

    invoices: list[Invoice]
    items: list[OpeningItem]

    @property
    def owners(self) -> set[int | None]:
        return {row.customer_id for row in self.invoices} | {row.customer_id for row in self.items}


@transaction.atomic
def record_receipt(
    *, seller_id: int, line: StatementLine, at: datetime, customer_id: int | None = None, by: User | None = None
) -> BankReceipt:
    """Record money that came by bank, post it, and let it settle what it was sent for; a line told again is the first.

    Opening items and invoices named in the reference come first, with the fees of reminders as letters ask for them,
    then what else the customer has open, the longest due first, then other fees; what is left is the customer's credit.
    Without a reference and ``customer_id`` the money waits for a person.

    customer_id  the seller's customer, if a person knows whose money it is · by  who typed it in; None: a statement

    :raises LineDiffers: the key is taken by another amount or day
    :raises NotAllocatable: the customer is another seller's
    """
    if customer_id is not None and not Customer.objects.filter(pk=customer_id, seller_id=seller_id).exists():
        raise NotAllocatable("The customer is another seller's.")
    receipt, is_new = BankReceipt.objects.get_or_create(
        seller_id=seller_id,
        line_key=line.key,
        defaults={
            "booked_on": line.booked_on,
            "currency": line.currency,
            "amount": line.amount,
            "payer": line.payer.strip()[:140],
            "payer_iban": line.payer_iban.replace(" ", "").upper()[:34],
            "reference": line.reference.strip()[:500],
            "recorded_by": by,
            "recorded_at": at,
        },
    )
    if not is_new:
        _check_same(receipt, line)
        return receipt
    _post(receipt, key="received", lines=received_by_bank(line.amount), on=line.booked_on, at=at)
    named = _named(receipt, customer_id=customer_id)
    owners = named.owners if customer_id is None else {customer_id}
    # A text that names documents of two customers is for a person to read.
    if len(owners) == 1:
        receipt = _settle(receipt, customer_id=owners.pop(), first=named, at=at)
    tell_received(receipt, at=at)
    return receipt


@transaction.atomic
def assign_receipt(*, receipt_id: int, customer: Customer, at: datetime) -> BankReceipt:
    """Say whose money it is, and let it settle what that customer has open; saying it again changes nothing more.

    :raises NotAllocatable: it is another seller's customer, or the money settles somebody else's invoices already
    """
    receipt: BankReceipt = BankReceipt.objects.get(pk=receipt_id)
    if customer.seller_id != receipt.seller_id:
        raise NotAllocatable(f"{customer} is no customer of {receipt.seller}.")
    if receipt.opening_item_id is not None and receipt.customer_id != customer.pk:
        raise NotAllocatable(f"It came along as a credit of {receipt.customer}. Take that back on its page instead.")
    if receipt.customer_id not in (None, customer.pk) and _settles_something(receipt):
        raise NotAllocatable(f"It settles invoices of {receipt.customer}. Take these allocations back first.")
    named = _named(receipt, customer_id=customer.pk)
    receipt = _settle(receipt, customer_id=customer.pk, first=named, at=at)
    # The seller was told when it arrived; now it is known which buyer to tell.
    tell_received(receipt, at=at)
    return receipt


@transaction.atomic
def allocate_receipt(
    *, receipt_id: int, invoice_id: int, at: datetime, by: User, amount: Decimal | None = None
) -> Allocation:
    """Let a receipt settle an invoice that a person chose, as far as both go; amount: no more than so much.

    :raises NotAllocatable: nothing is left or open, or they do not belong together
    """
    document: Invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    receipt: BankReceipt = BankReceipt.objects.select_for_update().get(pk=receipt_id)
    if (document.seller_id, document.currency) != (receipt.seller_id, receipt.currency):
        raise NotAllocatable(f"{document} is not of this seller and currency.")
    if document.kind != Invoice.Kind.INVOICE or document.status != InvoiceStatus.ISSUED:
        raise NotAllocatable(f"{document} is no issued invoice.")
    if document.customer_id is None:
        raise NotAllocatable(f"{document} is a driver's: it was paid by card.")
    if receipt.customer_id is None:
        receipt.customer = document.customer
        receipt.save(update_fields=["customer"])
    if receipt.customer_id != document.customer_id:
        raise NotAllocatable(f"{document} is not {receipt.customer}'s.")
    allocation = allocate(source=receipt, document=document, at=at, at_most=amount, by=by)
    if allocation is None:
        raise NotAllocatable(f"Nothing of the money is left, or nothing of {document} is open.")
    ring_on_commit("invoice.settled", id=document.pk)
    return allocation


@transaction.atomic
def request_repayment(*, receipt_id: int, reason: str, by: User, at: datetime) -> BankRepayment:
    """Set aside what is left of a receipt to be paid back by bank; it settles nothing any more.

    :raises NotRepayable: nothing is left, or the reason is empty
    """
    receipt: BankReceipt = BankReceipt.objects.select_for_update().get(pk=receipt_id)
    left = left_of(receipt)
    if not reason.strip():
        raise NotRepayable("Paying money back needs a reason.")
    if left <= 0:
        raise NotRepayable("Nothing of it is left to pay back.")
    repayment: BankRepayment = BankRepayment.objects.create(
        bank_receipt=receipt,
        currency=receipt.currency,
        amount=left,
        reason=reason.strip()[:200],
        requested_by=by,
        requested_at=at,
    )
    return repayment


@transaction.atomic
def confirm_repayment(*, repayment_id: int, by: User) -> BankRepayment:
    """Take on oneself that a repayment above the limit is paid; confirming it again changes nothing.

    :raises NotRepayable: it is one's own, or it is paid or withdrawn
    """
    repayment = _lock_repayment(repayment_id)
    if repayment.status != RepaymentStatus.REQUESTED:
        raise NotRepayable("It is paid or withdrawn already.")
    if repayment.requested_by_id == by.pk:
        raise NotRepayable("Nobody confirms their own repayment. Ask somebody else who moves money.")
    if repayment.confirmed_by_id is None:
        repayment.confirmed_by = by
        repayment.save(update_fields=["confirmed_by"])
    return repayment


def waits_for_second_person(repayment: BankRepayment) -> bool:
    """Whether it may not be paid before somebody else confirms it."""
    is_waiting = repayment.status == RepaymentStatus.REQUESTED and repayment.confirmed_by_id is None
    return is_waiting and repayment_needs_second_person(repayment)


@transaction.atomic
def execute_repayment(*, repayment_id: int, executed_on: date, by: User | None, at: datetime) -> BankRepayment:
    """Note that the bank has paid it, and post receivable against bank; noting it again changes nothing.

    :raises NotRepayable: it was withdrawn, or is above the limit and nobody else has confirmed it
    """
    repayment = _lock_repayment(repayment_id)
    if repayment.status == RepaymentStatus.EXECUTED:
        return repayment
    if repayment.status == RepaymentStatus.WITHDRAWN:
        raise NotRepayable("It was withdrawn.")
    if waits_for_second_person(repayment):
        raise NotRepayable("It is more than one person gives back alone: somebody else has to confirm it first.")
    repayment.status, repayment.executed_on = RepaymentStatus.EXECUTED, executed_on
    repayment.ended_by, repayment.ended_at = by, at
    repayment.save()
    lines = paid_back_by_bank(repayment.amount.amount)
    _post(repayment.bank_receipt, key=f"paid_back:{repayment.pk}", lines=lines, on=executed_on, at=at)
    return repayment


@transaction.atomic
def withdraw_repayment(*, repayment_id: int, by: User, at: datetime) -> BankRepayment:
    """Let the money be its customer's credit again; withdrawing it again changes nothing.

    :raises NotRepayable: it was executed
    """
    repayment = _lock_repayment(repayment_id)
    if repayment.status == RepaymentStatus.EXECUTED:
        raise NotRepayable("The bank has paid it already.")
    if repayment.status == RepaymentStatus.REQUESTED:
        repayment.status, repayment.ended_by, repayment.ended_at = RepaymentStatus.WITHDRAWN, by, at
        repayment.save()
    return repayment


def _lock_repayment(repayment_id: int) -> BankRepayment:
    receipt_id = BankRepayment.objects.values_list("bank_receipt_id", flat=True).get(pk=repayment_id)
    BankReceipt.objects.select_for_update().get(pk=receipt_id)
    repayment: BankRepayment = BankRepayment.objects.select_for_update().get(pk=repayment_id)
    return repayment


def _check_same(receipt: BankReceipt, line: StatementLine) -> None:
    told = (line.booked_on, line.amount, line.currency)
    if told != (receipt.booked_on, receipt.amount.amount, receipt.currency):
        raise LineDiffers(f"line {line.key} was recorded as {receipt}")


def _settles_something(receipt: BankReceipt) -> bool:
    return left_of(receipt) != receipt.amount.amount


def _named(receipt: BankReceipt, *, customer_id: int | None) -> Named:
    """Return the seller's issued invoices and unpaid opening items that the reference names."""
    found = Invoice.objects.filter(
        seller_id=receipt.seller_id,
        customer__isnull=False,
        number__in=numbers_in(receipt.reference),
        kind=Invoice.Kind.INVOICE,
        status=InvoiceStatus.ISSUED,
        currency=receipt.currency,
    )
    owner = {"seller": receipt.seller_id, "currency": receipt.currency}
    if customer_id is not None:
        found = found.filter(customer=customer_id)
        owner["customer"] = customer_id
    items = named_items(receipt.reference, **owner)
    return Named(invoices=list(found.order_by("due_date", "pk")), items=items)


def _settle(receipt: BankReceipt, *, customer_id: int | None, first: Named, at: datetime) -> BankReceipt:
    """Give a receipt its customer and let it settle what is named, with the fees of invoices, then the others, the
    longest due first."""
    others = _others(receipt, customer_id=customer_id, first=first)
    invoice_ids = [invoice.pk for invoice in first.invoices]
    wanted: list[Debt] = [*first.items, *first.invoices, *others]
    locked = _locked(wanted)
    receipt = BankReceipt.objects.select_for_update().get(pk=receipt.pk)
    if receipt.customer_id != customer_id:
        receipt.customer_id = customer_id
        receipt.save(update_fields=["customer"])
    _settle_in_order(receipt, [*first.items, *first.invoices], locked, at=at)
    settle_fees(receipt=receipt, invoices=invoice_ids, at=at)
    _settle_in_order(receipt, others, locked, at=at)
    settle_fees(receipt=receipt, at=at)
    return receipt


def _others(receipt: BankReceipt, *, customer_id: int | None, first: Named) -> list[Debt]:
    """Return what else a customer has open, the longest due first, until it uses the money up."""
    owner = {"customer": customer_id, "seller": receipt.seller_id, "currency": receipt.currency}
    # What a card is paying just now is left alone; what the payer names is not.
    invoices = open_invoices(**owner).exclude(under_collection())
    invoices = invoices.exclude(pk__in=[invoice.pk for invoice in first.invoices])
    items = open_items(**owner).exclude(pk__in=[item.pk for item in first.items])
    # What came along from another system is older than what is due on the same day here.
    found = sorted([*items, *invoices], key=lambda row: row.due_date)
    left, enough = receipt.amount.amount, []
    for row in found:
        if left <= 0:
            break
        enough.append(row)
        left -= row.open_amount
    return enough


def _locked(rows: Iterable[Debt]) -> dict[Debt, Debt]:
    """Lock invoices, then opening items, each by pk; return each as it stands."""
    ids: dict[type[Invoice] | type[OpeningItem], list[int]] = {Invoice: [], OpeningItem: []}
    for row in rows:
        ids[type(row)].append(row.pk)
    return {
        row: row
        for model, pks in ids.items()
        if pks
        for row in model.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
    }


def _settle_in_order(receipt: BankReceipt, rows: Iterable[Debt], locked: Mapping[Debt, Debt], *, at: datetime) -> None:
    for row in (locked[row] for row in rows):
        if isinstance(row, OpeningItem):
            if settle_opening_item(item=row, receipt=receipt, at=at) is not None:
                state_customers_owed([row.customer_id], at=at)
        elif allocate(source=receipt, document=row, at=at) is not None:
            ring_on_commit("invoice.settled", id=row.pk)


def _post(receipt: BankReceipt, *, key: str, lines: Lines, on: date, at: datetime) -> None:
    ledger.post(
        entity_id=receipt.seller_id,
        key=f"bank_receipt:{receipt.pk}:{key}",
        posted_on=on,
        tax_date=on,
        text=f"{'Bank transfer from' if key == 'received' else 'Paid back by bank to'} {receipt.payer}"[:200],
        lines=lines,
        currency=receipt.currency,
        at=at,
    )
