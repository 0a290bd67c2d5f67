"""Filling in a country's public holidays, so that nobody types a calendar."""

from datetime import date
from typing import Final

import holidays
from django.http import QueryDict

_YEARS: Final = range(2000, 2100)


def public_holidays(*, country: str, region: str, year: int) -> dict[date, str]:
    """Return a year's public holidays with their names.

    country  ISO 3166-1 alpha-2; region: its part as the country's own law divides it, such as DE "BE", or ""

    :raises NotImplementedError: no calendar of that country or region is known
    """
    return dict(sorted(holidays.country_holidays(country, subdiv=region or None, years=year, language="en_US").items()))


def fill_in_holidays(sent: QueryDict) -> tuple[str, QueryDict]:
    """Return what to tell the person, and what they sent with the holidays added that they asked for."""
    country, region = sent.get("holiday_country", "").strip().upper(), sent.get("holiday_region", "").strip().upper()
    year = sent.get("holiday_year", "").strip()
    if not (year.isascii() and year.isdecimal() and int(year[:5]) in _YEARS):
        return "Say for which year, such as 2027.", sent
    try:
        found = public_holidays(country=country, region=region, year=int(year))
    except (NotImplementedError, KeyError):
        known = sorted(holidays.list_supported_countries().get(country, []))
        hint = f" Known regions: {', '.join(known)}." if known else " Use the two letters of the country, such as DE."
        return f"No public holidays are known for “{country} {region}”.{hint}", sent
    filled = sent.copy()
    days = [day.isoformat() for day in found]
    filled["holidays"] = "\n".join(dict.fromkeys([*sent.get("holidays", "").split(), *days]))
    names = ", ".join(f"{day:%d %b} {name}" for day, name in found.items())
    return f"Added {len(found)} public holidays: {names}.", filled
