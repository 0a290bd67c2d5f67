"""What the vehicle did, as the engine reads it: built from what messages said and from the register.

Owns TARIFFS.md "Splitting" 2 and 5 as far as they do not depend on prices: warming up is not idling, standing there
after the stop is, and what no message said stays unknown. Instants are UTC epoch ms, half-open.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from apps.tariffs.domain.facts import Measured, Reading, StateChange, VehicleState

_FIRST_WH_MILLIWH: Final = 1_000
_MILLIWATT_MS_PER_MILLIWH: Final = 3_600_000
"""Milliwatt-hours ÷ ms × this = milliwatts."""
_at_of = attrgetter("at_ms")
_energy_of = attrgetter("energy_milliwh")


def timeline(
    *, said: Iterable[StateChange], register: Sequence[Reading], stopped_at_ms: int, ended_at_ms: int
) -> tuple[StateChange, ...]:
    """Return the states of a session, ascending: as said until the stop, then idle for as long as it goes on.

    Idling before the first Wh is told as held back, which counts neither as charging nor as idling: the vehicle warms
    up, and its driver owes nothing for that. A session without a Wh never stopped warming up.

    said         what messages said while charging, any order; of one instant the later-listed stands
    register     cleaned (``clean_register``)
    ended_at_ms  until when the vehicle is known to have stood there; the stop where nothing is known
    """
    during = [change for change in sorted(said, key=_at_of) if change.at_ms < stopped_at_ms]
    warm_at_ms = _warm_at(during, register)
    states = list(_warmed_up(during, stopped_at_ms if warm_at_ms is None else warm_at_ms, stopped_at_ms))
    if ended_at_ms > stopped_at_ms:
        states.append(StateChange(at_ms=stopped_at_ms, state=VehicleState.IDLE))
    return tuple(states)


def _warm_at(said: Sequence[StateChange], register: Sequence[Reading]) -> int | None:
    """Return when warming up was over; None: never.

    Where the first Wh lies between two readings, it flowed at the earliest when interpolation says so, and is proven by
    the later reading or by a message that the vehicle charges, whichever came first.
    """
    if not register:
        return None
    first_wh = register[0].energy_milliwh + _FIRST_WH_MILLIWH
    after = bisect_left(register, first_wh, key=_energy_of)
    if after == len(register):
        return None
    since, until = register[after - 1], register[after]
    span_ms, rise = until.at_ms - since.at_ms, until.energy_milliwh - since.energy_milliwh
    flowed_at_ms = since.at_ms - (since.energy_milliwh - first_wh) * span_ms // rise
    charging = [change.at_ms for change in said if change.state is VehicleState.CHARGING]
    return max(flowed_at_ms, min([until.at_ms, *charging]))


def _warmed_up(said: Sequence[StateChange], warm_at_ms: int, stopped_at_ms: int) -> Iterable[StateChange]:
    """Tell idling as held back until ``warm_at_ms``; what still idles then idles from then on."""
    for index, change in enumerate(said):
        if change.state is not VehicleState.IDLE or change.at_ms >= warm_at_ms:
            yield change
            continue
        yield StateChange(at_ms=change.at_ms, state=VehicleState.HELD_BACK)
        until_ms = said[index + 1].at_ms if index + 1 < len(said) else stopped_at_ms
        if until_ms > warm_at_ms:
            yield StateChange(at_ms=warm_at_ms, state=VehicleState.IDLE)


def mean_powers(register: Sequence[Reading]) -> tuple[Measured, ...]:
    """Return the mean power between readings in milliwatts, rounded half up, inferred; unknown after the last.

    register  cleaned (``clean_register``)
    """
    powers = [
        Measured(at_ms=since.at_ms, value=_mean_milliwatts(since, until), inferred=True)
        for since, until in pairwise(register)
    ]
    if powers:
        powers.append(Measured(at_ms=register[-1].at_ms, value=None, inferred=True))
    return tuple(powers)


def _mean_milliwatts(since: Reading, until: Reading) -> int:
    span_ms = until.at_ms - since.at_ms
    rise = (until.energy_milliwh - since.energy_milliwh) * _MILLIWATT_MS_PER_MILLIWH
    return (2 * rise + span_ms) // (2 * span_ms)


def measured_or_mean(
    *, measured: Iterable[Measured], register: Sequence[Reading], stopped_at_ms: int, ended_at_ms: int
) -> tuple[Measured, ...]:
    """Return the session's powers, ascending: as measured, before the first value the mean of each interval.

    A value measured holds until the next. What a stopped station delivers is nothing, measured or not.
    """
    told = sorted((value for value in measured if value.at_ms < stopped_at_ms), key=_at_of)
    known_at_ms = told[0].at_ms if told else stopped_at_ms
    means = (mean for mean in mean_powers(register) if mean.at_ms < known_at_ms)
    return (*means, *nothing_after_the_stop(told, stopped_at_ms=stopped_at_ms, ended_at_ms=ended_at_ms))


def nothing_after_the_stop(
    measured: Iterable[Measured], *, stopped_at_ms: int, ended_at_ms: int
) -> tuple[Measured, ...]:
    """Return what was measured before the stop, ascending, and zero from the stop on where the session goes on."""
    told = sorted((value for value in measured if value.at_ms < stopped_at_ms), key=_at_of)
    if ended_at_ms > stopped_at_ms:
        told.append(Measured(at_ms=stopped_at_ms, value=0, inferred=True))
    return tuple(told)
