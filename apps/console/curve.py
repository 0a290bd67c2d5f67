"""A register drawn as a line, the prices behind it: places on a canvas, in whole units, for an SVG without a script."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.core.clock import from_epoch_ms
from apps.tariffs.domain.facts import Reading

WIDTH: Final = 640
HEIGHT: Final = 200
MARGIN: Final = 10
SHADES: Final = 4
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
class Span:
    """A time for which one price applied, in words."""

    start_ms: int
    end_ms: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A price's place behind the line; shade: 0 … ``SHADES`` − 1, the same for the same price."""

    x: int
    width: int
    shade: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """points: the line's, as SVG wants them · lowest, highest: energy at the lower and the upper edge.

    from_at, to_at  the instants at the left and the right edge
    prices          what each shade of the bands means, (shade, words), in the order in which they applied
    """

    points: str
    dots: tuple[Dot, ...]
    lowest_milliwh: int
    highest_milliwh: int
    from_at: datetime
    to_at: datetime
    bands: tuple[Band, ...]
    prices: tuple[tuple[int, str], ...]
    width: int = WIDTH
    height: int = HEIGHT


def curve_of(readings: Sequence[Reading], *, odd: Collection[Reading] = (), spans: Sequence[Span] = ()) -> Curve | None:
    """Place readings (``at_ms`` ascending) so that they fill the canvas; None where there is nothing to draw.

    spans  the prices to show behind them, ascending; they may go on after the last reading
    """
    if not readings:
        return None
    spans = [span for span in spans if span.end_ms > span.start_ms]
    first_ms = min([readings[0].at_ms, *(span.start_ms for span in spans)])
    last_ms = max([readings[-1].at_ms, *(span.end_ms for span in spans)])
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
    shades = {words: number % SHADES for number, words in enumerate(dict.fromkeys(span.words for span in spans))}
    return Curve(
        points=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        dots=tuple(dot for dot in dots if is_few or dot.is_odd),
        lowest_milliwh=lowest,
        highest_milliwh=highest,
        from_at=from_epoch_ms(first_ms),
        to_at=from_epoch_ms(last_ms),
        bands=tuple(_band(span, first_ms, last_ms, shades[span.words]) for span in spans),
        prices=tuple((shade, words) for words, shade in shades.items()),
    )


def _band(span: Span, first_ms: int, last_ms: int, shade: int) -> Band:
    left, right = (_place(at_ms, first_ms, last_ms, WIDTH) for at_ms in (span.start_ms, span.end_ms))
    return Band(x=left, width=max(1, right - left), shade=shade, words=span.words)


def _place(value: int, low: int, high: int, size: int) -> int:
    """Return where ``value`` lies between two edges, ``MARGIN`` inside them; in the middle where they are one."""
    if low == high:
        return size // 2
    return MARGIN + (value - low) * (size - 2 * MARGIN) // (high - low)
