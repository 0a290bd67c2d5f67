"""Bars drawn as SVG without a script: places in whole units on a canvas; the page shows the same as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 140
LEVELS: Final = 6
"""Shades of a heat map, from 0 (nothing) to ``LEVELS`` − 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar's place (x, y: its upper left corner), what it says, and where its rows are listed."""

    x: int
    y: int
    width: int
    height: int
    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """title: what the bars stand for · most: the highest one in words."""

    title: str
    most: str
    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def first(self) -> str:
        return self.bars[0].label if self.bars else ""

    @property
    def last(self) -> str:
        return self.bars[-1].label if self.bars else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """size: what the bar's height stands for; negative ones are drawn as nothing, and said."""

    size: Decimal | int
    label: str
    value: str
    url: str


def bars_of(title: str, points: Sequence[Point]) -> Chart:
    """Draw points side by side, the largest as high as the canvas."""
    largest = max((point.size for point in points), default=0)
    step = WIDTH // max(len(points), 1)
    bars = []
    for index, point in enumerate(points):
        height = _share(point.size, largest, HEIGHT)
        gap = 1 if step > 3 else 0
        bars.append(
            Bar(
                x=index * step,
                y=HEIGHT - height,
                width=min(max(step - gap, 1), WIDTH // 4),
                height=height,
                label=point.label,
                value=point.value,
                url=point.url,
            )
        )
    most = next((point.value for point in points if point.size == largest), "")
    return Chart(title=title, most=most, bars=tuple(bars))


def percent(part: Decimal | int, whole: Decimal | int) -> int:
    """Return a share in whole percent, never less than 0."""
    return _share(part, whole, 100)


def level(part: int, most: int) -> int:
    """Return the shade of a share of the darkest; what is more than nothing is never shown as nothing."""
    return 0 if part <= 0 else 1 + _share(part, most, LEVELS - 2)


def _share(part: Decimal | int, whole: Decimal | int, size: int) -> int:
    if whole <= 0 or part <= 0:
        return 0
    share: int = int(part * size // whole)
    return min(share, size)
