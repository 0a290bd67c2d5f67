"""A session's parts by local hour: energy as its readings say, money as its periods cost, time as it passed.

Invariant: whatever hours a session touches, its shares add up to the session, to the milliwatt-hour, the millisecond
and the smallest amount of its currency.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from apps.core.domain.zones import zone

_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class Stretch(NamedTuple):
    """A charging period, and what its parts cost in millionths of the currency: by energy, by time, once."""

    start_ms: int
    end_ms: int
    charging_ms: int
    energy_cost: int
    time_cost: int
    flat_cost: int


class Counted(NamedTuple):
    """What is counted of a session.

    started_ms, left_ms  from the start until the vehicle was gone, UTC epoch ms
    net_minor            net, in the smallest amounts of its currency, credits taken off; negative where more went back
    register             (at_ms, energy_milliwh), both ascending; empty: nothing is known between start and end
    """

    started_ms: int
    left_ms: int
    energy_milliwh: int
    net_minor: int
    register: tuple[tuple[int, int], ...]
    stretches: tuple[Stretch, ...]


class Share(NamedTuple):
    """What an hour has of a session; ``sessions`` is 1 in the hour in which it began, else 0."""

    starts_ms: int
    local_date: date
    local_hour: int
    sessions: int
    energy_milliwh: int
    net_minor: int
    in_use_ms: int
    charging_ms: int


def shares_of(session: Counted, *, time_zone: str) -> tuple[Share, ...]:
    """Split a session by the hours of a zone's clock, the first first; an hour that the clock repeats is two.

    :raises ValueError: no such zone
    """
    marks = hour_marks(session.started_ms, session.left_ms, time_zone=time_zone)
    ends = [session.started_ms, *marks[1:], max(session.left_ms, session.started_ms)]
    # What lies before the start (a reservation) or after the end belongs to the hour at that edge.
    energies = apportion(session.energy_milliwh, _energies(session, ends))
    charged = apportion(sum(each.charging_ms for each in session.stretches), _charging(session, ends))
    nets = apportion(session.net_minor, _costs(session, ends))
    there = zone(time_zone)
    shares = []
    for index, starts_ms in enumerate(marks):
        local = (_EPOCH + starts_ms * _MS).astimezone(there)
        shares.append(
            Share(
                starts_ms=starts_ms,
                local_date=local.date(),
                local_hour=local.hour,
                sessions=1 if index == 0 else 0,
                energy_milliwh=energies[index],
                net_minor=nets[index],
                in_use_ms=ends[index + 1] - ends[index],
                charging_ms=charged[index],
            )
        )
    return tuple(shares)


def hour_marks(begin_ms: int, end_ms: int, *, time_zone: str) -> list[int]:
    """Return where the local hours begin that a span touches, the one of its begin first (UTC epoch ms)."""
    there = zone(time_zone)
    at = _hour_of((_EPOCH + begin_ms * _MS).astimezone(there))
    marks = [(at - _EPOCH) // _MS]
    while True:
        # A clock that jumps by half an hour has an hour of that length, never one that goes back.
        later = at + _HOUR
        on_the_hour = _hour_of(later.astimezone(there))
        at = on_the_hour if on_the_hour > at else later
        if (at - _EPOCH) // _MS >= end_ms:
            return marks
        marks.append((at - _EPOCH) // _MS)


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split a total by weights ≥ 0, all of it; without any weight the first has it all."""
    whole = sum(weights)
    if not whole:
        return [total, *[0] * (len(weights) - 1)]
    reached = [total * so_far // whole for so_far in accumulate(weights)]
    return [later - earlier for earlier, later in pairwise([0, *reached])]


def _hour_of(local: datetime) -> datetime:
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return local.astimezone(UTC) - past


def _energies(session: Counted, ends: Sequence[int]) -> list[int]:
    if not session.register:
        return [later - earlier for earlier, later in pairwise(ends)]
    reached = [_register_at(session.register, at) for at in ends]
    return [later - earlier for earlier, later in pairwise(reached)]


def _register_at(register: Sequence[tuple[int, int]], at_ms: int) -> int:
    """Return the register at an instant, on the line between two readings; outside of them the nearest."""
    after = bisect_right(register, at_ms, key=lambda reading: reading[0])
    if after == 0:
        return register[0][1]
    begin_ms, begin = register[after - 1]
    if after == len(register):
        return begin
    end_ms, end = register[after]
    return begin + (end - begin) * (at_ms - begin_ms) // (end_ms - begin_ms)


def _charging(session: Counted, ends: Sequence[int]) -> list[int]:
    return [
        sum(each.charging_ms * _overlap(each, begin, end) // _length(each) for each in session.stretches)
        for begin, end in pairwise(ends)
    ]


def _costs(session: Counted, ends: Sequence[int]) -> list[int]:
    """Return what each hour weighs in the price; where nothing has a price, as its energy."""
    weights = [0] * (len(ends) - 1)
    for each in session.stretches:
        cut = [min(max(at, each.start_ms), each.end_ms) for at in ends]
        cut[0], cut[-1] = each.start_ms, each.end_ms
        for index, part in enumerate(apportion(each.energy_cost, _energies(session, cut))):
            weights[index] += part
        for index, part in enumerate(apportion(each.time_cost, [later - earlier for earlier, later in pairwise(cut)])):
            weights[index] += part
        weights[min(max(bisect_right(ends, each.start_ms) - 1, 0), len(weights) - 1)] += each.flat_cost
    return weights if any(weights) else _energies(session, ends)


def _overlap(stretch: Stretch, begin_ms: int, end_ms: int) -> int:
    return max(min(stretch.end_ms, end_ms) - max(stretch.start_ms, begin_ms), 0)


def _length(stretch: Stretch) -> int:
    return max(stretch.end_ms - stretch.start_ms, 1)
