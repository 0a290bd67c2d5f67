"""Which tariff assignment wins: contract > membership tier > EVSE > station > location > the owner's default.

TARIFFS.md "Objects" names contract and tier as one rank. What was agreed with one customer goes before what was agreed
with many, so that a contract in a tier can have a tariff of its own; within either no two tariffs meet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final


class Rank(IntEnum):
    """Where an assignment applies; the lower number wins."""

    CONTRACT = 1
    TIER = 2
    EVSE = 3
    STATION = 4
    LOCATION = 5
    DEFAULT = 6

    @property
    def label(self) -> str:
        """Return how the rank is headed in a table."""
        return _LABELS[self]


_LABELS: Final = {
    Rank.CONTRACT: "Contract",
    Rank.TIER: "Membership tier",
    Rank.EVSE: "EVSE",
    Rank.STATION: "Station",
    Rank.LOCATION: "Location",
    Rank.DEFAULT: "Owner's default",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A tariff assigned to one place, half-open in UTC (None: open). ``place_id``: None at rank DEFAULT."""

    rank: Rank
    place_id: int | None
    tariff_id: int
    tariff_name: str
    valid_from: datetime
    valid_to: datetime | None

    def is_valid(self, at: datetime) -> bool:
        """Tell whether the assignment holds at an instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one rank answered: the assignment that holds there, or none."""

    rank: Rank
    assignment: Assignment | None


def walk_ranks(
    assignments: Iterable[Assignment], *, places: Mapping[Rank, int | None], at: datetime
) -> tuple[Step, ...]:
    """Ask every rank, the highest first; the first that has an assignment decides.

    assignments  all of the seller that may concern the places, in any order
    places       id of the contract and its tier (None: none), EVSE, station and location

    The database refuses two of the same rank and place for the same moment.
    """
    holding = {
        assignment.rank: assignment
        for assignment in assignments
        if assignment.is_valid(at)
        and (assignment.rank is Rank.DEFAULT or assignment.place_id == places[assignment.rank])
    }
    return tuple(Step(rank=rank, assignment=holding.get(rank)) for rank in Rank)


def choose_assignment(steps: Iterable[Step]) -> Assignment | None:
    """Return the assignment of the highest rank that has one; None when there is none."""
    return next((step.assignment for step in steps if step.assignment is not None), None)
