"""How a driver's charge is found again by what its card's owner knows: last four digits, amount and day.

Who knows these three is taken for the driver, so whoever only guesses must not get far: few tries from one network,
and few misses on one owner's charges.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.zones import zone

TRIES: Final = 5
"""Searches from one network within ``WINDOW``, whatever they found."""
MISSES: Final = 60
"""Searches from anywhere that found nothing of one owner within ``WINDOW``; more are somebody guessing."""
WINDOW: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=90)
"""How long a search is kept."""


class SearchOutcome(StrEnum):
    """What a search came to.

    ASKED  it has not been answered, or its answer was lost · REFUSED: too many before it
    """

    ASKED = "asked"
    REFUSED = "refused"
    NOTHING = "nothing"
    ONE = "one"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is known of a charge.

    amount  gross, what the bank statement says: taken, or reserved where nothing was taken (yet)
    day     on the clock of the site
    place   in the driver's words; "" where none was asked for
    """

    card_last4: str
    amount: Decimal
    day: date
    place: str = ""


def touches_day(*, began_at: datetime, ended_at: datetime | None, day: date, time_zone: str) -> bool:
    """Tell whether a charge was under way on a day of its site; None: it goes on.

    One that runs past midnight is of both days: people remember either.
    """
    first = began_at.astimezone(zone(time_zone)).date()
    return first <= day and (ended_at is None or day <= ended_at.astimezone(zone(time_zone)).date())


def names_place(place: str, *, parts: tuple[str, ...]) -> bool:
    """Tell whether somebody's words for a place are one of its own: name, street, postcode, town or the code there."""
    said = _plain(place)
    return bool(said) and any(said == _plain(part) for part in parts)


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())
