"""Which tariff assignment wins: who charges goes before where, and of either the narrower before the wider.

Contract at a site group > contract > tier at a site group > tier > EVSE > station > location > site group > the
owner's default. TARIFFS.md "Objects" names contract and tier as one rank. What was agreed with one customer goes
before what was agreed with many, so that a contract in a tier can have a tariff of its own; so does what a tier has at
a site group not go before what the contract has anywhere. Within a rank no two tariffs meet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, TypeAlias


class Rank(IntEnum):
    """Where an assignment applies; the lower number wins."""

    CONTRACT_AT_GROUP = 1
    CONTRACT = 2
    TIER_AT_GROUP = 3
    TIER = 4
    EVSE = 5
    STATION = 6
    LOCATION = 7
    GROUP = 8
    DEFAULT = 9

    @property
    def label(self) -> str:
        """Return how the rank is headed in a table."""
        return _LABELS[self]


_LABELS: Final = {
    Rank.CONTRACT_AT_GROUP: "Contract at a site group",
    Rank.CONTRACT: "Contract",
    Rank.TIER_AT_GROUP: "Membership tier at a site group",
    Rank.TIER: "Membership tier",
    Rank.EVSE: "EVSE",
    Rank.STATION: "Station",
    Rank.LOCATION: "Location",
    Rank.GROUP: "Site group",
    Rank.DEFAULT: "Owner's default",
}

AT_A_GROUP: Final = frozenset({Rank.CONTRACT_AT_GROUP, Rank.TIER_AT_GROUP, Rank.GROUP})

PlaceIds: TypeAlias = tuple[int, ...]
"""The ids of what a rank names: one, or contract or tier and then the group; () at rank DEFAULT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A tariff assigned to a place, half-open in UTC (None: open)."""

    rank: Rank
    place_ids: PlaceIds
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
    assignments: Iterable[Assignment], *, places: Mapping[Rank, PlaceIds | None], at: datetime
) -> tuple[Step, ...]:
    """Ask every rank, the highest first; the first that has an assignment decides.

    assignments  all of the seller that may concern the places, in any order
    places       what each rank means here; None: there is none, as without a contract or outside of any group

    The database refuses two of the same rank and place for the same moment.
    """
    holding = {
        assignment.rank: assignment
        for assignment in assignments
        if assignment.is_valid(at) and assignment.place_ids == places[assignment.rank]
    }
    return tuple(Step(rank=rank, assignment=holding.get(rank)) for rank in Rank)


def choose_assignment(steps: Iterable[Step]) -> Assignment | None:
    """Return the assignment of the highest rank that has one; None when there is none."""
    return next((step.assignment for step in steps if step.assignment is not None), None)
