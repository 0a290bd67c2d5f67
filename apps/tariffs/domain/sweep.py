"""The sweep: walk a session once, from breakpoint to breakpoint, and price what lies between.

Works in integers throughout; decimals are made only for the parts that are kept. Energy at a breakpoint is the register
value at that instant, interpolated between its two neighbours and rounded to the nearest milliwatt-hour; at an energy
threshold it is the threshold itself. Either way it depends on the instant alone, so parts telescope to the metered
total exactly, and cutting a stretch in two moves nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from apps.tariffs.domain.bill import Bill
from apps.tariffs.domain.compiled import Axis, CompiledElements, CompiledTariff, Pattern, Selection
from apps.tariffs.domain.facts import Reservation, SessionFacts, VehicleState
from apps.tariffs.domain.rated import ChargingPeriod, PricedPart, tuple_of
from apps.tariffs.domain.terms import ZeroEnergyPolicy
from apps.tariffs.domain.tracks import (
    RegisterColumns,
    Span,
    Track,
    UnratableFacts,
    band_track,
    charging_time_ms,
    energy_track,
    pattern_track,
    state_track,
)

# An enum's member is found by a call; where each stretch asks, it has a name of its own.
_IDLE: Final = VehicleState.IDLE
_FIRST_AXIS: Final = 2
"""Slots of what holds now: the clock's pattern, the state, then a band per axis."""


class Swept(NamedTuple):
    """What the sweep found.

    shares       exact amount of each tax category of the tariff, in 1/18 of 10⁻¹² currency units; None: no part
    idle_shares  of it, what idling cost, before its cap, by the category's index, in the order of first idling
    is_let_off   the session has no energy and its policy lets it off
    """

    periods: tuple[ChargingPeriod, ...]
    shares: list[int | None]
    idle_shares: dict[int, int]
    energy_milliwh: int
    charging_ms: int
    idle_ms: int
    is_let_off: bool


Stretch: TypeAlias = tuple[int, int, int | None, Selection, VehicleState, bool]
"""Start and end (UTC epoch ms, half-open), the register at the end where an energy threshold says so (None:
interpolate), and what held throughout: who wins, the vehicle's state, and whether idling is quiet."""


def sweep(*, tariff: CompiledTariff, facts: SessionFacts) -> Swept:
    """Cut a session and its reservation at their breakpoints and price each stretch.

    :raises UnratableFacts: an end lies before its start, or the register is not clean
    :raises ValueError: the zone's name is unknown
    """
    if facts.ended_at_ms < facts.started_at_ms:
        raise UnratableFacts("the session ends before it starts")
    register = RegisterColumns(facts)
    energies = register.energies
    energy = energies[-1] - energies[0] if energies else 0
    bill = Bill(len(tariff.tax_categories))
    periods: list[ChargingPeriod] = []
    is_let_off = False
    if facts.reservation is not None:
        periods += _reserved(tariff, facts, facts.reservation, bill)
    if facts.reservation is None or not facts.reservation.expired:
        policy = tariff.terms.zero_energy
        is_let_off = not energy and policy is not ZeroEnergyPolicy.FULL
        bill.begin(
            prices_flat=bool(energy) or policy is not ZeroEnergyPolicy.FREE,
            prices_use=not is_let_off,
        )
        periods += _charged(tariff.charging, facts, register, bill)
    charging_ms = idle_ms = 0
    for period in periods:
        charging_ms += period.charging_ms
        idle_ms += period.idle_ms
    return Swept(tuple(periods), bill.shares, bill.idle_shares, energy, charging_ms, idle_ms, is_let_off)


def _charged(
    elements: CompiledElements, facts: SessionFacts, register: RegisterColumns, bill: Bill
) -> list[ChargingPeriod]:
    """Price the session itself."""
    periods: list[ChargingPeriod] = []
    energies = register.energies
    # What was metered outside the session's instants belongs to its first or last period.
    begin = energies[0] if energies else None
    span = Span(facts.started_at_ms, facts.ended_at_ms)
    for start_ms, end_ms, end, selection, state, is_quiet in _cut(
        elements, facts, register, span, state_track(facts, span)
    ):
        if energies and end is None:
            end = energies[-1] if end_ms == span.end_ms else register.value_at(end_ms)
        if start_ms == end_ms and begin == end and (periods or end_ms != span.end_ms):
            continue
        energy_milliwh = 0 if begin is None or end is None else end - begin
        charging_ms = charging_time_ms(start_ms, end_ms, state, register)
        idle_ms = end_ms - start_ms if state is _IDLE and not is_quiet else 0
        parts = bill.price(selection, energy_milliwh, charging_ms, idle_ms)
        period = (start_ms, end_ms, state, energy_milliwh, charging_ms, idle_ms, begin, end, parts)
        periods.append(tuple_of(ChargingPeriod, period))
        begin = end
    return _with_steps(periods, bill)


