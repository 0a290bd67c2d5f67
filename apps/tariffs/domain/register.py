"""Clean a session's meter register before anything is priced (TARIFFS.md "Splitting" 1).

Owns the decision whether a register may be billed by itself. What is odd is named for an operator, never repaired: an
invented kilowatt-hour would be somebody's money.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby, islice, pairwise, repeat
from operator import attrgetter
from typing import Final, NamedTuple

from apps.tariffs.domain.columns import columns_of
from apps.tariffs.domain.facts import Reading

__all__ = ["CleanRegister", "Reading", "RegisterProblem", "RegisterProblemCode", "clean_register"]

_at_of = attrgetter("at_ms")
_energy_of = attrgetter("energy_milliwh")

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
ALLOWANCE_MILLIWH: Final = 100_000
"""100 Wh: what a coarse register and clocks in whole seconds may add between any two readings."""
HEADROOM_PERCENT: Final = 110
"""Meters, clocks and nameplates are not exact: a tenth above the connector's power is let pass."""
STRONGEST_CONNECTOR_W: Final = 1_000_000
"""What a connector of unknown power is taken to deliver at most; a begin of 0 is judged against it too."""


class RegisterProblemCode(StrEnum):
    """Why a register is not billed by itself."""

    ROLLBACK = "rollback"
    JUMP = "jump"
    GAP = "gap"
    CONFLICT = "conflict"
    END_BELOW_BEGIN = "end_below_begin"
    END_BEFORE_BEGIN = "end_before_begin"
    BEGIN_NOT_REGISTER = "begin_not_register"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterProblem:
    """One reason for review, in words for an operator, with the readings it is about."""

    code: RegisterProblemCode
    message: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRegister:
    """Readings ascending in time, one an instant; with problems the session goes to review, unbilled."""

    readings: tuple[Reading, ...]
    problems: tuple[RegisterProblem, ...]


def clean_register(
    *,
    readings: Sequence[Reading],
    begin: Reading,
    end: Reading | None,
    max_power_w: int | None,
    max_gap_ms: int | None = DAY_MS,
) -> CleanRegister:
    """Sort, dedupe and check the readings of one session between its begin and end readings.

    Begin and end anchor the register: readings outside them are dropped. Without an end the last reading is it.

    readings     only Energy.Active.Import.Register, in any order
    max_power_w  the connector's; None: unknown, so that a rise is too steep only for any connector there is
    max_gap_ms   the longest stretch between two readings that energy may be spread over; None: any
    """
    known = tuple(readings)
    max_power_w = STRONGEST_CONNECTOR_W if max_power_w is None else max_power_w
    if _is_plainly_clean(known, begin, end, max_power_w, max_gap_ms):
        return CleanRegister(readings=known, problems=())
    return _check(known, begin, end, max_power_w, max_gap_ms)


def _is_plainly_clean(
    readings: tuple[Reading, ...], begin: Reading, end: Reading | None, max_power_w: int, max_gap_ms: int | None
) -> bool:
    """Tell at a glance that there is nothing to cut and nothing to find, as in nearly every session.

    What fails here is decided by the check itself, which finds nothing in a register that passes.
    """
    if len(readings) < 2 or readings[0] != begin or begin.energy_milliwh <= 0 or readings[-1] != (end or readings[-1]):
        return False
    columns = columns_of(readings)
    ats, energies, rises = columns.ats, columns.energies, columns.rises
    lasts_ms = ats[-1] - ats[0]
    has_gap = max_gap_ms is not None and lasts_ms > max_gap_ms and max(columns.spans()) > max_gap_ms
    if columns.least_span <= 0 or columns.least_rise < 0 or has_gap:
        return False
    # Where not even the steepest rise in the shortest interval is too steep, no pair has to be looked at.
    return not _is_above(energies[-1] - energies[0], lasts_ms, max_power_w) and (
        not _is_above(max(rises), columns.least_span, max_power_w)
        or not any(map(_is_above, rises, columns.spans(), repeat(max_power_w)))
    )


