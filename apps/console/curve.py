"""A register drawn as a line: the readings' places on a canvas, in whole units, for an SVG that needs no script."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.core.clock import from_epoch_ms
from apps.tariffs.domain.facts import Reading

WIDTH: Final = 640
HEIGHT: Final = 200
MARGIN: Final = 10
MOST_DOTS: Final = 120
"""Above this many readings only the marked ones get a dot of their own; the line goes through all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A reading's place; x to the right, y down."""

    x: int
    y: int
    at: datetime
    energy_milliwh: int
    is_odd: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """points: the line's, as SVG wants them · lowest, highest: energy at the lower and the upper edge."""

    points: str
    dots: tuple[Dot, ...]
    lowest_milliwh: int
    highest_milliwh: int
    width: int = WIDTH
    height: int = HEIGHT


def curve_of(readings: Sequence[Reading], *, odd: Collection[Reading]) -> Curve | None:
    """Place readings (``at_ms`` ascending) so that they fill the canvas; None where there is nothing to draw."""
    if not readings:
        return None
    first_ms, last_ms = readings[0].at_ms, readings[-1].at_ms
    energies = [reading.energy_milliwh for reading in readings]
    lowest, highest = min(energies), max(energies)
    dots = [
        Dot(
            x=_place(reading.at_ms, first_ms, last_ms, WIDTH),
            y=HEIGHT - _place(reading.energy_milliwh, lowest, highest, HEIGHT),
            at=from_epoch_ms(reading.at_ms),
            energy_milliwh=reading.energy_milliwh,
            is_odd=reading in odd,
        )
        for reading in readings
    ]
    is_few = len(dots) <= MOST_DOTS
    return Curve(
        points=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        dots=tuple(dot for dot in dots if is_few or dot.is_odd),
        lowest_milliwh=lowest,
        highest_milliwh=highest,
    )


def _place(value: int, low: int, high: int, size: int) -> int:
    """Return where ``value`` lies between two edges, ``MARGIN`` inside them; in the middle where they are one."""
    if low == high:
        return size // 2
    return MARGIN + (value - low) * (size - 2 * MARGIN) // (high - low)
