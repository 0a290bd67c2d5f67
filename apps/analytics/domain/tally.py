"""What a trial adds up: before and after, in total, by site, local hour and customer group, and what changes most.

Outcomes go in one by one; what is kept does not grow with their number. Adding is exact and remembers no order: a tally
that was written down, read again and gone on with equals one made in a single go.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from heapq import heappush, heapreplace
from typing import Any, Final, NamedTuple, Self

AD_HOC: Final = "ad_hoc"
"""The customer group of sessions that no contract pays; the others are kinds of customers."""

MOST_CHANGED: Final = 50
"""How many sessions are kept of those that become dearest, and of those that become cheapest."""

_MOST_REASONS: Final = 20
_OTHER_REASONS: Final = "other reasons"


class Gap(StrEnum):
    """What terms may ask for and a record need not tell; it was compared nevertheless."""

    IDLING = "idling"  # how long the vehicle stood there after the stop: none is priced
    POWER = "power"  # the mean between two readings is taken
    CURRENT = "current"  # what depends on it does not match


class Outcome(NamedTuple):
    """One session as it was charged and as it would have been; amounts rounded, of one currency.

    hour   local hour of the start at the site, 0–23
    group  kind of the paying customer, or ``AD_HOC``
    """

    session_id: int
    uid: str
    started_at: datetime
    location_id: int
    hour: int
    group: str
    energy_milliwh: int
    net_before: Decimal
    gross_before: Decimal
    net_after: Decimal
    gross_after: Decimal

    @property
    def change(self) -> Decimal:
        """What the session's payer would have paid more (gross)."""
        return self.gross_after - self.gross_before


@dataclass(slots=True)
class Sums:
    """Added outcomes; ``dearer`` and ``cheaper`` count the sessions whose gross amount changes."""

    sessions: int = 0
    dearer: int = 0
    cheaper: int = 0
    energy_milliwh: int = 0
    net_before: Decimal = Decimal(0)
    gross_before: Decimal = Decimal(0)
    net_after: Decimal = Decimal(0)
    gross_after: Decimal = Decimal(0)

    def add(self, outcome: Outcome) -> None:
        self.sessions += 1
        self.dearer += outcome.gross_after > outcome.gross_before
        self.cheaper += outcome.gross_after < outcome.gross_before
        self.energy_milliwh += outcome.energy_milliwh
        self.net_before += outcome.net_before
        self.gross_before += outcome.gross_before
        self.net_after += outcome.net_after
        self.gross_after += outcome.gross_after

    def as_document(self) -> dict[str, Any]:
        return {
            "sessions": self.sessions,
            "dearer": self.dearer,
            "cheaper": self.cheaper,
            "energy_milliwh": self.energy_milliwh,
            "net_before": str(self.net_before),
            "gross_before": str(self.gross_before),
            "net_after": str(self.net_after),
            "gross_after": str(self.gross_after),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        fields: dict[str, Any] = {
            name: Decimal(value) if isinstance(value, str) else value for name, value in document.items()
        }
        return cls(**fields)


@dataclass(slots=True)
class Tally:
    """The running sums of a trial.

    sites             by location id · hours  by local hour of the start · groups  by customer group
    other_currencies  how many sessions were charged in a currency that cannot be compared
    left_out          how many sessions the terms could not price, by the reason in words
    gaps              how many sessions were priced without something the terms ask for
    """

    total: Sums = field(default_factory=Sums)
    sites: dict[int, Sums] = field(default_factory=dict)
    hours: dict[int, Sums] = field(default_factory=dict)
    groups: dict[str, Sums] = field(default_factory=dict)
    other_currencies: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)
    _dearest: list[tuple[Decimal, int, Outcome]] = field(default_factory=list)
    _cheapest: list[tuple[Decimal, int, Outcome]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add one session."""
        self.total.add(outcome)
        _of(self.sites, outcome.location_id).add(outcome)
        _of(self.hours, outcome.hour).add(outcome)
        _of(self.groups, outcome.group).add(outcome)
        change = outcome.change
        if change > 0:
            _keep(self._dearest, change, outcome)
        elif change < 0:
            _keep(self._cheapest, -change, outcome)

    def leave_out(self, reason: str) -> None:
        """Count a session that the terms cannot price; reasons beyond the first few share one line."""
        is_known = reason in self.left_out or len(self.left_out) < _MOST_REASONS
        self.left_out[reason if is_known else _OTHER_REASONS] += 1

    @property
    def dearest(self) -> list[Outcome]:
        """Return the sessions that become dearer by most, the most first."""
        return [outcome for _, _, outcome in sorted(self._dearest, reverse=True)]

    @property
    def cheapest(self) -> list[Outcome]:
        """Return the sessions that become cheaper by most, the most first."""
        return [outcome for _, _, outcome in sorted(self._cheapest, reverse=True)]

    def as_document(self) -> dict[str, Any]:
        """Return the tally as a JSON-able dict; amounts are strings."""
        return {
            "total": self.total.as_document(),
            "sites": {str(key): sums.as_document() for key, sums in self.sites.items()},
            "hours": {str(key): sums.as_document() for key, sums in self.hours.items()},
            "groups": {key: sums.as_document() for key, sums in self.groups.items()},
            "other_currencies": dict(self.other_currencies),
            "left_out": dict(self.left_out),
            "gaps": {str(gap): count for gap, count in self.gaps.items()},
            "dearest": [_outcome_document(outcome) for outcome in self.dearest],
            "cheapest": [_outcome_document(outcome) for outcome in self.cheapest],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the tally that ``as_document`` wrote; an empty document is a tally of nothing."""
        if not document:
            return cls()
        tally = cls(
            total=Sums.from_document(document["total"]),
            sites={int(key): Sums.from_document(sums) for key, sums in document["sites"].items()},
            hours={int(key): Sums.from_document(sums) for key, sums in document["hours"].items()},
            groups={key: Sums.from_document(sums) for key, sums in document["groups"].items()},
            other_currencies=Counter(document["other_currencies"]),
            left_out=Counter(document["left_out"]),
            gaps=Counter(document["gaps"]),
        )
        for written in (*document["dearest"], *document["cheapest"]):
            outcome = _outcome_from(written)
            change = outcome.change
            _keep(tally._dearest if change > 0 else tally._cheapest, abs(change), outcome)
        return tally


def _of(sums: dict[Any, Sums], key: Any) -> Sums:
    found = sums.get(key)
    if found is None:
        found = sums[key] = Sums()
    return found


def _keep(heap: list[tuple[Decimal, int, Outcome]], size: Decimal, outcome: Outcome) -> None:
    """Keep the outcome if it is among the largest; of equal ones the session with the lowest id stays."""
    entry = (size, -outcome.session_id, outcome)
    if len(heap) < MOST_CHANGED:
        heappush(heap, entry)
    elif entry > heap[0]:
        heapreplace(heap, entry)


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, datetime) else value
        for name, value in outcome._asdict().items()
    }


def _outcome_from(document: Mapping[str, Any]) -> Outcome:
    amounts = ("net_before", "gross_before", "net_after", "gross_after")
    return Outcome(
        **{
            **document,
            "started_at": datetime.fromisoformat(document["started_at"]),
            **{name: Decimal(document[name]) for name in amounts},
        }
    )