def _is_above(rise_milliwh: int, span_ms: int, power_w: int) -> bool:
    """Tell whether more energy flowed than the power allows, with headroom and a small allowance.

    W × ms = 1/3600 mWh: both sides are multiplied out, for whole numbers compare faster than they divide.
    """
    return (rise_milliwh - ALLOWANCE_MILLIWH) * 360_000 > span_ms * power_w * HEADROOM_PERCENT


def _check(
    readings: Sequence[Reading], begin: Reading, end: Reading | None, max_power_w: int, max_gap_ms: int | None
) -> CleanRegister:
    """Rank, walk and name whatever is odd."""
    problems: list[RegisterProblem] = []
    if end is not None and end.at_ms < begin.at_ms:
        problems.append(_end_before_begin(begin, end))
        end = None
    ranked = _rank(readings, begin, end)
    walk = _walk(ranked, max_power_w)
    kept = walk.kept
    problems += _conflicts(ranked, walk.torn)
    problems += _shape_problems(walk, end)
    if not any(problem.code is RegisterProblemCode.BEGIN_NOT_REGISTER for problem in problems):
        problems += _steepness_problems(walk, max_power_w)
    if max_gap_ms is not None and kept[-1].at_ms - kept[0].at_ms > max_gap_ms:
        problems += _gap_problems(kept, max_gap_ms)
    return CleanRegister(readings=tuple(kept), problems=tuple(problems))


class _Walk(NamedTuple):
    """What one walk over the ranked readings found.

    kept   the leader of each instant, ascending
    torn   instants (UTC epoch ms) with more than one value
    falls  neighbours of which the later is lower
    jumps  neighbours between which more energy flowed than the connector delivers, with headroom and allowance
    """

    kept: list[Reading]
    torn: set[int]
    falls: list[tuple[Reading, Reading]]
    jumps: list[tuple[Reading, Reading]]


def _rank(readings: Sequence[Reading], begin: Reading, end: Reading | None) -> list[Reading]:
    """Sort by instant and cut what lies outside the anchors.

    Of one instant an anchor leads, then the lowest value, so that the order of arrival does not matter. Stable sorts
    by plain numbers are cheaper than one by a tuple.
    """
    anchors = [begin] if end is None else [begin, end]
    ranked = sorted(anchors, key=_energy_of) + sorted(readings, key=_energy_of)
    ranked.sort(key=_at_of)
    first = bisect_left(ranked, begin.at_ms, key=_at_of)
    behind = len(ranked) if end is None else bisect_right(ranked, end.at_ms, key=_at_of)
    return ranked[first:behind]


def _walk(ranked: list[Reading], max_power_w: int) -> _Walk:
    """Go from reading to reading once: of each instant the leader is kept."""
    before = ranked[0]
    walk = _Walk(kept=[before], torn=set(), falls=[], jumps=[])
    for after in islice(ranked, 1, None):
        span_ms = after.at_ms - before.at_ms
        rise = after.energy_milliwh - before.energy_milliwh
        if not span_ms:
            if rise:
                walk.torn.add(after.at_ms)
            continue
        if rise < 0:
            walk.falls.append((before, after))
        elif _is_above(rise, span_ms, max_power_w):
            walk.jumps.append((before, after))
        walk.kept.append(after)
        before = after
    return walk


def _conflicts(ranked: list[Reading], torn: set[int]) -> Iterator[RegisterProblem]:
    """Name the values of each instant that has more than one."""
    if torn:
        for _, group in groupby((reading for reading in ranked if reading.at_ms in torn), key=_at_of):
            yield _conflict(list(group))


