"""Opening items as a CSV file: what customers owed in the old system, one line a document that is open there.

The customer is named by number, or by the whole name where only one has it. ``amount`` is gross, what is open; below
zero it is the customer's credit. A line without a currency is in the seller's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from apps.core.domain.csv_tables import Table

COLUMNS: Final = ("customer", "number", "date", "due", "amount", "currency", "note")
EXAMPLE: Final = (
    ("K-1", "RE-2025-0815", "2025-12-01", "2025-12-15", "119.00", "", "December"),
    ("Ada Example", "RE-2025-0799", "2025-11-20", "2025-12-04", "-20.00", "EUR", "paid twice"),
)
_MOST_CHARS: Final = {"customer": 200, "number": 40, "note": 200}
_AMOUNT: Final = re.compile(r"-?[0-9]{1,12}([.,][0-9]{1,6})?")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_YEARS: Final = range(2000, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRow:
    """A line of the file; amount: gross, signed, as told · currency: blank = the seller's."""

    line: int
    customer: str
    number: str
    document_date: date
    due_date: date
    amount: Decimal
    currency: str
    note: str

    @property
    def label(self) -> str:
        return self.number

    @property
    def details(self) -> str:
        owes = f"owes {self.amount}" if self.amount > 0 else f"has {-self.amount} in their favour"
        return f"{self.customer} {owes} {self.currency}".rstrip() + f", of {self.document_date}, due {self.due_date}"


def _problems(values: Mapping[str, str]) -> Iterator[str]:
    for column in ("customer", "number", "date", "amount"):
        if not values[column]:
            yield f"{column}: this cannot be empty."
    for column, most in _MOST_CHARS.items():
        if len(values[column]) > most:
            yield f"{column}: at most {most} characters."
    days = {column: _day(values[column]) for column in ("date", "due") if values[column]}
    for column, day in days.items():
        if day is None:
            yield f"{column}: a day such as 2025-12-31."
    match days:
        case {"date": date() as document_date, "due": date() as due_date} if due_date < document_date:
            yield "due: before the document's own day."
    if values["amount"]:
        if not _AMOUNT.fullmatch(values["amount"]):
            yield "amount: a number such as 119.00, without thousands separators; below zero for a credit."
        elif not _amount(values["amount"]):
            yield "amount: nothing is open."
    if values["currency"] and not _CURRENCY.fullmatch(values["currency"]):
        yield "currency: three letters such as EUR."


def _row(line: int, values: Mapping[str, str]) -> OpeningRow:
    document_date = _day(values["date"])
    assert document_date is not None, "a line without its day is a problem"
    return OpeningRow(
        line=line,
        customer=values["customer"],
        number=values["number"],
        document_date=document_date,
        due_date=_day(values["due"]) or document_date,
        amount=_amount(values["amount"]),
        currency=values["currency"].upper(),
        note=values["note"],
    )


def _amount(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


OPENINGS: Final = Table(
    columns=COLUMNS,
    example=EXAMPLE,
    rows="opening items",
    problems=_problems,
    row=_row,
    key=lambda row: (row.customer, row.number),
    again="this document of this customer",
)
