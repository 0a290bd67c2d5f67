"""What a document is called and when it is due."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

PREFIXES: Final[Mapping[str, str]] = {
    "invoice": "INV",
    "receipt": "REC",
    "credit_note": "CN",
    "fee": "FEE",
    "top_up": "TOP",
}


def format_number(*, kind: str, year: int, sequence: int) -> str:
    """Return a document's number: ``INV-2026-000001``, ``REC-…``, ``CN-…``; the year is the seller's local one."""
    if sequence < 1:
        raise ValueError("a series starts at 1")
    return f"{PREFIXES[kind]}-{year:04d}-{sequence:06d}"


def due_date(*, issue_date: date, payment_days: int) -> date:
    """Return the last day of the term: the day of issue and ``payment_days`` more."""
    return issue_date + timedelta(days=payment_days)
