"""CSV files that a person hands to the simulator: read strictly, and what is wrong is named by line and column."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

MOST_BYTES: Final = 10 * 1024 * 1024


class BadCsvError(ValueError):
    """The file cannot be used; the message names the file and, where there is one, line and column."""


class Row:
    """One line of a file; ``line`` counts from 1, the header included."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self._path = path
        self.line = line
        self._cells = cells

    def text(self, column: str) -> str:
        """Return what stands in a column.

        :raises BadCsvError: nothing
        """
        return self._cells[column] or self.refuse(column, "it is empty")

    def whole(self, column: str, *, most: int) -> int:
        """Return the whole number in a column.

        :raises BadCsvError: it is none, or above ``most``
        """
        told = self._cells[column]
        if not (told.isascii() and told.isdigit() and len(told) <= len(str(most)) and int(told) <= most):
            self.refuse(column, f"{told[:40]!r} is no whole number from 0 to {most}")
        return int(told)

    def refuse(self, column: str, why: str) -> NoReturn:
        raise BadCsvError(f"{self._path}, line {self.line}, column {column}: {why}")


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read a file in UTF-8 whose first line names at least these columns, in any order.

    :raises BadCsvError: it is no such file, or holds no line beside the first
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadCsvError(f"{path}: it has more than {MOST_BYTES // 1024 // 1024} MiB")
        content = path.read_text(encoding="utf-8-sig")
        rows = list(_rows(path, content, columns))
    except OSError as error:
        raise BadCsvError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadCsvError(f"{path}: it is not in UTF-8") from error
    except csv.Error as error:
        raise BadCsvError(f"{path}: {error}") from error
    return rows or _refuse(path, "it holds no line beside the first")


def _rows(path: Path, content: str, columns: Sequence[str]) -> Iterator[Row]:
    lines = csv.reader(content.splitlines(), strict=True)
    names = [name.strip() for name in next(lines, [])]
    for column in columns:
        if names.count(column) != 1:
            _refuse(path, f"line 1 must name the column {column} once; it reads {','.join(names)[:80]!r}")
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            raise BadCsvError(f"{path}, line {lines.line_num}: it has {len(cells)} columns and line 1 has {len(names)}")
        yield Row(path, lines.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})


def _refuse(path: Path, why: str) -> NoReturn:
    raise BadCsvError(f"{path}: {why}")
