"""What rating a session yields: periods, lines that adjust their sum, totals; frozen, explained, complete.

Invariants: period energies add up to the metered total; part amounts of a tax category add up to its exact amount
before adjustments; net + tax = gross in every total and in their sum; parts, rounded, and adjustments add up to it.

Named tuples, because a session has many and they are built several times faster than frozen dataclasses; the two
kinds that a session has dozens of are built faster still by ``tuple_of``.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from apps.tariffs.domain.facts import VehicleState
from apps.tariffs.domain.terms import Dimension, ZeroEnergyPolicy

tuple_of: Final = tuple.__new__
"""What a named tuple's own constructor does, without that function, which costs more than the tuple; takes the class
and a tuple of ALL its fields in their order, which nothing counts."""


class PricedPart(NamedTuple):
    """One dimension of one period, priced by one component.

    element_index  position of the element in the tariff, from 0
    quantity       milliwatt-hours (ENERGY), milliseconds (TIME, PARKING_TIME), 1 (FLAT)
    price          per kWh, per hour, per session, as in the tariff
    amount         price × quantity unrounded, net or gross as the tariff says. A TIME amount that no decimal can
                   hold is cut at 12 decimals so that the parts of a category add up to its exact amount.
    reason         why the element matched, or that the session's volume was rounded up to its step (a part of its own)
    """

    element_index: int
    dimension: Dimension
    tax_category: str
    quantity: int
    price: Decimal
    amount: Decimal
    reason: str


class ChargingPeriod(NamedTuple):
    """A stretch in which neither the tariff nor the reported state changed (OCPI 2.2.1 mod_cdrs, ChargingPeriod).

    start_ms, end_ms                          UTC epoch ms, half-open
    energy_milliwh                            metered in the period
    charging_ms, idle_ms                      of the period, how long it counts as charging and as idling; the rest
                                              (held back, unknown without energy, quiet hours) counts as neither
    start_register_milliwh, end_register_…    the register at both ends, interpolated between two readings; None when
                                              the session has no reading
    """

    start_ms: int
    end_ms: int
    state: VehicleState
    energy_milliwh: int
    charging_ms: int
    idle_ms: int
    start_register_milliwh: int | None
    end_register_milliwh: int | None
    parts: tuple[PricedPart, ...]


class CategoryTotal(NamedTuple):
    """The rounded amounts of one tax category; ``rate`` is a fraction of the net (0.19)."""

    tax_category: str
    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


class AdjustmentKind(StrEnum):
    """Why the total is not the sum of the parts, in the order in which they apply (TARIFFS.md "Quantity, steps")."""

    IDLE_CAP = "idle_cap"
    DISCOUNT = "discount"
    MIN_PRICE = "min_price"
    MAX_PRICE = "max_price"
    CEILING = "ceiling"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A line of its own beside the parts; amounts are rounded, negative but for ``MIN_PRICE``.

    split  its share of each tax category, pro rata; adds up to net, tax and gross
    """

    kind: AdjustmentKind
    reason: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    split: tuple[CategoryTotal, ...]


class ExactAmount(NamedTuple):
    """What the session costs before the grant's ceiling and floor, and before any rounding.

    The side that the tariff states is exact; the other is derived by the rate, to 12 decimals. A minimum or maximum
    price bounds each side by its own amount, as OCPI states them.
    """

    net: Decimal
    gross: Decimal


class RatedSession(NamedTuple):
    """A priced session.

    idle_amount  what idling cost, its cap applied, unrounded, net or gross as the tariff says
    totals       per tax category, rounded once, after the adjustments
    zero_energy  the policy that decided what a session without energy costs; None when there was energy
    """

    currency: str
    energy_milliwh: int
    charging_ms: int
    idle_ms: int
    idle_amount: Decimal
    periods: tuple[ChargingPeriod, ...]
    adjustments: tuple[Adjustment, ...]
    totals: tuple[CategoryTotal, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal
    exact: ExactAmount
    zero_energy: ZeroEnergyPolicy | None
    engine_version: str