def _reserved(
    tariff: CompiledTariff, facts: SessionFacts, reservation: Reservation, bill: Bill
) -> list[ChargingPeriod]:
    """Price the time a connector was kept: it has no register, and all of it counts."""
    span = Span(reservation.start_ms, reservation.end_ms)
    if span.end_ms < span.start_ms:
        raise UnratableFacts("the reservation ends before it starts")
    if span.end_ms > facts.started_at_ms:
        raise UnratableFacts("the reservation goes on after the session started")
    bill.begin(prices_flat=True, prices_use=True)
    elements = tariff.reserved(expired=reservation.expired)
    kept = replace(facts, register=(), states=(), powers=(), currents=())
    states: Track[VehicleState] = [(span.start_ms, VehicleState.RESERVED)]
    register = RegisterColumns(kept)
    periods = [
        ChargingPeriod(
            start_ms=start_ms,
            end_ms=end_ms,
            state=VehicleState.RESERVED,
            energy_milliwh=0,
            charging_ms=0,
            idle_ms=0,
            start_register_milliwh=None,
            end_register_milliwh=None,
            parts=bill.price(selection, 0, end_ms - start_ms, 0),
        )
        for start_ms, end_ms, _, selection, _, _ in _cut(elements, kept, register, span, states)
    ]
    return _with_steps(periods, bill)


def _with_steps(periods: list[ChargingPeriod], bill: Bill) -> list[ChargingPeriod]:
    """Add what rounding up to the steps costs, each to the last period in which its dimension was priced."""
    for part in bill.steps():
        at = max(index for index, period in enumerate(periods) if _prices(period, part))
        periods[at] = periods[at]._replace(parts=(*periods[at].parts, part))
    return periods


def _prices(period: ChargingPeriod, part: PricedPart) -> bool:
    return any(priced.dimension is part.dimension for priced in period.parts)


def _cut(
    elements: CompiledElements,
    facts: SessionFacts,
    register: RegisterColumns,
    span: Span,
    states: Track[VehicleState],
) -> Iterator[Stretch]:
    """Merge the tracks and yield a stretch wherever winner, state or quiet changes; one, if the span is empty."""
    patterns = pattern_track(elements, span, facts.time_zone)
    tracks: list[list[Any]] = [patterns, states]
    tracks += [
        _band_track(axis, thresholds, facts, register, span, states, patterns)
        for axis, thresholds in elements.axes.items()
    ]
    events = _events(tracks, with_energy=Axis.ENERGY in elements.axes)
    now = [track[0][1] for track in tracks]
    won, was, was_quiet = _holding(elements, now)
    start_ms = span.start_ms
    last = len(events) - 1
    for index, (at_ms, slot, value, end_milliwh) in enumerate(events):
        now[slot] = value
        # What happens in one millisecond happens at once, but for energy thresholds: each has its own register value.
        if end_milliwh is None and index < last and events[index + 1][0] == at_ms:
            continue
        selection, state, is_quiet = _holding(elements, now)
        if selection is not won or state is not was or is_quiet is not was_quiet:
            yield start_ms, at_ms, end_milliwh, won, was, was_quiet
            start_ms, won, was, was_quiet = at_ms, selection, state, is_quiet
    yield start_ms, span.end_ms, None, won, was, was_quiet


def _events(tracks: list[list[Any]], *, with_energy: bool) -> list[tuple[int, int, Any, int | None]]:
    """Return (UTC epoch ms, slot, value, register there if an energy threshold says so) of all tracks, ascending."""
    events: list[tuple[int, int, Any, int | None]] = []
    if with_energy:
        # First, so that a stable sort keeps them before what else happens in their millisecond.
        events = [(at_ms, _FIRST_AXIS, band, energy) for at_ms, band, energy in tracks[_FIRST_AXIS][1:]]
    for slot, track in enumerate(tracks):
        if not with_energy or slot != _FIRST_AXIS:
            events += [(at_ms, slot, value, None) for at_ms, value in track[1:]]
    events.sort(key=itemgetter(0))
    return events


def _band_track(
    axis: Axis,
    thresholds: tuple[int, ...],
    facts: SessionFacts,
    register: RegisterColumns,
    span: Span,
    states: Track[VehicleState],
    patterns: Track[Pattern],
) -> list[Any]:
    """Return the bands of one axis; those of energy carry the register's value as well."""
    if axis is Axis.ENERGY:
        return energy_track(register, thresholds, span)
    return band_track(axis, thresholds, span=span, facts=facts, register=register, states=states, patterns=patterns)


def _holding(elements: CompiledElements, now: list[Any]) -> tuple[Selection, VehicleState, bool]:
    """Return who wins, in which state, and whether idling is quiet; ``now`` is pattern, state, band per axis."""
    pattern, state = now[0], now[1]
    bands = tuple(now[_FIRST_AXIS:])
    # Nearly every combination was met before, if not in this session then in another.
    selection = pattern.winners.get(bands) or elements.select(pattern, bands)
    return selection, state, pattern.is_quiet and state is _IDLE
