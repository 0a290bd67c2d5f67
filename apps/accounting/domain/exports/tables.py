"""Journals as tables: Xero's manual journals, QuickBooks Online's journal entries, and a plain CSV with everything."""

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import StringIO

from apps.accounting.domain.exports.bookings import Batch, Booking, Posted
from apps.core.domain.cells import defused
from apps.ledger.domain.vat import Vat

XERO = ("*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount")
QUICKBOOKS = ("JournalNo", "JournalDate", "AccountName", "Debits", "Credits", "Description", "Name", "Currency")
PLAIN = (
    "journal",
    "posted_on",
    "tax_date",
    "text",
    "document",
    "party",
    "customer_number",
    "due_date",
    "account",
    "account_number",
    "account_name",
    "vat_country",
    "vat_category",
    "vat_rate",
    "debit",
    "credit",
    "currency",
)


def xero(batch: Batch) -> bytes:
    """Return manual journals: one for each narration and date, debits above zero, VAT as lines of its own.

    Every line is under *Tax Exempt*, so that Xero adds no VAT to what already stands on the VAT account.
    """
    return _file(XERO, (row for booking in batch.bookings for row in _xero(booking)))


def _xero(booking: Booking) -> Iterator[list[str]]:
    narration = " · ".join(part for part in (booking.document, booking.text, booking.key) if part)
    for entry in booking.entries:
        yield [
            defused(narration),
            f"{booking.posted_on:%d/%m/%Y}",
            defused(_what(booking, entry)),
            defused(entry.number),
            "Tax Exempt",
            f"{entry.amount:f}",
        ]


def quickbooks(batch: Batch) -> bytes:
    """Return journal entries: accounts by name, since QuickBooks imports with its account numbers switched off."""
    return _file(QUICKBOOKS, (row for booking in batch.bookings for row in _quickbooks(booking, batch.currency)))


def _quickbooks(booking: Booking, currency: str) -> Iterator[list[str]]:
    for entry in booking.entries:
        debit, credit = _sides(entry)
        yield [
            defused(booking.key.replace(":", "-")),
            f"{booking.posted_on:%m/%d/%Y}",
            defused(entry.name),
            debit,
            credit,
            defused(_what(booking, entry)),
            defused(booking.party) if entry.role == "receivable" else "",
            currency,
        ]


def plain(batch: Batch) -> bytes:
    """Return everything that the journals say, a line for each entry."""
    return _file(PLAIN, (row for booking in batch.bookings for row in _plain(booking, batch.currency)))


def _plain(booking: Booking, currency: str) -> Iterator[list[str]]:
    for entry in booking.entries:
        vat = Vat.from_code(entry.vat) if entry.vat else None
        yield [
            booking.key,
            booking.posted_on.isoformat(),
            booking.tax_date.isoformat(),
            defused(booking.text),
            defused(booking.document),
            defused(booking.party),
            defused(booking.customer_number),
            booking.due_date.isoformat() if booking.due_date else "",
            entry.code,
            defused(entry.number),
            defused(entry.name),
            *((vat.country, vat.category, f"{vat.rate:.4f}") if vat else ("", "", "")),
            *_sides(entry),
            currency,
        ]


def _what(booking: Booking, entry: Posted) -> str:
    vat = Vat.from_code(entry.vat) if entry.vat else None
    said = f"{vat.country} {vat.category} {(vat.rate * 100).normalize():f} %" if vat else ""
    return " · ".join(part for part in (booking.text, said, f"tax date {booking.tax_date.isoformat()}") if part)


def _sides(entry: Posted) -> tuple[str, str]:
    zero = Decimal(0)
    return (f"{entry.amount:f}", "") if entry.amount > zero else ("", f"{-entry.amount:f}")


def _file(head: Sequence[str], rows: Iterator[list[str]]) -> bytes:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")
