"""Template filters over ``apps.core.words``."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils import formats, timezone

from apps.core import words
from apps.core.domain.browsers import browser_and_system

register = template.Library()
register.filter("kwh", words.kwh)
register.filter("kw", words.kw)
register.filter("money", words.money)
register.filter("rate", words.rate)
register.filter("duration", words.duration)
register.filter("browser", browser_and_system)


@register.filter
def amount(number: str, currency: str) -> str:
    """Write ``number`` as an amount of ``currency``, rounded for reading."""
    return words.amount(number, currency)


@register.filter
def price(number: str, currency: str) -> str:
    """Write ``number`` as a price of ``currency`` with every decimal it has."""
    return words.amount(number, currency, exact=True)


@register.filter
def local(at: datetime | None, zone: str) -> str:
    """Write an instant on the wall clock of ``zone`` (IANA name)."""
    return "–" if at is None else formats.date_format(timezone.localtime(at, ZoneInfo(zone)), "DATETIME_FORMAT")


@register.filter
def local_day(at: datetime, zone: str) -> str:
    """Write from or until when something holds in ``zone``: the day where it is midnight there, else the time too."""
    there = timezone.localtime(at, ZoneInfo(zone))
    return formats.date_format(there, "DATETIME_FORMAT" if there.time() != time() else "DATE_FORMAT")


@register.filter
def local_exact(at: datetime | None, zone: str) -> str:
    """Write an instant on the wall clock of ``zone`` to the second, with the zone's abbreviation."""
    if at is None:
        return "–"
    there = timezone.localtime(at, ZoneInfo(zone))
    return f"{formats.date_format(there, 'DATE_FORMAT')}, {there:%H:%M:%S %Z}"


@register.simple_tag
def colon() -> str:
    """Write the colon after a label."""
    return words.colon()


@register.filter
def quoted(text: str) -> str:
    """Write a name in the language's quotation marks."""
    return words.quoted(text)


@register.filter
def spaced(name: str) -> str:
    """Write a name of another system as words: ``requires_action`` as ``requires action``."""
    return name.replace("_", " ")


@register.filter
def percent(number: int) -> str:
    """Write a whole number of percents."""
    return words.percent(number)


@register.filter
def negated(amount: Any) -> Any:
    """Return the money with the other sign: a credit as it stands in its own column."""
    return -amount


@register.filter
def clock(at: datetime | None, zone: str) -> str:
    """Write the time of day of an instant on the wall clock of ``zone``, to the second."""
    return "–" if at is None else f"{timezone.localtime(at, ZoneInfo(zone)):%H:%M:%S}"
