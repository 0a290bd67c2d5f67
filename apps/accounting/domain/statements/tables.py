"""Read a bank's CSV by the columns that somebody chose once: banks agree on nothing but that there are lines."""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Final

from apps.accounting.domain.statements.lines import Line, StatementRead, UnreadableStatement, with_keys

MOST_BYTES: Final = 1024 * 1024
DAY_FORMATS: Final[Mapping[str, str]] = {
    "%d.%m.%Y": "31.12.2026",
    "%d.%m.%y": "31.12.26",
    "%Y-%m-%d": "2026-12-31",
    "%d/%m/%Y": "31/12/2026",
    "%m/%d/%Y": "12/31/2026",
}
_DELIMITERS: Final = (";", "\t", ",", "|")
_FEWEST: Final = 3
_AMOUNT: Final = re.compile(r"[+-]?\d{1,12}(\.\d{1,4})?")
_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "booked_on": ("buchungstag", "buchungsdatum", "buchung", "booking date", "date", "datum", "boekdatum"),
    "amount": ("betrag", "umsatz", "amount", "bedrag", "montant"),
    "currency": ("währung", "waehrung", "currency", "valuta", "munt"),
    "payer": ("beguenstigter", "begünstigter", "zahlungspflichtige", "auftraggeber", "name", "payer", "counterparty"),
    "payer_iban": ("kontonummer/iban", "iban", "account"),
    "reference": ("verwendungszweck", "reference", "description", "purpose", "text", "omschrijving"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which columns of a bank's file say what, by their titles; blank: none does.

    day_format  one of ``DAY_FORMATS`` · decimal_comma: 1.234,56 and not 1,234.56
    """

    booked_on: str
    amount: str
    day_format: str
    decimal_comma: bool
    currency: str = ""
    payer: str = ""
    payer_iban: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A CSV file: its column titles, the lines below them (number in the file, cells), and a key of the titles."""

    titles: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def key(self) -> str:
        """The same for every file with these columns: by it a layout is remembered."""
        return hashlib.sha256("\n".join(title.casefold() for title in self.titles).encode()).hexdigest()


def read_table(content: bytes) -> Table:
    """Return a file's columns; whatever a bank writes above them is left out.

    :raises UnreadableStatement: too large, no text, or nowhere a line of three titles
    """
    if len(content) > MOST_BYTES:
        raise UnreadableStatement("The file is larger than 1 MiB. Split it by month.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise UnreadableStatement("The file is no text. Export the statement as CSV or camt.053.")
    best = max(_DELIMITERS, key=lambda each: max((line.count(each) for line in text.splitlines()[:40]), default=0))
    try:
        lines = [(at, tuple(cell.strip() for cell in row)) for at, row in _numbered(text, best)]
    except csv.Error as error:
        raise UnreadableStatement("The file is no CSV that can be read.") from error
    head = next((at for at, (_, row) in enumerate(lines) if sum(bool(cell) for cell in row) >= _FEWEST), None)
    if head is None:
        raise UnreadableStatement("The file has no line with at least three column titles.")
    titles = _distinct(lines[head][1])
    return Table(titles=titles, rows=tuple((at, row) for at, row in lines[head + 1 :] if len(row) >= _FEWEST))


def _numbered(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    for row in reader:
        yield reader.line_num, row


def _distinct(titles: Sequence[str]) -> tuple[str, ...]:
    """Name empty and repeated titles by their place, so that each can be chosen."""
    found: list[str] = []
    for at, title in enumerate(titles, start=1):
        found.append(title if title and title not in found else f"{title or 'column'} ({at})")
    return tuple(found)


def guess(table: Table) -> Layout:
    """Return the layout that the titles and the first lines suggest, to be looked over by a person."""
    found = {name: _by_title(table.titles, usual) for name, usual in _USUAL.items()}
    first = {title: _sample(table, title) for title in table.titles}
    day = first.get(found["booked_on"], "")
    return Layout(
        **found,
        day_format=next((each for each in DAY_FORMATS if _day(day, each)), "%d.%m.%Y"),
        decimal_comma="," in first.get(found["amount"], ",")[-3:],
    )


def _by_title(titles: Sequence[str], usual: Sequence[str]) -> str:
    for word in usual:
        for title in titles:
            if word in title.casefold():
                return title
    return ""


def _sample(table: Table, title: str) -> str:
    at = table.titles.index(title)
    return next((row[at] for _, row in table.rows if len(row) > at and row[at]), "")


def read_lines(table: Table, layout: Layout, *, currency: str, account: str = "") -> StatementRead:
    """Return what a table tells under a layout; lines that cannot be read are problems, none is guessed.

    currency  where the file names none

    :raises UnreadableStatement: a column of the layout is not there
    """
    places = {}
    for name in ("booked_on", "amount", "currency", "payer", "payer_iban", "reference"):
        title = getattr(layout, name)
        if title and title not in table.titles:
            raise UnreadableStatement(f"The file has no column “{title}”.")
        places[name] = table.titles.index(title) if title else None
    lines, problems = [], []
    for number, row in table.rows:
        told = {name: row[at] if at is not None and at < len(row) else "" for name, at in places.items()}
        day, amount = _day(told["booked_on"], layout.day_format), _number(told["amount"], layout.decimal_comma)
        if day is None:
            problems.append((number, f"“{told['booked_on']}” is no day like {DAY_FORMATS[layout.day_format]}."))
        elif amount is None:
            problems.append((number, f"“{told['amount']}” is no amount."))
        elif amount:
            said = told["currency"].upper() or currency
            lines.append(
                Line(
                    booked_on=day,
                    amount=amount,
                    currency={"€": "EUR"}.get(said, said),
                    payer=told["payer"],
                    payer_iban=told["payer_iban"].replace(" ", ""),
                    reference=" ".join(told["reference"].split()),
                )
            )
    return StatementRead(
        account=account, lines=with_keys(lines, source="csv", account=account), problems=tuple(problems)
    )


def _day(text: str, day_format: str) -> date | None:
    try:
        # A day on the bank's calendar: no zone has a part in it.
        return datetime.strptime(text, day_format).date()  # noqa: DTZ007
    except ValueError:
        return None


def _number(text: str, decimal_comma: bool) -> Decimal | None:
    plain = text.replace(" ", "").replace("\u00a0", "").replace("'", "").replace("−", "-")
    thousands, point = (".", ",") if decimal_comma else (",", ".")
    plain = plain.replace(thousands, "").replace(point, ".")
    if plain.endswith("-"):
        plain = f"-{plain[:-1]}"
    return Decimal(plain) if _AMOUNT.fullmatch(plain) and plain.isascii() else None
