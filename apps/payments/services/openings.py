"""Opening items: brought along from another system, paid by bank, given up, or taken back. Their only writer.

Locks go item first, then what money settles it. What is open or not never passes what the item came with.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Customer, SpendingLimit
from apps.core.domain.zones import zone
from apps.ledger import services as ledger
from apps.payments.credit import left_of
from apps.payments.domain.postings import Lines, opening_item, opening_item_given_up
from apps.payments.models import BankReceipt, OpeningItem, OpeningSettlement
from apps.payments.openings import given_up, open_amount
from apps.payments.services.owing import state_owed


class OpeningRefused(Exception):
    """The opening item does not take that; the message says why, and nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the old system tells of a document that is open; amount: gross, rounded, below zero for a credit."""

    number: str
    document_date: date
    due_date: date
    amount: Decimal
    currency: str
    note: str = ""


@transaction.atomic
def record_opening_item(*, customer: Customer, told: Told, by: User | None, at: datetime) -> OpeningItem:
    """Bring a document along as an open item and post it on the seller's day; a credit becomes money to be used.

    The caller states afterwards what the customers owe (``state_customers_owed``), since files bring many.
    """
    item: OpeningItem = OpeningItem.objects.create(
        seller_id=customer.seller_id,
        customer=customer,
        number=told.number,
        document_date=told.document_date,
        due_date=told.due_date,
        currency=told.currency,
        amount=told.amount,
        note=told.note,
        recorded_by=by,
        recorded_at=at,
    )
    _post(item, key="recorded", text="Opening balance", lines=opening_item(told.amount), at=at)
    if told.amount < 0:
        BankReceipt.objects.create(
            seller_id=customer.seller_id,
            customer=customer,
            booked_on=_today(item, at=at),
            currency=told.currency,
            amount=-told.amount,
            payer=customer.name[:140],
            reference=f"{told.number} {told.note}".strip(),
            line_key=f"opening_item:{item.pk}",
            recorded_by=by,
            recorded_at=at,
            opening_item=item,
        )
    return item


@transaction.atomic
def reverse_opening_item(*, item_id: int, reason: str, by: User, at: datetime) -> OpeningItem:
    """Take back an item that should not have come, by a reversing journal; taking it back again changes nothing.

    :raises OpeningRefused: something of it is settled or used, or the reason is empty
    """
    item = _lock(item_id)
    if item.reversed_at is not None:
        return item
    if not reason.strip():
        raise OpeningRefused("Taking it back needs a reason.")
    if item.amount.amount > 0 and open_amount(item) != item.amount.amount:
        raise OpeningRefused(f"Something of {item} is paid or given up. Take that back first.")
    if item.amount.amount < 0:
        _use_up(item, reason=reason, by=by, at=at)
    item.reversed_by, item.reversed_at, item.reversal_reason = by, at, reason.strip()[:200]
    item.save(update_fields=["reversed_by", "reversed_at", "reversal_reason"])
    _post(item, key="reversed", text="Taken back: opening balance", lines=opening_item(-item.amount.amount), at=at)
    state_customers_owed([item.customer_id], at=at)
    return item


def _use_up(item: OpeningItem, *, reason: str, by: User, at: datetime) -> None:
    """Let a credit that is taken back hold its own money, so that nothing else is settled with it."""
    receipt: BankReceipt = BankReceipt.objects.select_for_update().get(opening_item=item)
    if left_of(receipt) != receipt.amount.amount:
        raise OpeningRefused(f"Something of {item} is used: it settles a document or goes back. Take that back first.")
    OpeningSettlement.objects.create(
        item=item,
        bank_receipt=receipt,
        currency=item.currency,
        amount=receipt.amount,
        reason=reason.strip()[:200],
        decided_by=by,
        settled_at=at,
    )


def settle_opening_item(
    *, item: OpeningItem, receipt: BankReceipt, at: datetime, by: User | None = None
) -> OpeningSettlement | None:
    """Let what is left of a receipt pay an item; None where there is nothing of either.

    item, receipt  locked by the caller, item first · by  None: the system

    Money for what was given up brings that back first.
    """
    is_open, lost = open_amount(item), given_up(item)
    amount = min(left_of(receipt), is_open + lost)
    if amount <= 0:
        return None
    if amount > is_open:
        _give_up(item, is_open - amount, reason="Paid after all.", by=None, at=at)
    settlement: OpeningSettlement = OpeningSettlement.objects.create(
        item=item, bank_receipt=receipt, currency=item.currency, amount=amount, decided_by=by, settled_at=at
    )
    return settlement


@transaction.atomic
def pay_opening_item(*, item_id: int, receipt_id: int, by: User, at: datetime) -> OpeningSettlement:
    """Let a receipt that a person chose pay an item, as far as both go; money that is nobody's becomes the customer's.

    :raises OpeningRefused: nothing is left or open, or they do not belong together
    """
    item = _lock(item_id)
    receipt: BankReceipt = BankReceipt.objects.select_for_update().get(pk=receipt_id)
    if (item.seller_id, item.currency) != (receipt.seller_id, receipt.currency):
        raise OpeningRefused(f"{item} is not of this seller and currency.")
    if receipt.customer_id not in (None, item.customer_id):
        raise OpeningRefused(f"{item} is not {receipt.customer}'s.")
    if receipt.customer_id is None:
        receipt.customer = item.customer
        receipt.save(update_fields=["customer"])
    settlement = settle_opening_item(item=item, receipt=receipt, at=at, by=by)
    if settlement is None:
        raise OpeningRefused(f"Nothing of the money is left, or nothing of {item} is open.")
    state_customers_owed([item.customer_id], at=at)
    return settlement


@transaction.atomic
def take_payment_back(*, settlement_id: int, reason: str, by: User, at: datetime) -> OpeningSettlement:
    """Reverse a payment by a row of its own: the item is open again and the money its customer's credit.

    Taking back again returns the first result.

    :raises OpeningRefused: it is no payment that stands, its item was taken back, or the reason is empty
    """
    given: OpeningSettlement = OpeningSettlement.objects.get(pk=settlement_id)
    item = _lock(given.item_id)
    if given.bank_receipt is None or given.reverses_id is not None or item.reversed_at is not None:
        raise OpeningRefused("Only a payment is taken back.")
    if not reason.strip():
        raise OpeningRefused("Taking a payment back needs a reason.")
    done: OpeningSettlement | None = OpeningSettlement.objects.filter(reverses=given).first()
    if done is not None:
        return done
    reversal: OpeningSettlement = OpeningSettlement.objects.create(
        item=item,
        bank_receipt=given.bank_receipt,
        currency=given.currency,
        amount=-given.amount,
        reverses=given,
        reason=reason.strip()[:200],
        decided_by=by,
        settled_at=at,
    )
    state_customers_owed([item.customer_id], at=at)
    return reversal


@transaction.atomic
def give_up_opening_item(*, item_id: int, reason: str, by: User, at: datetime) -> OpeningSettlement:
    """Give up all that an item is open for: bad debt against receivable, gross; its VAT is the old books' to correct.

    :raises OpeningRefused: nothing is open, or the reason is empty
    """
    item = _lock(item_id)
    if not reason.strip():
        raise OpeningRefused("A write-off needs a reason.")
    amount = open_amount(item)
    if amount <= 0:
        raise OpeningRefused(f"Nothing of {item} is open.")
    settlement = _give_up(item, amount, reason=reason, by=by, at=at)
    state_customers_owed([item.customer_id], at=at)
    return settlement


def state_customers_owed(customer_ids: list[int], *, at: datetime) -> None:
    """State anew what the customers' contracts with spending limits owe."""
    limits = SpendingLimit.objects.filter(contract__customer__in=customer_ids).order_by("pk")
    for contract_id in limits.values_list("contract_id", flat=True):
        state_owed(contract_id=contract_id, at=at)


def _give_up(item: OpeningItem, amount: Decimal, *, reason: str, by: User | None, at: datetime) -> OpeningSettlement:
    settlement: OpeningSettlement = OpeningSettlement.objects.create(
        item=item, currency=item.currency, amount=amount, reason=reason.strip()[:200], decided_by=by, settled_at=at
    )
    text = "Write-off" if amount > 0 else "Recovered"
    _post(item, key=f"given_up:{settlement.pk}", text=text, lines=opening_item_given_up(amount), at=at)
    return settlement


def _lock(item_id: int) -> OpeningItem:
    item: OpeningItem = OpeningItem.objects.select_for_update(of=("self",)).select_related("customer").get(pk=item_id)
    return item


def _today(item: OpeningItem, *, at: datetime) -> date:
    return at.astimezone(zone(item.seller.time_zone)).date()


def _post(item: OpeningItem, *, key: str, text: str, lines: Lines, at: datetime) -> None:
    today = _today(item, at=at)
    ledger.post(
        entity_id=item.seller_id,
        key=f"opening_item:{item.pk}:{key}",
        posted_on=today,
        tax_date=today,
        text=f"{text}, {item.number} of {item.customer.name}"[:200],
        lines=lines,
        currency=item.currency,
        at=at,
    )
