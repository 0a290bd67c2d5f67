"""What a tariff means, beside its rows: the week's prices, what the driver reads, usual sessions, findings."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from apps.accounts.models import Organisation
from apps.core import clock
from apps.tariffs.admin.fields import minutes_text
from apps.tariffs.domain.price_text import price_text
from apps.tariffs.domain.sentences import describe_price
from apps.tariffs.domain.terms import Dimension, TariffTerms
from apps.tariffs.domain.week import GridDay, GridStretch, WeekGrid
from apps.tariffs.domain.wording import Language
from apps.tariffs.models import TariffVersion
from apps.tariffs.selectors import Week, findings_in, local_date, usual_prices, weeks

TITLES = {
    Dimension.ENERGY: "Energy",
    Dimension.TIME: "Charging time",
    Dimension.PARKING_TIME: "Idle time",
}
# Below this share of a day a stretch has no room for its price; its title tells it.
_LEAST_LABEL_PERCENT = 9
_SHADES = 6
_YEARS = range(2000, 2100)
SHOWN_LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "fr", "nl")


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
    days: list[tuple[GridDay, list[DrawnStretch]]]


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
        "grids": drawn_weeks([terms], owner=owner, week_of=shown)[0],
        "findings": findings_in(terms, owner=owner, valid_from=shown),
        "price_texts": [price_text(terms, language=language) for language in SHOWN_LANGUAGES],
        "usual": usual_prices([terms], time_zone=owner.time_zone, country=owner.country.code, on=shown),
        "currency": terms.currency,
    }


def week_shown(version: TariffVersion, owner: Organisation, week: str) -> date:
    """Return the day whose week is drawn."""
    with suppress(ValueError):
        if (asked := date.fromisoformat(week)).year in _YEARS:
            return asked
    begins = max(clock.now(), version.valid_from or clock.now())
    return local_date(begins, owner.time_zone)


def drawn_weeks(compared: Sequence[TariffTerms], *, owner: Organisation, week_of: date) -> list[list[DrawnGrid]]:
    """Return the weeks of each tariff, in shades that mean the same price in all of them."""
    found = [weeks(terms, time_zone=owner.time_zone, week_of=week_of) for terms in compared]
    scales: defaultdict[Dimension, set[Decimal]] = defaultdict(set)
    for week in chain.from_iterable(found):
        scales[week.grid.dimension].update(price for price in week.grid.bands if price)
    ordered = {dimension: sorted(prices) for dimension, prices in scales.items()}
    return [[_drawn_week(week, ordered.get(week.grid.dimension, [])) for week in each] for each in found]


def _drawn_week(week: Week, scale: list[Decimal]) -> DrawnGrid:
    grid = week.grid
    title = TITLES[grid.dimension]
    if week.idle_s:
        title = f"{title}, after {minutes_text(week.idle_s)} min of it"
    return DrawnGrid(
        title=title,
        days=[(day, [_drawn(stretch, day.minutes, grid, scale) for stretch in day.stretches]) for day in grid.days],
    )


def _drawn(stretch: GridStretch, day_minutes: int, grid: WeekGrid, scale: list[Decimal]) -> DrawnStretch:
    # Hundredths of a percent, so that the stretches of a day fill it and no fraction is a float.
    hundredths = stretch.minutes * 10_000 // day_minutes
    price = "no price"
    if stretch.price is not None:
        price = describe_price(grid.dimension, stretch.price, currency=grid.currency)
    return DrawnStretch(
        stretch=stretch,
        percent=f"{hundredths // 100}.{hundredths % 100:02d}",
        shade=_shade(stretch.price, scale),
        price=price,
        has_room=hundredths >= _LEAST_LABEL_PERCENT * 100,
    )


def _shade(price: Decimal | None, scale: list[Decimal]) -> int:
    """Return a price's shade: the prices spread over the shades, a single one in the middle, none for free."""
    if not price:
        return 0
    return 3 if len(scale) == 1 else 1 + scale.index(price) * (_SHADES - 1) // (len(scale) - 1)
