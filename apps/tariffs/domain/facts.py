"""What is known of a session and on what terms it may be billed: the engine's inputs besides the tariff.

Invariants: instants are UTC epoch milliseconds, energy is integer milliwatt-hours of the import register.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Reading(NamedTuple):
    """One value of Energy.Active.Import.Register: milliwatt-hours at an instant (UTC epoch ms).

    A named tuple because a session has hundreds, and columns are cut from tuples in C.
    """

    at_ms: int
    energy_milliwh: int


class VehicleState(StrEnum):
    """What the station said of the vehicle (TARIFFS.md "Splitting" 2)."""

    CHARGING = "charging"
    IDLE = "idle"  # SuspendedEV: the vehicle requests no power
    HELD_BACK = "held_back"  # SuspendedEVSE: the station offers none
    UNKNOWN = "unknown"
    RESERVED = "reserved"  # no vehicle yet: the connector is kept for it


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """From this instant (UTC epoch ms) on the vehicle is in this state."""

    at_ms: int
    state: VehicleState


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Power in milliwatts or current in milliamperes, from this instant (UTC epoch ms) until the next value.

    value     None: unknown from here on
    inferred  worked out from the register instead of measured
    """

    at_ms: int
    value: int | None
    inferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A connector kept for a driver from ``start_ms`` until before ``end_ms`` (UTC epoch ms).

    expired  nobody came: there is nothing but the reservation to price
    """

    start_ms: int
    end_ms: int
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A session as evidenced.

    started_at_ms, ended_at_ms  UTC epoch ms, end ≥ start; both the end of the reservation when that expired
    time_zone                   IANA name of the location's zone at the start
    register                    cleaned readings, ``at_ms`` and ``energy_milliwh`` ascending (``clean_register``)
    states                      state messages, any order; before the first the state is unknown
    powers, currents            any order; unknown before the first. What was not measured may be inferred
                                (``mean_powers``), and is unknown where it was not.
    reservation                 what came before the session, if anything
    """

    started_at_ms: int
    ended_at_ms: int
    time_zone: str
    register: tuple[Reading, ...]
    states: tuple[StateChange, ...] = ()
    powers: tuple[Measured, ...] = ()
    currents: tuple[Measured, ...] = ()
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTerms:
    """What the grant changes of the tariff's price.

    discount_percent  of a membership tier: 0 < percent ≤ 100, at most 4 decimals, off every component; None: none
    limit_amount      gross, rounded to the minor unit: the session never costs more; None: no ceiling
    waive_below       gross, rounded: a total below this is waived whole; None: no floor
    free_reason       why it costs nothing ("Staff"), where the other terms say that it does; "" = no such reason
    """

    discount_percent: Decimal | None = None
    limit_amount: Decimal | None = None
    waive_below: Decimal | None = None
    free_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingInputs:
    """Everything but the tariff that a rating read, so that it can be repeated.

    tax_rates  fraction of the net (0.19) per tax category
    """

    facts: SessionFacts
    grant: GrantTerms
    tax_rates: Mapping[str, Decimal]
