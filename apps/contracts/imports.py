"""What importing a file comes to: an outcome a line, shown before anything is written, then written as it was shown.

What a file holds (cards, customers, contracts) is a module of its own; carrying the same file out again finds
everything there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import models

from apps.core.domain.zones import zone


class ImportRefused(Exception):
    """Nothing was written; the message says why."""


class Outcome(StrEnum):
    """What a line comes to: something new, what is there as the line says, or nothing, for a reason."""

    NEW = "new"
    THERE = "there"
    REFUSED = "refused"


class ImportRow(Protocol):
    """A line of a file: its number, what it is about, and the rest of it in words."""

    @property
    def line(self) -> int: ...

    @property
    def label(self) -> str: ...

    @property
    def details(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """words: what comes of the line · turned: of a card, the number as a station sent it, bytes reversed"""

    row: Any
    outcome: Outcome
    words: str
    turned: str = ""


def refuse_in_part(outcomes: Sequence[RowOutcome]) -> None:
    """:raises ImportRefused: a line would be left out, where all or none are wanted"""
    lines = [str(one.row.line) for one in outcomes if one.outcome is Outcome.REFUSED]
    if lines:
        raise ImportRefused(f"Nothing was added, since these lines would be left out: {', '.join(lines[:20])}.")


def problems_of(row: models.Model, *, exclude: Sequence[str]) -> str:
    """Return what its own fields have against a row that is not saved, in one sentence; "" = nothing."""
    try:
        row.clean_fields(exclude=exclude)
        row.clean()
    except ValidationError as error:
        return " ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())
    return ""


def begin_of(day: date, *, time_zone: str) -> datetime:
    """Return when a local day begins, in UTC."""
    return datetime.combine(day, time(), tzinfo=zone(time_zone)).astimezone(UTC)
