"""Customers as a CSV file, one line a customer; its number is the seller's own and says which customer it is."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from apps.core.domain.csv_tables import Table
from apps.core.domain.vat_ids import NotAVatId, valid_vat_id

COLUMNS: Final = (
    *("number", "kind", "name", "street", "postcode", "city", "country"),
    *("vat_id", "email", "language", "invoice_format"),
)
EXAMPLE: Final = (
    (
        *("K-1", "fleet", "Example Logistics GmbH", "Hafenstr. 1", "20457", "Hamburg", "DE"),
        *("DE136695976", "invoices@example.com", "de", "facturx"),
    ),
    ("K-2", "private", "Ada Example", "Rue Haute 2", "1000", "Brussels", "BE", "", "ada@example.com", "fr", ""),
)
_NEEDED: Final = ("number", "name", "street", "postcode", "city", "country", "email")
_MOST_CHARS: Final = {"number": 20, "name": 200, "street": 200, "postcode": 20, "city": 100, "vat_id": 20}
DEFAULTS: Final = {"kind": "fleet", "language": "en", "invoice_format": "facturx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A line of the file; what it leaves empty has its default."""

    line: int
    number: str
    kind: str
    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    email: str
    language: str
    invoice_format: str

    @property
    def label(self) -> str:
        return self.number

    @property
    def details(self) -> str:
        return f"{self.name}, {self.street}, {self.postcode} {self.city}, {self.country}"

    def values(self) -> dict[str, str]:
        """Return the columns and what they say."""
        return {column: getattr(self, column) for column in COLUMNS}


def _problems(values: Mapping[str, str]) -> Iterator[str]:
    for column in _NEEDED:
        if not values[column]:
            yield f"{column}: this cannot be empty."
    for column, most in _MOST_CHARS.items():
        if len(values[column]) > most:
            yield f"{column}: at most {most} characters."


def _row(line: int, values: Mapping[str, str]) -> CustomerRow:
    told = {column: value or DEFAULTS.get(column, "") for column, value in values.items()}
    told |= {"country": told["country"].upper(), "kind": told["kind"].lower(), "language": told["language"].lower()}
    with suppress(NotAVatId):
        # As it is kept, so that the same file finds its customer again.
        told["vat_id"] = told["vat_id"] and valid_vat_id(told["vat_id"], country=told["country"])
    return CustomerRow(line=line, **told)


CUSTOMERS: Final = Table(
    columns=COLUMNS,
    example=EXAMPLE,
    rows="customers",
    problems=_problems,
    row=_row,
    key=lambda row: row.number,
    again="this number",
)
