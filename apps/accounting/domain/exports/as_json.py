"""Journals as JSON with a manifest: amounts as strings, since a JSON number would be read as a binary float."""

import json
from typing import Any

from apps.accounting.domain.exports.bookings import Batch, Booking, Posted, added


def render(batch: Batch) -> bytes:
    """Return the batch: ``{manifest: {…}, journals: [{…, entries: [{…}]}]}``."""
    told = {
        "manifest": {
            "seller": batch.seller,
            "currency": batch.currency,
            "first_day": batch.first.isoformat(),
            "last_day": batch.last.isoformat(),
            "addition": batch.number,
            "made_at": batch.made_at.isoformat(),
            "journals": len(batch.bookings),
            "entries": sum(len(booking.entries) for booking in batch.bookings),
            "debits": f"{added(batch.bookings):f}",
        },
        "journals": [_journal(booking) for booking in batch.bookings],
    }
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _journal(booking: Booking) -> dict[str, Any]:
    return {
        "key": booking.key,
        "posted_on": booking.posted_on.isoformat(),
        "tax_date": booking.tax_date.isoformat(),
        "text": booking.text,
        "document": booking.document,
        "party": booking.party,
        "customer_number": booking.customer_number,
        "due_date": booking.due_date.isoformat() if booking.due_date else None,
        "entries": [_entry(entry) for entry in booking.entries],
    }


def _entry(entry: Posted) -> dict[str, str]:
    return {
        "account": entry.code,
        "role": entry.role,
        "account_number": entry.number,
        "account_name": entry.name,
        "vat": entry.vat,
        "amount": f"{entry.amount:f}",
    }
