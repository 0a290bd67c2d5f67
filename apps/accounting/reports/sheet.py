"""A report as rows of cells, which is what the page shows and the CSV holds."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from io import StringIO

from apps.core.domain.cells import defused
from apps.core.domain.money import minor_unit

Value = str | Decimal | date | int


@dataclass(frozen=True, slots=True)
class Column:
    """is_number: amounts of the row's currency, or counts, shown to the right."""

    title: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """value as it is exported · target: (kind, key) of what it leads to on the page, e.g. ``("account", "17")``."""

    value: Value
    target: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Amounts are in ``currency``; blank where a row has none."""

    cells: tuple[Cell, ...]
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A report: ``totals`` has a row for each currency, ``note`` says by which day things count."""

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    totals: Sequence[Row] = field(default=())
    note: str = ""

    def csv(self) -> str:
        """Return the sheet as CSV (RFC 4180): amounts with a point and all their decimals, days as ISO 8601."""
        out = StringIO()
        writer = csv.writer(out)
        writer.writerow([*(column.title for column in self.columns), "Currency"])
        for row in [*self.rows, *self.totals]:
            writer.writerow([*(_plain(cell.value, row.currency) for cell in row.cells), row.currency])
        return out.getvalue()


def cells(*values: Value | Cell) -> tuple[Cell, ...]:
    """Return values as cells."""
    return tuple(value if isinstance(value, Cell) else Cell(value) for value in values)


def _plain(value: Value, currency: str) -> str:
    if isinstance(value, Decimal):
        return f"{value:.{minor_unit(currency)}f}" if currency else f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else defused(value)


def added(rows: Sequence[Row], *, label: str, of: Sequence[int], width: int) -> list[Row]:
    """Return a row of totals for each currency: ``of`` are the columns that add up."""
    sums: dict[str, dict[int, Decimal]] = {}
    for row in rows:
        found = sums.setdefault(row.currency, dict.fromkeys(of, Decimal(0)))
        for column in of:
            value = row.cells[column].value
            found[column] += value if isinstance(value, Decimal) else Decimal(0)
    return [
        Row(
            cells=cells(*(label if column == 0 else found.get(column, "") for column in range(width))),
            currency=currency,
        )
        for currency, found in sorted(sums.items())
    ]
