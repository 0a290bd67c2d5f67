"""The sweep: walk a session once, from breakpoint to breakpoint, and price what lies between.

Works in integers throughout; decimals are made only for the parts that are kept. Energy at a breakpoint is the register
value at that instant, interpolated between its two neighbours and rounded to the nearest milliwatt-hour. It depends on
the instant alone, so parts telescope to the metered total exactly, and cutting a stretch in two moves nothing.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from operator import attrgetter, le, lt
from typing import Final, NamedTuple

from apps.core.domain.money import EXACT
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import SessionFacts, VehicleState, ZeroEnergyPolicy
from apps.tariffs.domain.rated import ChargingPeriod, PricedPart
from apps.tariffs.domain.windows import DAY_MS, SHARES_PER_PICO, CompiledTariff, Rate, Selection

_at_of = attrgetter("at_ms")
_PICO: Final = -12
_CATEGORIES: Final = tuple(TaxCategory)


class UnratableFacts(ValueError):
    """The facts contradict themselves: an end before the start, or a register that was not cleaned."""


class Swept(NamedTuple):
    """What the sweep found; ``exact`` is the unrounded amount of each tax category that has a part."""

    periods: tuple[ChargingPeriod, ...]
    exact: dict[TaxCategory, Decimal]
    energy_milliwh: int
    charging_ms: int


class _Stretch(NamedTuple):
    """A part of the session under one selection and one reported state, UTC epoch ms, half-open."""

    start_ms: int
    end_ms: int
    selection: Selection
    state: VehicleState


class _Register:
    """The cleaned register as two columns, which bisection reads faster than objects."""

    __slots__ = ("_always_rises", "ats", "energies")

    def __init__(self, facts: SessionFacts) -> None:
        self.ats: list[int] = [reading.at_ms for reading in facts.register]
        self.energies: list[int] = [reading.energy_milliwh for reading in facts.register]
        if not _all_pairs(lt, self.ats):
            raise UnratableFacts("register instants do not ascend; clean_register first")
        self._always_rises = _all_pairs(lt, self.energies)
        if not self._always_rises and not _all_pairs(le, self.energies):
            raise UnratableFacts("the register falls; clean_register first")

    def value_at(self, at_ms: int) -> int:
        """Return the register at an instant; before the first and after the last reading it stands still."""
        after = bisect_right(self.ats, at_ms)
        if after == 0:
            return self.energies[0]
        value = self.energies[after - 1]
        if after == len(self.ats):
            return value
        since_ms = self.ats[after - 1]
        span_ms = self.ats[after] - since_ms
        rise = (self.energies[after] - value) * (at_ms - since_ms)
        return value + (2 * rise + span_ms) // (2 * span_ms)

    def moving_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how much of a stretch lies between two readings of which the later is higher."""
        if self._always_rises and self.ats:
            return max(min(end_ms, self.ats[-1]) - max(start_ms, self.ats[0]), 0)
        moving = 0
        for index in range(max(bisect_right(self.ats, start_ms), 1), len(self.ats)):
            since_ms = self.ats[index - 1]
            if since_ms >= end_ms:
                break
            if self.energies[index] > self.energies[index - 1]:
                moving += min(self.ats[index], end_ms) - max(since_ms, start_ms)
        return moving


def _all_pairs(is_so: Callable[[int, int], bool], numbers: list[int]) -> bool:
    """Compare each number with the next, in C."""
    return all(map(is_so, numbers, islice(numbers, 1, None)))


def sweep(*, tariff: CompiledTariff, facts: SessionFacts, zero_energy: ZeroEnergyPolicy) -> Swept:
    """Cut a session at its breakpoints and price each stretch.

    :raises UnratableFacts: the end lies before the start, or the register is not clean
    :raises ValueError: the zone's name is unknown
    """
    if facts.ended_at_ms < facts.started_at_ms:
        raise UnratableFacts("the session ends before it starts")
    register = _Register(facts)
    energies = register.energies
    energy = energies[-1] - energies[0] if energies else 0
    bill = _Bill(
        prices_flat=bool(energy) or zero_energy is not ZeroEnergyPolicy.FREE,
        prices_use=bool(energy) or zero_energy is ZeroEnergyPolicy.FULL,
    )
    periods: list[ChargingPeriod] = []
    # What was metered outside the session's instants belongs to its first or last period.
    begin = energies[0] if energies else None
    for stretch in _stretches(tariff, facts):
        end = begin
        if energies:
            end = energies[-1] if stretch.end_ms == facts.ended_at_ms else register.value_at(stretch.end_ms)
        periods.append(_period(stretch, register, bill, begin, end))
        begin = end
    for part in bill.steps():
        _append(periods, part)
    charging_ms = sum(period.charging_ms for period in periods)
    return Swept(tuple(periods), bill.exact(), energy, charging_ms)


def _period(
    stretch: _Stretch, register: _Register, bill: "_Bill", begin: int | None, end: int | None
) -> ChargingPeriod:
    """Price one stretch between two register values."""
    energy_milliwh = 0 if begin is None or end is None else end - begin
    charging_ms = _charging_ms(stretch, register)
    return ChargingPeriod(
        start_ms=stretch.start_ms,
        end_ms=stretch.end_ms,
        state=stretch.state,
        energy_milliwh=energy_milliwh,
        charging_ms=charging_ms,
        start_register_milliwh=begin,
        end_register_milliwh=end,
        parts=bill.price(stretch.selection, energy_milliwh, charging_ms),
    )


def _append(periods: list[ChargingPeriod], part: PricedPart) -> None:
    """Add a part to the last period in which its dimension was priced."""
    at = max(
        index
        for index, period in enumerate(periods)
        if any(priced.dimension is part.dimension for priced in period.parts)
    )
    periods[at] = replace(periods[at], parts=(*periods[at].parts, part))


