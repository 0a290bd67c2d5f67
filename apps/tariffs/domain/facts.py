"""What is known of a session and on what terms it may be billed: the engine's inputs besides the tariff.

Invariants: instants are UTC epoch milliseconds, energy is integer milliwatt-hours of the import register.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.core.domain.tax import TaxCategory


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of Energy.Active.Import.Register: milliwatt-hours at an instant (UTC epoch ms)."""

    at_ms: int
    energy_milliwh: int


class VehicleState(StrEnum):
    """What the station said of the vehicle (TARIFFS.md "Splitting" 2)."""

    CHARGING = "charging"
    IDLE = "idle"  # SuspendedEV: the vehicle requests no power
    HELD_BACK = "held_back"  # SuspendedEVSE: the station offers none
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """From this instant (UTC epoch ms) on the vehicle is in this state."""

    at_ms: int
    state: VehicleState


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A session as evidenced.

    started_at_ms, ended_at_ms  UTC epoch ms, end ≥ start
    time_zone                   IANA name of the location's zone at the start
    register                    cleaned readings, ``at_ms`` and ``energy_milliwh`` ascending (``clean_register``)
    states                      state messages, any order; before the first the state is unknown
    """

    started_at_ms: int
    ended_at_ms: int
    time_zone: str
    register: tuple[Reading, ...]
    states: tuple[StateChange, ...] = ()


class ZeroEnergyPolicy(StrEnum):
    """What a session without energy costs: nothing, its FLAT alone, or everything."""

    FREE = "free"
    FLAT_ONLY = "flat_only"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTerms:
    """The grant's ceiling and floor, gross, rounded to the minor unit; None: none.

    limit_amount  the session never costs more
    waive_below   a total below this is waived whole
    """

    limit_amount: Decimal | None = None
    waive_below: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingInputs:
    """Everything but the tariff that a rating read, so that it can be repeated.

    tax_rates  fraction of the net (0.19) per tax category
    """

    facts: SessionFacts
    grant: GrantTerms
    tax_rates: Mapping[TaxCategory, Decimal]
    zero_energy: ZeroEnergyPolicy
