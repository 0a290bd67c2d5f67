"""Where a session changes, as tracks: each a step function of the instant, from the session's start on.

Every breakpoint (TARIFFS.md "Splitting" 3) is known before anything is priced, because none depends on who wins: the
clock's patterns, the reported states, and for each axis that the tariff restricts the instants at which the session
passes into another band.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias, TypeVar

from apps.tariffs.domain.columns import columns_of
from apps.tariffs.domain.compiled import Axis, Band, CompiledElements, Pattern, band_of
from apps.tariffs.domain.facts import Measured, SessionFacts, VehicleState
from apps.tariffs.domain.windows import DAY_MS

_T = TypeVar("_T")
Track: TypeAlias = list[tuple[int, _T]]
"""(UTC epoch ms, value from then on), ascending; the first at the start."""

_first_of = itemgetter(0)
# An enum's member is found by a call; where each stretch asks, it has a name of its own.
_CHARGING: Final = VehicleState.CHARGING
_UNKNOWN: Final = VehicleState.UNKNOWN


class UnratableFacts(ValueError):
    """The facts contradict themselves: an end before the start, or a register that was not cleaned."""


class Span(NamedTuple):
    """When something took place, UTC epoch ms, half-open."""

    start_ms: int
    end_ms: int


class RegisterColumns:
    """The cleaned register as two columns, which bisection reads faster than objects."""

    __slots__ = ("_always_rises", "ats", "energies")

    def __init__(self, facts: SessionFacts) -> None:
        columns = columns_of(facts.register)
        self.ats, self.energies = columns.ats, columns.energies
        if columns.least_span <= 0:
            raise UnratableFacts("register instants do not ascend; clean_register first")
        if columns.least_rise < 0:
            raise UnratableFacts("the register falls; clean_register first")
        self._always_rises = columns.least_rise > 0

    def value_at(self, at_ms: int) -> int:
        """Return the register at an instant; before the first and after the last reading it stands still."""
        after = bisect_right(self.ats, at_ms)
        if after == 0:
            return self.energies[0]
        value, since_ms = self.energies[after - 1], self.ats[after - 1]
        # What the station measured changes where it read its register.
        if since_ms == at_ms or after == len(self.ats):
            return value
        span_ms = self.ats[after] - since_ms
        rise = (self.energies[after] - value) * (at_ms - since_ms)
        return value + (2 * rise + span_ms) // (2 * span_ms)

    def reached_at(self, energy_milliwh: int) -> int | None:
        """Return the first ms at which the register stands at this value or above; None: it never does."""
        after = bisect_left(self.energies, energy_milliwh)
        if after == len(self.energies):
            return None
        if after == 0:
            return self.ats[0]
        since_ms, low = self.ats[after - 1], self.energies[after - 1]
        numerator = (energy_milliwh - low) * (self.ats[after] - since_ms)
        return since_ms - (-numerator // (self.energies[after] - low))

    def rising_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how long ``rises`` are together."""
        if self._always_rises and self.ats:
            first_ms, last_ms = self.ats[0], self.ats[-1]
            if first_ms <= start_ms and end_ms <= last_ms:
                return end_ms - start_ms
            return max(min(end_ms, last_ms) - max(start_ms, first_ms), 0)
        return sum(until_ms - since_ms for since_ms, until_ms in self.rises(start_ms, end_ms))

    def rises(self, start_ms: int, end_ms: int) -> Iterator[Span]:
        """Yield the parts of a stretch that lie between two readings of which the later is higher."""
        if not self.ats:
            return
        if self._always_rises:
            first, last = max(start_ms, self.ats[0]), min(end_ms, self.ats[-1])
            if first < last:
                yield Span(first, last)
            return
        for index in range(max(bisect_right(self.ats, start_ms), 1), len(self.ats)):
            since_ms = self.ats[index - 1]
            if since_ms >= end_ms:
                break
            if self.energies[index] > self.energies[index - 1]:
                yield Span(max(since_ms, start_ms), min(self.ats[index], end_ms))


def charging_spans(span: Span, state: VehicleState, register: RegisterColumns) -> Iterable[Span]:
    """Return what of a stretch in one state counts as charging.

    A reported state counts as reported. Of an unknown one, what passed between two readings that show energy is
    charging and the rest is neither charging nor parking (TARIFFS.md "Splitting" 2).
    """
    if state is _CHARGING:
        return (span,)
    if state is _UNKNOWN:
        return register.rises(*span)
    return ()


def charging_time_ms(start_ms: int, end_ms: int, state: VehicleState, register: RegisterColumns) -> int:
    """Return how much of a stretch in one state counts as charging (``charging_spans``)."""
    if state is _CHARGING:
        return end_ms - start_ms
    if state is _UNKNOWN:
        return register.rising_ms(start_ms, end_ms)
    return 0


