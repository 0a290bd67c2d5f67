"""Reads plain JSON values and notes by path what is wrong, so that a document's problems are found in one pass.

Knows nothing of tariffs. After a problem a method returns None (or something empty), so that its siblings are still
read; whoever reads must not use what it made once ``problems`` is not empty.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Final

_DECIMAL: Final = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6}0{0,12})?", re.ASCII)
_NEGATIVE: Final = re.compile(r"-[0-9.]+", re.ASCII)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# Digits a number may have before it is written out; beyond, a short "1e999999" would fill the memory.
_MOST_DIGITS: Final = 40
_MOST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a document: where (``elements[2].restrictions.min_kwh``) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def inside(path: str, name: object) -> str:
    """Return the path of a field of the object at ``path``."""
    return f"{path}.{name}" if path else str(name)


class Reader:
    """Reads a document's fields; ``path`` is always that of the object which has the field."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, path: str, message: str) -> None:
        """Note that something is wrong."""
        self.problems.append(Problem(path=path, message=message))

    def object_of(self, value: object, path: str, *, known: Collection[str]) -> Mapping[str, object]:
        """Return an object's fields, refusing by name those that are not known."""
        if not isinstance(value, Mapping):
            self.note(path, "must be an object")
            return {}
        for name in value:
            if name not in known:
                self.note(inside(path, name), "unknown field")
        return value

    def items(
        self, fields: Mapping[str, object], name: str, path: str, *, may_be_empty: bool = False
    ) -> tuple[object, ...]:
        """Return the items of a required list."""
        value = self._required(fields, name, path)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            self.note(inside(path, name), "must be a list")
            return ()
        if not value and not may_be_empty:
            self.note(inside(path, name), "must not be empty")
        return tuple(value)

    def text(self, fields: Mapping[str, object], name: str, path: str) -> str | None:
        """Return a required text, which is not empty."""
        value = self._required(fields, name, path)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            self.note(inside(path, name), "must be a text")
            return None
        return value

    def choice(self, fields: Mapping[str, object], name: str, path: str, *, among: Collection[str]) -> str | None:
        """Return a required text that is one of those named."""
        value = self.text(fields, name, path)
        if value is None or value in among:
            return value
        self.note(inside(path, name), f"{_shown(value)} is none of {', '.join(among)}")
        return None

    def flag(self, fields: Mapping[str, object], name: str, path: str) -> bool | None:
        """Return a required boolean."""
        value = self._required(fields, name, path)
        if value is None or isinstance(value, bool):
            return value
        self.note(inside(path, name), "must be true or false")
        return None

    def whole(self, fields: Mapping[str, object], name: str, path: str, *, least: int, most: int) -> int | None:
        """Return a required whole number, ``least`` and ``most`` included."""
        value = self._required(fields, name, path)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.note(inside(path, name), "must be a whole number")
        elif not least <= value <= most:
            self.note(inside(path, name), f"must be {least} to {most}")
        else:
            return value
        return None

    def decimal(self, fields: Mapping[str, object], name: str, path: str) -> Decimal | None:
        """Return a required number ≥ 0, at most 10 digits before the point and 6 after it.

        Taken as a text, a whole number or a ``Decimal``: a binary fraction is not the number that somebody wrote.
        """
        value = self._required(fields, name, path)
        if value is None:
            return None
        text = _digits(value)
        if text is None:
            self.note(inside(path, name), "must be a decimal number as a string, since a binary fraction is not exact")
        elif _NEGATIVE.fullmatch(text):
            self.note(inside(path, name), f"{_shown(text, quote=False)} is negative")
        elif not _DECIMAL.fullmatch(text):
            self.note(
                inside(path, name), f"{_shown(text)} is no number of at most 10 digits before and 6 after the point"
            )
        else:
            return Decimal(text)
        return None

    def clock(self, fields: Mapping[str, object], name: str, path: str) -> time | None:
        """Return a required time of day, HH:MM."""
        value = self.text(fields, name, path)
        if value is None:
            return None
        if _CLOCK.fullmatch(value):
            return time.fromisoformat(value)
        self.note(inside(path, name), f"{_shown(value)} is no time of day HH:MM; the end of the day is 00:00")
        return None

    def day(self, fields: Mapping[str, object], name: str, path: str) -> date | None:
        """Return a required date, YYYY-MM-DD."""
        value = self.text(fields, name, path)
        return None if value is None else self.as_day(value, inside(path, name))

    def as_day(self, value: object, path: str) -> date | None:
        """Return the date that the value at ``path`` itself is."""
        try:
            # The pattern keeps out the other forms that ISO 8601 and fromisoformat know (20260101, 2026-W01-1).
            if isinstance(value, str) and _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.note(path, f"{_shown(value)} is no date YYYY-MM-DD")
        return None

    def _required(self, fields: Mapping[str, object], name: str, path: str) -> object | None:
        value = fields.get(name)
        if value is None:
            self.note(inside(path, name), "must not be null" if name in fields else "required")
        return value


def _digits(value: object) -> str | None:
    """Return a number as it would be written out, or None where it is none or only nearly one."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**_MOST_DIGITS else "a number this long"
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        exponent = int(value.as_tuple().exponent)
        return f"{value:f}" if max(abs(exponent), abs(value.adjusted())) < _MOST_DIGITS else str(value)
    return None


def _shown(value: object, *, quote: bool = True) -> str:
    """Return a refused value as the message quotes it, cut where it is long."""
    text = repr(value) if quote else str(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
