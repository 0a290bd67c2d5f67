"""The terms of a tariff version: frozen values in the words of OCPI 2.2.1 mod_tariffs.

Owns the shapes only. ``parse.py`` makes them from JSON and is the one place that checks them; ``rating.py`` prices with
them. Invariant: what a value here can express, the engine prices; anything else was refused when parsed.
"""

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.tax import TaxCategory


class Dimension(StrEnum):
    """What a price component measures (OCPI 2.2.1 mod_tariffs, TariffDimensionType)."""

    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    FLAT = "FLAT"


class DayOfWeek(StrEnum):
    """A day of the local week, in week order (OCPI 2.2.1 mod_tariffs, DayOfWeek)."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


WEEK: tuple[DayOfWeek, ...] = tuple(DayOfWeek)


class ReservationRestriction(StrEnum):
    """An element that prices a reservation and never a charging session (OCPI 2.2.1, ReservationRestrictionType)."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class ZeroEnergyPolicy(StrEnum):
    """What a session without energy costs: nothing, its FLAT alone, or everything."""

    FREE = "free"
    FLAT_ONLY = "flat_only"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """What one unit of a dimension costs (OCPI 2.2.1 mod_tariffs, PriceComponent class).

    price         currency units per kWh (ENERGY), per hour (TIME, PARKING_TIME) or per session (FLAT), ≥ 0, at most
                  6 decimals, net or gross as ``TariffTerms.tax_included`` says
    tax_category  what it is taxed as, a ``TaxCategory``; the rate is that of the day the supply ends. Price files
                  that state bare percentages use a name of their own for each.
    step_size     Wh or s, ≥ 1, to which the session's volume is rounded up, once
    """

    dimension: Dimension
    price: Decimal
    tax_category: str = TaxCategory.STANDARD
    step_size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element holds; all that are set must hold at once (OCPI 2.2.1 mod_tariffs, TariffRestrictions class).

    start_time, end_time  local wall clock, start inclusive, end exclusive; end ≤ start wraps midnight, and an end of
                          00:00 is the end of the day. One alone reaches to the other end of the day.
    start_date, end_date  local dates of the instant, start inclusive, end exclusive
    day_of_week           local day of the instant (also inside a wrapped window), in week order; empty: every day
    holiday               True: only on the tariff's holidays; False: never on one; None: no matter
    min_kwh, max_kwh      energy of the session so far, kWh
    min_power, max_power  kW, min_current, max_current  A, as measured; unknown power or current never holds
    min_duration, …       seconds since the session (or reservation) began
    min_charging_time, …  seconds of charging so far; min_idle_time, … seconds of idling so far, added up over the
                          session, quiet hours left out (OCPP 2.1 TariffConditionsType)
    reservation           the element prices a reservation only; None: a charging session only

    Every ``min_`` is inclusive, every ``max_`` exclusive.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()
    holiday: bool | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    min_charging_time: int | None = None
    max_charging_time: int | None = None
    min_idle_time: int | None = None
    max_idle_time: int | None = None
    reservation: ReservationRestriction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffElement:
    """Price components that share one set of restrictions; at most one component a dimension."""

    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions = Restrictions()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLimit:
    """The least or most a session costs (OCPI 2.2.1 mod_types, Price class); at least one side is set.

    excl_vat, incl_vat  currency units, ≥ 0, at most 6 decimals; where both are set both hold
    """

    excl_vat: Decimal | None = None
    incl_vat: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRules:
    """What bounds the price of idling (PARKING_TIME), beyond OCPI.

    max_amount             what all idling of a session costs at most, net or gross as the tariff says; None: no cap
    quiet_start, quiet_end  local wall clock, as a time restriction: idling in between neither costs nor counts.
                            Both or neither are set.
    """

    max_amount: Decimal | None = None
    quiet_start: time | None = None
    quiet_end: time | None = None


SETTLE_AFTER_S: Final = 900
"""Seconds of a station's silence after which an ended session is settled, where the tariff says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffTerms:
    """All that prices a session: for each dimension the first element that matches and has it wins.

    currency      ISO 4217 code
    tax_included  True: prices are gross (OCPI 2.3.0 ``tax_included`` YES); False: net
    min_price, max_price  hold for the session's total; a session that its zero-energy policy lets off has no minimum
    holidays      local dates, ascending, which ``Restrictions.holiday`` tests
    zero_energy   what a session without energy costs
    settle_after_s  see ``SETTLE_AFTER_S``
    """

    currency: str
    tax_included: bool
    elements: tuple[TariffElement, ...]
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    idle: IdleRules = IdleRules()
    holidays: tuple[date, ...] = ()
    zero_energy: ZeroEnergyPolicy = ZeroEnergyPolicy.FREE
    settle_after_s: int = SETTLE_AFTER_S
