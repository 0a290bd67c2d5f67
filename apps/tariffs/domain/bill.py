"""The bill of one session while it is swept: parts, and the exact sum of each tax category in integers."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT
from apps.tariffs.domain.compiled import SHARES_PER_PICO, Rate, Selection
from apps.tariffs.domain.rated import PricedPart, tuple_of
from apps.tariffs.domain.terms import Dimension

# An enum's member is found by a call; where each part asks, it has a name of its own.
_PARKING_TIME: Final = Dimension.PARKING_TIME
_PICO: Final = Decimal("1e-12")
_times: Final = EXACT.multiply
"""Takes an integer as it is; ``scaleb`` would cost three times as much."""


def exact_amount(shares: int) -> Decimal:
    """Return shares as an amount, cut at 12 decimals; ties lie on one of them, so the cut changes no rounding."""
    return _times(shares // SHARES_PER_PICO, _PICO)


class Bill:
    """Prices stretches in order, phase after phase (a reservation, then the session).

    shares       the exact sum of each tax category of the tariff, in its order, in 1/18 of 10⁻¹² currency units;
                 None: it has no part
    idle_shares  of it, what PARKING_TIME cost, by the category's index, in the order in which idling met them
    """

    __slots__ = (
        "_energy",
        "_energy_rate",
        "_parking",
        "_parking_rate",
        "_prices_flat",
        "_prices_use",
        "_time",
        "_time_rate",
        "idle_shares",
        "shares",
    )

    def __init__(self, tax_categories: int) -> None:
        self.shares: list[int | None] = [None] * tax_categories
        self.idle_shares: dict[int, int] = {}

    def begin(self, *, prices_flat: bool, prices_use: bool) -> None:
        """Begin a phase, with a FLAT and volumes of its own."""
        self._prices_flat = prices_flat
        self._prices_use = prices_use
        # Of each: the volume priced so far, and what priced the last of it, for the step at the end.
        self._energy = self._time = self._parking = 0
        self._energy_rate: Rate | None = None
        self._time_rate: Rate | None = None
        self._parking_rate: Rate | None = None

    def price(self, selection: Selection, energy_milliwh: int, time_ms: int, idle_ms: int) -> tuple[PricedPart, ...]:
        """Price one stretch; the first FLAT met is the phase's only one."""
        parts: tuple[PricedPart, ...] = ()
        if self._prices_flat and (rate := selection.flat) is not None:
            self._prices_flat = False
            parts = (self._part(rate, 1, rate.reason),)
        if self._prices_use:
            if energy_milliwh and (rate := selection.energy) is not None:
                self._energy += energy_milliwh
                self._energy_rate = rate
                parts += (self._part(rate, energy_milliwh, rate.reason),)
            if time_ms and (rate := selection.time) is not None:
                self._time += time_ms
                self._time_rate = rate
                parts += (self._part(rate, time_ms, rate.reason),)
            if idle_ms and (rate := selection.parking) is not None:
                self._parking += idle_ms
                self._parking_rate = rate
                parts += (self._part(rate, idle_ms, rate.reason),)
        return parts

    def steps(self) -> Iterator[PricedPart]:
        """Round the phase's priced volumes up to their steps, once each, at the component that priced the last of it.

        Of the two time dimensions only parking is stepped when any was priced (OCPI 2.2.1 mod_cdrs, "step_size").
        """
        timed = (self._parking, self._parking_rate) if self._parking_rate else (self._time, self._time_rate)
        for quantity, rate in ((self._energy, self._energy_rate), timed):
            if rate is not None and quantity % rate.step:
                yield self._part(rate, -quantity % rate.step, rate.step_reason)

    def _part(self, rate: Rate, quantity: int, reason: str) -> PricedPart:
        """Book price × quantity.

        A third of a unit is no decimal: the amount is what the category's running sum, cut at 12 decimals, grows by.
        Energy and flat amounts never need the cut, and a cut sum rounds half up as the uncut one would.
        """
        shares = rate.shares * quantity
        before = self.shares[rate.category] or 0
        after = self.shares[rate.category] = before + shares
        if rate.dimension is _PARKING_TIME:
            self.idle_shares[rate.category] = self.idle_shares.get(rate.category, 0) + shares
        amount = _times(after // SHARES_PER_PICO - before // SHARES_PER_PICO, _PICO)
        return tuple_of(
            PricedPart, (rate.element_index, rate.dimension, rate.tax_category, quantity, rate.price, amount, reason)
        )
