"""Cards as a CSV file, one line a card. Read strictly; whatever is odd is named by line and column.

``vehicle`` is a plate, ``cost_centre`` a code with or without a name after it; both are made where the customer has
none of them. ``from`` and ``until`` are local days, the last one included.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from apps.contracts.domain.tokens import normalise_uid
from apps.core.domain.csv_tables import File, Table, read_table

COLUMNS: Final = ("card", "contract", "driver", "vehicle", "cost_centre", "from", "until", "free_because")
EXAMPLE: Final = (
    ("04A1B2C3D4E5F6", "V-1", "Ada Example", "B-WL 1", "4711 Sales", "", "", ""),
    ("0411223344AABB", "V-1", "A guest", "", "", "2026-12-01", "2026-12-31", ""),
    ("04DEADBEEF0001", "V-2", "The caretaker", "", "", "", "", "Staff"),
)
_MOST_CHARS: Final = {"contract": 20, "driver": 120, "vehicle": 20, "free_because": 80}
_MOST_CODE, _MOST_NAME = 20, 60
_UID: Final = re.compile(r"[\x21-\x7e]{1,36}", re.ASCII)
_BYTES: Final = re.compile(r"(?:[0-9A-F]{2}){4,10}", re.ASCII)
_YEARS: Final = range(2000, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """A line of the file; ``line`` counts from 1, the header included; uid normalised; last: included."""

    line: int
    uid: str
    contract: str
    driver: str
    plate: str
    cost_code: str
    cost_name: str
    first: date | None
    last: date | None
    free_reason: str

    @property
    def label(self) -> str:
        return self.uid

    @property
    def details(self) -> str:
        days = f"{self.first or ''} – {self.last or ''}" if self.first or self.last else ""
        free = f"charges free: {self.free_reason}" if self.free_reason else ""
        centre = f"{self.cost_code} {self.cost_name}".strip()
        return ", ".join(filter(None, (self.contract, self.driver, self.plate, centre, days, free)))


def reversed_uid(uid: str) -> str:
    """Return a card's number with its bytes in the other order, as some readers give it; "" where it is no bytes."""
    if not _BYTES.fullmatch(uid):
        return ""
    turned = "".join(reversed([uid[at : at + 2] for at in range(0, len(uid), 2)]))
    return "" if turned == uid else turned


def _cell_problems(values: Mapping[str, str]) -> Iterator[str]:
    if not _UID.fullmatch(normalise_uid(values["card"])):
        yield "card: 1–36 printable characters without spaces, please."
    if not values["contract"]:
        yield "contract: name the contract's number."
    for column, most in _MOST_CHARS.items():
        if len(values[column]) > most:
            yield f"{column}: at most {most} characters."
    code, name = _cost_centre(values["cost_centre"])
    if len(code) > _MOST_CODE or len(name) > _MOST_NAME:
        yield f"cost_centre: a code of at most {_MOST_CODE} characters, then a name of at most {_MOST_NAME}."
    days = []
    for column in ("from", "until"):
        try:
            days.append(_day(values[column]))
        except ValueError:
            yield f"{column}: a day such as 2026-12-31."
    match days:
        case [date() as first, date() as last] if last < first:
            yield "until: it ends before it begins."


def _row(line: int, values: Mapping[str, str]) -> CardRow:
    code, name = _cost_centre(values["cost_centre"])
    return CardRow(
        line=line,
        uid=normalise_uid(values["card"]),
        contract=values["contract"],
        driver=values["driver"],
        plate=values["vehicle"],
        cost_code=code,
        cost_name=name,
        first=_day(values["from"]),
        last=_day(values["until"]),
        free_reason=values["free_because"],
    )


def _cost_centre(text: str) -> tuple[str, str]:
    code, _, name = text.partition(" ")
    return code, name.strip()


def _day(text: str) -> date | None:
    """:raises ValueError: it is no day of a usual year"""
    if not text:
        return None
    day = date.fromisoformat(text)
    if day.year not in _YEARS:
        raise ValueError(f"year {day.year}")
    return day


CARDS: Final = Table(
    columns=COLUMNS,
    example=EXAMPLE,
    rows="cards",
    problems=_cell_problems,
    row=_row,
    key=lambda row: row.uid,
    again="this card",
)


OWN_COLUMNS: Final = ("card", "driver", "vehicle", "cost_centre", "until")


def own_cards(contract: str) -> Table[CardRow]:
    """Return the file in which a customer brings along cards of one contract: less in it is theirs to say."""

    def whole(values: Mapping[str, str]) -> dict[str, str]:
        return {**dict.fromkeys(COLUMNS, ""), **values, "contract": contract}

    return Table(
        columns=OWN_COLUMNS,
        example=(
            ("04A1B2C3D4E5F6", "Ada Example", "B-WL 1", "4711 Sales", ""),
            ("0411223344AABB", "A guest", "", "", "2026-12-31"),
        ),
        rows="cards",
        problems=lambda values: _cell_problems(whole(values)),
        row=lambda line, values: _row(line, whole(values)),
        key=lambda row: row.uid,
        again="this card",
    )


def read_cards(content: bytes) -> File[CardRow]:
    """Read a file of cards."""
    return read_table(content, CARDS)
