"""What a tariff means, beside its rows: the week's prices, what the driver reads, usual sessions, findings."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from apps.accounts.models import Organisation
from apps.core import clock
from apps.tariffs.domain.price_text import price_text
from apps.tariffs.domain.sentences import describe_price
from apps.tariffs.domain.terms import Dimension, TariffTerms
from apps.tariffs.domain.week import GridStretch, WeekGrid
from apps.tariffs.domain.wording import Language
from apps.tariffs.models import TariffVersion
from apps.tariffs.selectors import findings_in, local_date, usual_prices, week_grids

TITLES = {
    Dimension.ENERGY: "Energy",
    Dimension.TIME: "Charging time",
    Dimension.PARKING_TIME: "Idle time",
}
# Below this share of a day a stretch has no room for its price; its title tells it.
_LEAST_LABEL_PERCENT = 9
_SHADES = 6
SHOWN_LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")


@dataclass(frozen=True, kw_only=True)
class DrawnStretch:
    """A stretch of a day as it is drawn: its share of the day and a shade, 0 (free or none) to 6 (dearest)."""

    stretch: GridStretch
    percent: str
    shade: int
    price: str
    has_room: bool


@dataclass(frozen=True, kw_only=True)
class DrawnGrid:
    title: str
    grid: WeekGrid
    days: list[tuple[Any, list[DrawnStretch]]]


def preview_of(terms: TariffTerms | None, *, version: TariffVersion, week: str) -> dict[str, Any]:
    """Return the context of ``preview.html``; without terms there is nothing to show yet.

    week  any day of the week to draw, ISO; what is no date is the present week, or that in which the version begins
    """
    owner = version.tariff.owner
    shown = week_shown(version, owner, week)
    context: dict[str, Any] = {"week": shown, "zone": owner.time_zone, "has_terms": terms is not None}
    if terms is None:
        return context
    return context | {
        "grids": drawn_grids(terms, owner=owner, week_of=shown),
        "findings": findings_in(terms, owner=owner, valid_from=shown),
        "price_texts": [price_text(terms, language=language) for language in SHOWN_LANGUAGES],
        "usual": usual_prices([terms], time_zone=owner.time_zone, country=owner.country.code, on=shown),
        "currency": terms.currency,
    }


def week_shown(version: TariffVersion, owner: Organisation, week: str) -> date:
    """Return the day whose week is drawn."""
    try:
        return date.fromisoformat(week)
    except ValueError:
        begins = max(clock.now(), version.valid_from or clock.now())
        return local_date(begins, owner.time_zone)


def drawn_grids(terms: TariffTerms, *, owner: Organisation, week_of: date) -> list[DrawnGrid]:
    grids = week_grids(terms, time_zone=owner.time_zone, week_of=week_of)
    return [
        DrawnGrid(
            title=TITLES[grid.dimension],
            grid=grid,
            days=[(day, [_drawn(stretch, day.minutes, grid) for stretch in day.stretches]) for day in grid.days],
        )
        for grid in grids
    ]


def _drawn(stretch: GridStretch, day_minutes: int, grid: WeekGrid) -> DrawnStretch:
    # Hundredths of a percent, so that the stretches of a day fill it and no fraction is a float.
    hundredths = stretch.minutes * 10_000 // day_minutes
    price = ""
    if stretch.price is not None:
        price = describe_price(grid.dimension, stretch.price, currency=grid.currency)
    return DrawnStretch(
        stretch=stretch,
        percent=f"{hundredths // 100}.{hundredths % 100:02d}",
        shade=_shade(stretch, len(grid.bands)),
        price=price or "no price",
        has_room=hundredths >= _LEAST_LABEL_PERCENT * 100,
    )


def _shade(stretch: GridStretch, bands: int) -> int:
    """Return the stretch's shade: the bands spread over the shades, a single one in the middle, a free one as none."""
    if stretch.band is None or stretch.price == 0:
        return 0
    return 3 if bands == 1 else 1 + stretch.band * (_SHADES - 1) // (bands - 1)
