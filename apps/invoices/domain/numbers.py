"""What a document is called and when it is due."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the beginning of a number leaves open; kind and year go before the sequence.

    year       None: any
    sequences  the lowest and the highest that begin so; None: any
    """

    kind: str
    year: int | None
    sequences: tuple[int, int] | None


_BEGINNING: Final = re.compile(r"([A-Z]+)(?:-(\d{4})(?:-(\d{1,9})?)?|-)?")
_DIGITS: Final = 6


def read_beginning(text: str) -> Beginning | None:
    """Read what somebody typed of a number: ``inv``, ``INV-2026``, ``INV-2026-0001``; None: no number begins so."""
    found = _BEGINNING.fullmatch(text.strip().upper())
    kinds = {prefix: kind for kind, prefix in PREFIXES.items()}
    if found is None or found[1] not in kinds:
        return None
    year = int(found[2]) if found[2] else None
    if not found[3]:
        return Beginning(kinds[found[1]], year, None)
    low = int(found[3].ljust(_DIGITS, "0"))
    high = int(found[3].ljust(_DIGITS, "9"))
    return Beginning(kinds[found[1]], year, (low, high))


def due_date(*, issue_date: date, payment_days: int) -> date:
    """Return the last day of the term: the day of issue and ``payment_days`` more."""
    return issue_date + timedelta(days=payment_days)
