"""A plan of stations as CSV: one line a connector. Read strictly; whatever is odd is named by line and column.

``location`` is the name of a site that exists; a station that does not is made, with a key of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from apps.core.domain.csv_files import NotCsv, read_lines

COLUMNS: Final = ("location", "station", "evse", "connector", "kind", "max_power_w")
EXAMPLE: Final = (
    ("Depot North", "NORTH-01", "1", "1", "type2", "22000"),
    ("Depot North", "NORTH-01", "2", "1", "type2", "22000"),
    ("Depot North", "NORTH-02", "1", "1", "ccs2", "150000"),
    ("Depot North", "NORTH-02", "1", "2", "chademo", "50000"),
)
KINDS: Final = ("type2", "ccs2", "chademo")
MOST_BYTES: Final = 256 * 1024
MOST_ROWS: Final = 1_000
MOST_EVSES: Final = 255
MOST_W: Final = 1_000_000
_IDENTITY: Final = re.compile(r"[A-Za-z0-9*\-_=+|@.:]{1,48}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,7}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedConnector:
    """A line of the plan; ``line`` counts from 1, the header included."""

    line: int
    location: str
    station: str
    evse: int
    connector: int
    kind: str
    max_power_w: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong where; column "": the whole line, line 0: the whole file."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    connectors: tuple[PlannedConnector, ...]
    problems: tuple[Problem, ...]


def read_plan(content: bytes) -> Plan:
    """Read a file: UTF-8, separated by commas or semicolons, the columns named in the first line."""
    try:
        return _read(read_lines(content, most_bytes=MOST_BYTES))
    except NotCsv as error:
        return _refused(str(error), line=error.line)


def _refused(message: str, *, line: int = 0) -> Plan:
    return Plan(connectors=(), problems=(Problem(line=line, column="", message=message),))


def _read(lines: Iterator[tuple[int, list[str]]]) -> Plan:
    header = tuple(cell.strip() for cell in next(lines, (1, []))[1])
    if header != COLUMNS:
        return _refused(f"The first line must name the columns {', '.join(COLUMNS)}, in this order.", line=1)
    connectors: list[PlannedConnector] = []
    problems: list[Problem] = []
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(connectors) >= MOST_ROWS:
            return _refused(f"More than {MOST_ROWS:,} connectors: part the file.", line=line)
        if len(cells) != len(COLUMNS):
            message = f"{len(cells)} columns instead of {len(COLUMNS)}."
            problems.append(Problem(line=line, column="", message=message))
            continue
        values = dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True))
        found = list(_cell_problems(line, values))
        problems += found
        if not found:
            connectors.append(_connector(line, values))
    problems += _contradictions(connectors)
    if not connectors and not problems:
        return _refused("The file has no line below the header.")
    return Plan(connectors=tuple(connectors), problems=tuple(sorted(problems, key=lambda problem: problem.line)))


def _cell_problems(line: int, values: Mapping[str, str]) -> Iterator[Problem]:
    if not 0 < len(values["location"]) <= 120:
        yield Problem(line=line, column="location", message="Name a location.")
    if not _IDENTITY.fullmatch(values["station"]):
        message = "1–48 characters of A–Z a–z 0–9 * - _ = + | @ . : (OCPP identity)."
        yield Problem(line=line, column="station", message=message)
    if values["kind"] not in KINDS:
        yield Problem(line=line, column="kind", message=f"One of {', '.join(KINDS)}.")
    for column, most in (("evse", MOST_EVSES), ("connector", MOST_EVSES), ("max_power_w", MOST_W)):
        if not _NUMBER.fullmatch(values[column]) or not 1 <= int(values[column]) <= most:
            yield Problem(line=line, column=column, message=f"A whole number from 1 to {most:,}.")


def _connector(line: int, values: Mapping[str, str]) -> PlannedConnector:
    return PlannedConnector(
        line=line,
        location=values["location"],
        station=values["station"],
        evse=int(values["evse"]),
        connector=int(values["connector"]),
        kind=values["kind"],
        max_power_w=int(values["max_power_w"]),
    )


def _contradictions(connectors: list[PlannedConnector]) -> Iterator[Problem]:
    """Name what one line says and another denies."""
    seen: dict[tuple[str, int, int], int] = {}
    stations: dict[str, PlannedConnector] = {}
    for one in connectors:
        first = stations.setdefault(one.station.lower(), one)
        if one.station != first.station:
            message = f"Differs from line {first.line} only in case; to a charger these are two identities."
            yield Problem(line=one.line, column="station", message=message)
        elif one.location != first.location:
            message = f"In line {first.line} the same station is at “{first.location}”."
            yield Problem(line=one.line, column="location", message=message)
        line = seen.setdefault((one.station, one.evse, one.connector), one.line)
        if line != one.line:
            yield Problem(line=one.line, column="connector", message=f"Line {line} has this connector already.")