def _shape_problems(walk: _Walk, end: Reading | None) -> Iterator[RegisterProblem]:
    """Find where the register falls, or never was one."""
    begin = walk.kept[0]
    # One sentence is enough: a register that counts up from below zero is there in every reading.
    for negative in islice((reading for reading in walk.kept if reading.energy_milliwh < 0), 1):
        yield RegisterProblem(
            code=RegisterProblemCode.NEGATIVE,
            message=f"The reading {_kwh(negative)} ({_clock(negative)}) is below zero, which no register of imported "
            "energy can be.",
            readings=(negative,),
        )
    if end is not None and end.energy_milliwh < begin.energy_milliwh:
        yield RegisterProblem(
            code=RegisterProblemCode.END_BELOW_BEGIN,
            message=f"The end reading {_kwh(end)} is below the begin reading {_kwh(begin)}.",
            readings=(begin, end),
        )
    for before, after in walk.falls:
        if (before, after) != (begin, end):
            yield RegisterProblem(
                code=RegisterProblemCode.ROLLBACK,
                message=f"The register falls from {_kwh(before)} ({_clock(before)}) to "
                f"{_kwh(after)} ({_clock(after)}).",
                readings=(before, after),
            )
    for second in walk.kept[1:2]:
        if begin.energy_milliwh == 0 and _is_steep(begin, second, STRONGEST_CONNECTOR_W):
            yield RegisterProblem(
                code=RegisterProblemCode.BEGIN_NOT_REGISTER,
                message=f"The begin reading is 0, but the register stands at {_kwh(second)} "
                f"({_clock(second)}): the station did not report the register when the session began.",
                readings=(begin, second),
            )


def _steepness_problems(walk: _Walk, max_power_w: int) -> Iterator[RegisterProblem]:
    """Name rises that the connector cannot deliver, from reading to reading and over the whole session."""
    for before, after in walk.jumps:
        yield _jump(before, after, max_power_w)
    # Many rises, each within the allowance, may still add up to more than the connector has.
    if not walk.jumps and _is_steep(walk.kept[0], walk.kept[-1], max_power_w):
        yield _jump(walk.kept[0], walk.kept[-1], max_power_w)


def _gap_problems(kept: list[Reading], max_gap_ms: int) -> Iterator[RegisterProblem]:
    """Find long silences in which energy flowed, of which nobody knows when."""
    for before, after in pairwise(kept):
        if after.at_ms - before.at_ms > max_gap_ms and after.energy_milliwh > before.energy_milliwh:
            hours = Decimal(after.at_ms - before.at_ms) / HOUR_MS
            yield RegisterProblem(
                code=RegisterProblemCode.GAP,
                message=f"No reading for {hours:.1f} h between {_clock(before)} and {_clock(after)}, "
                f"while {_kwh_between(before, after)} flowed.",
                readings=(before, after),
            )


def _is_steep(before: Reading, after: Reading, power_w: int) -> bool:
    return _is_above(after.energy_milliwh - before.energy_milliwh, after.at_ms - before.at_ms, power_w)


def _jump(before: Reading, after: Reading, max_power_w: int) -> RegisterProblem:
    return RegisterProblem(
        code=RegisterProblemCode.JUMP,
        message=f"The register rises by {_kwh_between(before, after)} between {_clock(before)} and "
        f"{_clock(after)}, more than a connector of {Decimal(max_power_w) / 1000:f} kW can deliver.",
        readings=(before, after),
    )


def _conflict(same_instant: list[Reading]) -> RegisterProblem:
    values = sorted({reading.energy_milliwh: _kwh(reading) for reading in same_instant}.items())
    return RegisterProblem(
        code=RegisterProblemCode.CONFLICT,
        message=f"Two values for one instant, {_clock(same_instant[0])}: {' and '.join(text for _, text in values)}.",
        readings=tuple(same_instant),
    )


def _end_before_begin(begin: Reading, end: Reading) -> RegisterProblem:
    return RegisterProblem(
        code=RegisterProblemCode.END_BEFORE_BEGIN,
        message=f"The end reading ({_clock(end)}) is older than the begin reading ({_clock(begin)}).",
        readings=(begin, end),
    )


def _kwh(reading: Reading) -> str:
    return f"{Decimal(reading.energy_milliwh) / 1_000_000:.3f} kWh"


def _kwh_between(before: Reading, after: Reading) -> str:
    return f"{Decimal(after.energy_milliwh - before.energy_milliwh) / 1_000_000:.3f} kWh"


def _clock(reading: Reading) -> str:
    moment = datetime.fromtimestamp(reading.at_ms // 1000, tz=UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
