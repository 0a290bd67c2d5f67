"""CSV that is safe to open: no cell of ours is a formula to a spreadsheet, whatever a station or a person wrote."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def defused(cell: str) -> str:
    """Return the cell with an apostrophe before what a spreadsheet would compute (OWASP "CSV Injection")."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Write rows as CSV (RFC 4180), every cell defused."""
    out = StringIO()
    csv.writer(out).writerows([defused(cell) for cell in row] for row in rows)
    return out.getvalue()


def as_written(cell: str) -> str:
    """Return a cell as it was before ``defused``, so that a file we wrote can be read again."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
