"""The terms of a tariff version: frozen values in the words of OCPI 2.2.1 mod_tariffs.

Owns the shapes only. ``parse.py`` makes them from JSON and is the one place that checks them; ``rating.py`` prices with
them. Invariant: what a value here can express, the engine prices; anything else was refused when parsed.
"""

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from apps.core.domain.tax import TaxCategory


class Dimension(StrEnum):
    """What a price component measures (OCPI 2.2.1 mod_tariffs, TariffDimensionType)."""

    ENERGY = "ENERGY"
    TIME = "TIME"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """What one unit of a dimension costs (OCPI 2.2.1 mod_tariffs, PriceComponent class).

    price         currency units per kWh (ENERGY), per hour of charging (TIME) or per session (FLAT), ≥ 0, at most
                  6 decimals, net or gross as ``TariffTerms.tax_included`` says
    tax_category  what it is taxed as; the rate is that of the day the supply ends
    step_size     Wh or s, to which the session's volume is rounded up, once; 1 is the only one supported so far
    """

    dimension: Dimension
    price: Decimal
    tax_category: TaxCategory = TaxCategory.STANDARD
    step_size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element holds; all that are set must hold at once (OCPI 2.2.1 mod_tariffs, TariffRestrictions class).

    start_time, end_time  local wall clock, start inclusive, end exclusive; end ≤ start wraps midnight, and an end of
                          00:00 is the end of the day. One alone reaches to the other end of the day.
    start_date, end_date  local dates of the instant, start inclusive, end exclusive
    day_of_week           local day of the instant (also inside a wrapped window), in week order; empty: every day
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffElement:
    """Price components that share one set of restrictions; at most one component a dimension."""

    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions = Restrictions()


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffTerms:
    """All that prices a session: for each dimension the first element that matches and has it wins.

    currency      ISO 4217 code
    tax_included  True: prices are gross (OCPI 2.3.0 ``tax_included`` YES); False: net
    """

    currency: str
    tax_included: bool
    elements: tuple[TariffElement, ...]