class _Bill:
    """Prices stretches in order and keeps the exact sum of each tax category in integers."""

    __slots__ = ("_energy", "_energy_rate", "_prices_flat", "_prices_use", "_shares", "_time", "_time_rate")

    def __init__(self, *, prices_flat: bool, prices_use: bool) -> None:
        self._prices_flat = prices_flat
        self._prices_use = prices_use
        self._shares: dict[TaxCategory, int] = {}
        # The volume priced so far and the component that priced the last of it, for the step at the end.
        self._energy = self._time = 0
        self._energy_rate: Rate | None = None
        self._time_rate: Rate | None = None

    def price(self, selection: Selection, energy_milliwh: int, charging_ms: int) -> tuple[PricedPart, ...]:
        """Price one stretch; the first FLAT met is the session's only one."""
        parts = []
        if self._prices_flat and selection.flat is not None:
            self._prices_flat = False
            parts.append(self._part(selection.flat, 1, selection.flat.reason))
        if self._prices_use:
            if energy_milliwh and selection.energy is not None:
                self._energy += energy_milliwh
                self._energy_rate = selection.energy
                parts.append(self._part(selection.energy, energy_milliwh, selection.energy.reason))
            if charging_ms and selection.time is not None:
                self._time += charging_ms
                self._time_rate = selection.time
                parts.append(self._part(selection.time, charging_ms, selection.time.reason))
        return tuple(parts)

    def steps(self) -> Iterator[PricedPart]:
        """Round the priced volume up to its step, once per session, at the component that priced the last of it.

        A step of 1 is a watt-hour or a second, coarser than the register and the clock.
        """
        for quantity, rate in ((self._energy, self._energy_rate), (self._time, self._time_rate)):
            if rate is not None and quantity % rate.step:
                yield self._part(rate, -quantity % rate.step, rate.step_reason)

    def _part(self, rate: Rate, quantity: int, reason: str) -> PricedPart:
        """Book price × quantity.

        A third of a unit is no decimal: the amount is what the category's running sum, cut at 12 decimals, grows by.
        Energy and flat amounts never need the cut, and a cut sum rounds half up as the uncut one would.
        """
        before = self._shares.get(rate.tax_category, 0)
        after = before + rate.shares * quantity
        self._shares[rate.tax_category] = after
        pico = after // SHARES_PER_PICO - before // SHARES_PER_PICO
        return PricedPart(
            element_index=rate.element_index,
            dimension=rate.dimension,
            tax_category=rate.tax_category,
            quantity=quantity,
            price=rate.price,
            amount=Decimal(pico).scaleb(_PICO, context=EXACT),
            reason=reason,
        )

    def exact(self) -> dict[TaxCategory, Decimal]:
        """Return the amount of each category, in the order of ``TaxCategory``."""
        return {
            category: Decimal(self._shares[category] // SHARES_PER_PICO).scaleb(_PICO, context=EXACT)
            for category in _CATEGORIES
            if category in self._shares
        }


def _charging_ms(stretch: _Stretch, register: _Register) -> int:
    """Return how much of a stretch counts as charging.

    A reported state counts as reported. Of an unknown one, what passed between two readings that show energy is
    charging and the rest is neither charging nor parking (TARIFFS.md "Splitting" 2).
    """
    if stretch.state is VehicleState.CHARGING:
        return stretch.end_ms - stretch.start_ms
    if stretch.state is VehicleState.UNKNOWN:
        return register.moving_ms(stretch.start_ms, stretch.end_ms)
    return 0


def _stretches(tariff: CompiledTariff, facts: SessionFacts) -> Iterator[_Stretch]:
    """Merge the tariff's breakpoints with the state changes; a session of no length is one empty stretch."""
    selections = _selections(tariff, facts)
    states = _states(facts)
    start_ms = facts.started_at_ms
    while True:
        selection, state = selections[0][1], states[0][1]
        next_selection = selections[1][0] if len(selections) > 1 else facts.ended_at_ms
        next_state = states[1][0] if len(states) > 1 else facts.ended_at_ms
        end_ms = min(next_selection, next_state)
        yield _Stretch(start_ms, end_ms, selection, state)
        if end_ms == facts.ended_at_ms:
            return
        if next_selection == end_ms:
            del selections[0]
        if next_state == end_ms:
            del states[0]
        start_ms = end_ms


def _selections(tariff: CompiledTariff, facts: SessionFacts) -> list[tuple[int, Selection]]:
    """Return the selections of the session and from when each rules; the first one from the start."""
    start_ms, end_ms = facts.started_at_ms, facts.ended_at_ms
    found: list[tuple[int, Selection]] = []
    for day in range(start_ms // DAY_MS, max(end_ms - 1, start_ms) // DAY_MS + 1):
        for at_ms, selection in tariff.segments(facts.time_zone, day):
            if at_ms <= start_ms:
                found = [(start_ms, selection)]
            elif at_ms >= end_ms:
                break
            elif found[-1][1] is not selection:
                found.append((at_ms, selection))
    return found


def _states(facts: SessionFacts) -> list[tuple[int, VehicleState]]:
    """Return the states of the session and from when each holds; unknown until the first message."""
    start_ms, end_ms = facts.started_at_ms, facts.ended_at_ms
    found = [(start_ms, VehicleState.UNKNOWN)]
    for change in sorted(facts.states, key=_at_of):
        if change.at_ms <= start_ms:
            found = [(start_ms, change.state)]
        elif change.at_ms < end_ms:
            if found[-1][0] == change.at_ms:
                # Of two messages with one stamp the later-listed stands.
                found.pop()
            if not found or found[-1][1] is not change.state:
                found.append((change.at_ms, change.state))
    return found
