"""Which tariff assignment wins: contract > EVSE > station > location > the owner's default (TARIFFS.md "Objects")."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Rank(IntEnum):
    """Where an assignment applies; the lower number wins."""

    CONTRACT = 1
    EVSE = 2
    STATION = 3
    LOCATION = 4
    DEFAULT = 5

    @property
    def words(self) -> str:
        """Return how the rank is named to an operator."""
        return {
            Rank.CONTRACT: "the contract",
            Rank.EVSE: "this EVSE",
            Rank.STATION: "this station",
            Rank.LOCATION: "this location",
            Rank.DEFAULT: "the owner's default",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A tariff assigned to one place, half-open in UTC (None: open). ``place_id``: None at rank DEFAULT."""

    rank: Rank
    place_id: int | None
    tariff_id: int
    valid_from: datetime
    valid_to: datetime | None

    def is_valid(self, at: datetime) -> bool:
        """Tell whether the assignment holds at an instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def choose_assignment(
    assignments: Iterable[Assignment], *, places: Mapping[Rank, int | None], at: datetime
) -> Assignment | None:
    """Return the assignment of the highest rank that holds at ``at``; None when there is none.

    assignments  all of the seller that may concern the places, in any order
    places       id of the contract (None: none), EVSE, station and location

    The database refuses two of the same rank and place for the same moment.
    """
    fitting = [
        assignment
        for assignment in assignments
        if assignment.is_valid(at)
        and (assignment.rank is Rank.DEFAULT or assignment.place_id == places[assignment.rank])
    ]
    return min(fitting, key=lambda assignment: assignment.rank, default=None)
