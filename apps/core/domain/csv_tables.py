"""A CSV file with a row a line and fixed columns: read strictly, each odd line named and left out, the rest kept.

What the table is about says a ``Table``; the file itself is the same for all: the columns in the first line and in
their order, empty lines skipped, nothing twice, as many lines and bytes as are looked at in one sitting.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from apps.core.domain.cells import as_written
from apps.core.domain.csv_files import NotCsv, read_lines

MOST_BYTES: Final = 512 * 1024
MOST_ROWS: Final = 2_000


class HasLine(Protocol):
    """A row that knows its line; the header is line 1."""

    @property
    def line(self) -> int: ...


Row = TypeVar("Row", bound=HasLine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong where; line 0: the whole file.

    template, told  the message before it was filled in, and with what, for whoever says it in another language
    """

    line: int
    message: str
    template: str = field(default="", compare=False)
    told: Mapping[str, object] = field(default_factory=dict, compare=False)


def _filled(at_line: int, template: str, **told: object) -> Problem:
    return Problem(line=at_line, message=template % told, template=template, told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Row]):
    """What a file holds.

    columns  in their order · example  lines of a file to fill in · rows  what they are called, plural
    problems what is wrong with a line's cells, by column and trimmed; nothing = ``row`` can read it
    row      the line as a value · key  what may stand in one line only, with how that is said
    """

    columns: tuple[str, ...]
    example: tuple[tuple[str, ...], ...]
    rows: str
    problems: Callable[[Mapping[str, str]], Iterable[str]]
    row: Callable[[int, Mapping[str, str]], Row]
    key: Callable[[Row], object]
    again: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Generic[Row]):
    """What was read, in the file's order, and what could not be."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_table(content: bytes, table: Table[Row]) -> File[Row]:
    """Read a file: UTF-8, separated by commas or semicolons, the columns named in the first line."""
    try:
        return _read(read_lines(content, most_bytes=MOST_BYTES), table)
    except NotCsv as error:
        return _refused(str(error), line=error.line)


def _refused(message: str, *, line: int = 0) -> File[Row]:
    return File(rows=(), problems=(Problem(line=line, message=message),))


def _read(lines: Iterator[tuple[int, list[str]]], table: Table[Row]) -> File[Row]:
    columns = table.columns
    header = tuple(cell.strip().lower() for cell in next(lines, (1, []))[1])
    if header != columns:
        return _refused(f"The first line must name the columns {', '.join(columns)}, in this order.", line=1)
    rows: list[Row] = []
    problems: list[Problem] = []
    first_line: dict[object, int] = {}
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) + len(problems) >= MOST_ROWS:
            return _refused(f"More than {MOST_ROWS:,} {table.rows}: part the file.", line=line)
        if len(cells) != len(columns):
            told = {"found": len(cells), "columns": len(columns)}
            problems.append(_filled(line, "%(found)s columns instead of %(columns)s.", **told))
            continue
        values = dict(zip(columns, (as_written(cell.strip()) for cell in cells), strict=True))
        found = [Problem(line=line, message=message) for message in table.problems(values)]
        problems += found
        if found:
            continue
        row = table.row(line, values)
        if (before := first_line.setdefault(table.key(row), line)) != line:
            problems.append(_filled(line, f"Line %(line)s has {table.again} already.", line=before))
        else:
            rows.append(row)
    if not rows and not problems:
        return _refused("The file has no line below the header.")
    return File(rows=tuple(rows), problems=tuple(problems))
