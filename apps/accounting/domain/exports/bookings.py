"""Journals as other software is told of them, and how many-sided ones become pairs of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One entry of a journal; amount: debit above zero, credit below, rounded, never zero.

    code    of the account in our books · number, name: of the accountant's · kind: its role
    vat     under which VAT it stands (``Vat.code``); blank: none
    is_automatic  the accountant's software takes the VAT out of what is posted there
    """

    code: str
    role: str
    number: str
    name: str
    amount: Decimal
    vat: str = ""
    is_automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A journal that balances.

    key       its natural key in our books · document: the number of what it tells of; blank: none
    party     whose it is; blank: nobody's, or a driver's · due_date: of an invoice
    """

    key: str
    posted_on: date
    tax_date: date
    text: str
    document: str
    party: str
    customer_number: str
    due_date: date | None
    entries: tuple[Posted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one file tells: the journals of a month that were posted in one currency.

    first, last  the days of the month · number: how many files of this kind, seller, month and currency came before
    """

    seller: str
    currency: str
    first: date
    last: date
    number: int
    made_at: datetime
    bookings: tuple[Booking, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """``amount`` > 0 goes from ``credit`` to ``debit``."""

    debit: Posted
    credit: Posted
    amount: Decimal


def pairs(entries: Sequence[Posted]) -> list[Pair]:
    """Split entries that add up to zero into pairs of accounts that add up to the same on each account.

    Where one side is a single entry, it meets each of the other; else they are used up in their order::

        receivable +119 | revenue −100, VAT −19   →   receivable/revenue 100, receivable/VAT 19
    """
    debits = [entry for entry in entries if entry.amount > 0]
    credited = [entry for entry in entries if entry.amount < 0]
    if len(debits) == 1:
        return [Pair(debit=debits[0], credit=each, amount=-each.amount) for each in credited]
    if len(credited) == 1:
        return [Pair(debit=each, credit=credited[0], amount=each.amount) for each in debits]
    return _used_up(debits, credited)


def _used_up(debits: list[Posted], credited: list[Posted]) -> list[Pair]:
    found, left = [], list(credited)
    for debit in debits:
        rest = debit.amount
        while rest > 0:
            credit = left[0]
            amount = min(rest, -credit.amount)
            found.append(Pair(debit=debit, credit=credit, amount=amount))
            rest -= amount
            left[:1] = [replace(credit, amount=credit.amount + amount)] if amount < -credit.amount else []
    return found


def added(bookings: Sequence[Booking]) -> Decimal:
    """Return the debits of bookings, which are their credits."""
    entries = chain.from_iterable(booking.entries for booking in bookings)
    return sum((entry.amount for entry in entries if entry.amount > 0), Decimal(0))