def pattern_track(elements: CompiledElements, span: Span, zone_name: str) -> Track[Pattern]:
    """Return what the clock lets hold during a stretch.

    :raises ValueError: no such time zone
    """
    start_ms, end_ms = span
    found: Track[Pattern] = []
    for day in range(start_ms // DAY_MS, max(end_ms - 1, start_ms) // DAY_MS + 1):
        for ms, pattern in elements.segments(zone_name, day):
            at_ms = day * DAY_MS + ms
            if at_ms <= start_ms:
                found = [(start_ms, pattern)]
            elif at_ms >= end_ms:
                break
            elif found[-1][1] is not pattern:
                found.append((at_ms, pattern))
    return found


def state_track(facts: SessionFacts, span: Span) -> Track[VehicleState]:
    """Return the reported states; unknown until the first message."""
    changes = [(change.at_ms, change.state) for change in facts.states]
    return _steps(changes, span, before=VehicleState.UNKNOWN)


def band_track(
    axis: Axis,
    thresholds: tuple[int, ...],
    *,
    span: Span,
    facts: SessionFacts,
    register: RegisterColumns,
    states: Track[VehicleState],
    patterns: Track[Pattern],
) -> Track[Band]:
    """Return the bands of one axis other than energy, whose cuts carry a register value (``energy_track``)."""
    if axis is Axis.DURATION:
        return _filled([span], thresholds, span)
    if axis is Axis.CHARGING:
        charging = (
            piece
            for stretch, state in _stretches(states, span.end_ms)
            for piece in charging_spans(stretch, state, register)
        )
        return _filled(charging, thresholds, span)
    if axis is Axis.IDLE:
        return _filled(_idle_spans(states, patterns, span.end_ms), thresholds, span)
    return _measured(facts.powers if axis is Axis.POWER else facts.currents, thresholds, span)


def energy_track(register: RegisterColumns, thresholds: tuple[int, ...], span: Span) -> list[tuple[int, Band, int]]:
    """Return (instant, band, register value there); the instant is the interpolated one, up to the next ms.

    What was metered outside the session's instants still passes its thresholds, at the start or the end.
    """
    begin = register.energies[0] if register.energies else 0
    found = [(span.start_ms, band_of(0, thresholds), begin)]
    for threshold in thresholds[found[0][1] // 2 :]:
        at_ms = register.reached_at(begin + threshold)
        if at_ms is None:
            break
        found.append((min(max(at_ms, span.start_ms), span.end_ms), found[-1][1] + 2, begin + threshold))
    return found


def _filled(pieces: Iterable[Span], thresholds: tuple[int, ...], span: Span) -> Track[Band]:
    """Return the bands of time that adds up over ``pieces``, which ascend."""
    found = [(span.start_ms, band_of(0, thresholds))]
    ahead = iter(thresholds[found[0][1] // 2 :])
    threshold = next(ahead, None)
    filled = 0
    for start_ms, end_ms in pieces:
        while threshold is not None and threshold <= filled + end_ms - start_ms:
            at_ms = start_ms + threshold - filled
            if at_ms < span.end_ms:
                found.append((at_ms, found[-1][1] + 2))
            threshold = next(ahead, None)
        filled += end_ms - start_ms
    return found


def _idle_spans(states: Track[VehicleState], patterns: Track[Pattern], end_ms: int) -> Iterator[Span]:
    """Yield when the vehicle idled, quiet hours left out."""
    for idling, state in _stretches(states, end_ms):
        if state is not VehicleState.IDLE:
            continue
        # Only the patterns that it meets: a long session has many of them and many idle stretches.
        first = bisect_right(patterns, idling.start_ms, key=_first_of) - 1
        behind = bisect_left(patterns, idling.end_ms, key=_first_of)
        for stretch, pattern in _stretches(patterns[first:behind], idling.end_ms):
            piece = Span(max(idling.start_ms, stretch.start_ms), stretch.end_ms)
            if not pattern.is_quiet and piece.start_ms < piece.end_ms:
                yield piece


def _measured(samples: tuple[Measured, ...], thresholds: tuple[int, ...], span: Span) -> Track[Band]:
    """Return the bands of measured values, each of which holds until the next."""
    bands = [(sample.at_ms, band_of(sample.value, thresholds, inferred=sample.inferred)) for sample in samples]
    return _steps(bands, span, before=band_of(None, thresholds))


def _steps(changes: list[tuple[int, _T]], span: Span, *, before: _T) -> Track[_T]:
    """Return a stretch's part of a step function; of two values with one stamp the later-listed stands."""
    start_ms, end_ms = span
    held = before
    found = [(start_ms, before)]
    for at_ms, value in dict(sorted(changes, key=_first_of)).items():
        if at_ms <= start_ms:
            held = value
            found = [(start_ms, value)]
        elif at_ms < end_ms and value != held:
            held = value
            found.append((at_ms, value))
    return found


def _stretches(track: Track[_T], end_ms: int) -> Iterator[tuple[Span, _T]]:
    for index, (start_ms, value) in enumerate(track):
        until_ms = track[index + 1][0] if index + 1 < len(track) else end_ms
        yield Span(start_ms, until_ms), value
