"""Contracts as a CSV file, one line a contract of a customer that exists.

``from`` and ``until`` are local days of the seller, the last one included.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from apps.core.domain.csv_tables import Table

COLUMNS: Final = (
    *("number", "customer", "from", "until", "tier"),
    *("payment_days", "purchase_order", "buyer_reference"),
)
EXAMPLE: Final = (
    ("V-1", "K-1", "2026-01-01", "", "", "30", "PO-4711", "04011000-12345-67"),
    ("V-2", "K-2", "2026-01-01", "2026-12-31", "Gold", "", "", ""),
)
_MOST_CHARS: Final = {"number": 20, "customer": 20, "tier": 80, "purchase_order": 60, "buyer_reference": 80}
_USUAL_DAYS: Final = 14
_YEARS: Final = range(2000, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """A line of the file; last: included, None = open; tier "" = none."""

    line: int
    number: str
    customer: str
    first: date
    last: date | None
    tier: str
    payment_days: int
    purchase_order: str
    buyer_reference: str

    @property
    def label(self) -> str:
        return self.number

    @property
    def details(self) -> str:
        until = f" until {self.last}" if self.last else ""
        tier = f", {self.tier}" if self.tier else ""
        return f"{self.customer}, from {self.first}{until}{tier}, {self.payment_days} days to pay"


def _problems(values: Mapping[str, str]) -> Iterator[str]:
    for column in ("number", "customer", "from"):
        if not values[column]:
            yield f"{column}: this cannot be empty."
    for column, most in _MOST_CHARS.items():
        if len(values[column]) > most:
            yield f"{column}: at most {most} characters."
    days = values["payment_days"]
    if days and not (days.isascii() and days.isdigit() and int(days[:4]) <= 365 and len(days) <= 3):
        yield "payment_days: a number of days up to 365."
    read = {column: _day(values[column]) for column in ("from", "until") if values[column]}
    for column, day in read.items():
        if day is None:
            yield f"{column}: a day such as 2026-12-31."
    match read:
        case {"from": date() as first, "until": date() as last} if last < first:
            yield "until: it ends before it begins."


def _row(line: int, values: Mapping[str, str]) -> ContractRow:
    first = _day(values["from"])
    assert first is not None, "a line without its first day is a problem"
    return ContractRow(
        line=line,
        number=values["number"],
        customer=values["customer"],
        first=first,
        last=_day(values["until"]),
        tier=values["tier"],
        payment_days=int(values["payment_days"] or _USUAL_DAYS),
        purchase_order=values["purchase_order"],
        buyer_reference=values["buyer_reference"],
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


CONTRACTS: Final = Table(
    columns=COLUMNS,
    example=EXAMPLE,
    rows="contracts",
    problems=_problems,
    row=_row,
    key=lambda row: row.number,
    again="this number",
)
