"""What a station's display says: in its own language, in ASCII, no longer than it takes."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, cast

from apps.core.domain.money import minor_unit
from apps.core.domain.zones import zone
from apps.sessions.costs import SessionCost
from apps.sessions.driver_prices import EvsePrice
from apps.stations.domain.display import in_turn
from apps.stations.models import ChargingStation
from apps.tariffs.domain.price_text import DISPLAY_LIMIT, display_text
from apps.tariffs.domain.wording import WORDS, Language

MOST_CHARS: Final = 480
"""Of a text for a whole station: 1.6 takes 500 in a setting, JSON around the text included (§7.4)."""
_FEWEST_CHARS: Final = 40
"""Below that a text says nothing any more."""
_SPOKEN_IN: Final[dict[str, Language]] = {
    **dict.fromkeys(("AT", "CH", "DE", "LI"), "de"),
    **dict.fromkeys(("FR", "LU", "MC"), "fr"),
    "NL": "nl",
}


def language_of(station: ChargingStation) -> Language:
    """Return the language of a station's display: its own if we speak it, else its country's.

    station  with its location loaded
    """
    own = spoken(station.display_language)
    return own if own is not None else _SPOKEN_IN.get(station.location.country.code, "en")


def spoken(tag: str) -> Language | None:
    """Return the language of an RFC 5646 tag if prices are told in it; stations write ``de_DE`` too."""
    language = tag.lower().replace("_", "-").partition("-")[0]
    return cast(Language, language) if language in WORDS else None


def station_text(prices: Sequence[EvsePrice], *, language: Language, at: datetime) -> str:
    """Tell the prices of a station's EVSEs, which share one display; "": they do not fit, or there are none."""
    if not prices:
        return ""
    for most in (DISPLAY_LIMIT, MOST_CHARS // len(prices) - len(" | 00: ")):
        if most < _FEWEST_CHARS:
            return ""
        texts = [(price.evse.number, price_words(price, language=language, at=at, most=most)) for price in prices]
        if len(whole := in_turn(texts)) <= MOST_CHARS:
            return whole
    return ""


def price_words(price: EvsePrice, *, language: Language, at: datetime, most: int = DISPLAY_LIMIT) -> str:
    """Tell one EVSE's price, and what is off it for this driver.

    price  whose EVSE has its connectors and its station's location loaded
    """
    off = _discount(price.discount_percent)
    text = display_text(
        price.version.terms(),
        language=language,
        max_power_w=max((connector.max_power_w for connector in price.evse.connectors.all()), default=None),
        on=at.astimezone(zone(price.evse.station.location.time_zone)).date(),
        limit=most - len(off),
    )
    return text + off


def final_words(cost: SessionCost) -> str:
    """Tell what a session has come to: ``12.345 kWh: 6.17 EUR``."""
    wh = cost.energy_milliwh // 1_000
    return f"{wh // 1_000}.{wh % 1_000:03d} kWh: {cost.gross:.{minor_unit(cost.currency)}f} {cost.currency}"


def _discount(percent: Decimal | None) -> str:
    return "" if percent is None else f"; -{percent.normalize():f} %"
