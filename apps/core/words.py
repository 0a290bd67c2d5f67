"""Quantities as people read them, in the active language: kilowatt-hours, money, durations, rates.

Only for eyes: nothing here is parsed back, and nothing is rounded that is posted.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.numbers import format_currency, format_decimal, format_percent
from django.utils import formats, timezone
from django.utils.translation import get_language

_QUOTES: Final = {"de": ("„", "“"), "fr": ("«\u00a0", "\u00a0»"), "nl": ("‘", "’")}


def _locale() -> str:
    return (get_language() or "en").replace("-", "_")


def kwh(energy_milliwh: int | None) -> str:
    """Write milliwatt-hours as kilowatt-hours to the watt-hour: ``12.345 kWh``."""
    if energy_milliwh is None:
        return "–"
    number = format_decimal(Decimal(energy_milliwh) / 1_000_000, format="#,##0.000", locale=_locale())
    return f"{number} kWh"


def kw(power_w: int | None) -> str:
    """Write watts as kilowatts with one decimal: ``11.2 kW``."""
    if power_w is None:
        return "–"
    return f"{format_decimal(Decimal(power_w) / 1000, format='#,##0.0', locale=_locale())} kW"


def money(amount: Any) -> str:
    """Write a ``Money`` with its currency's decimals: ``€12.30``."""
    if amount is None:
        return "–"
    return format_currency(amount.amount, str(amount.currency), locale=_locale())


def amount(number: Decimal | str | None, currency: str, *, exact: bool = False) -> str:
    """Write an amount or price of ``currency``; ``exact`` keeps every decimal it has (unrounded prices)."""
    if number is None:
        return "–"
    value = Decimal(number)
    if not exact:
        return format_currency(value, currency, locale=_locale())
    return format_currency(value, currency, locale=_locale(), decimal_quantization=False)


def colon() -> str:
    """Return what stands between a label and what it labels; the French keep a no-break space before it."""
    return "\u00a0: " if _locale().startswith("fr") else ": "


def quoted(text: str) -> str:
    """Write a name in quotation marks: ``“x”``, ``„x“``, ``«\u00a0x\u00a0»``, ``‘x’``."""
    before, after = _QUOTES.get(_locale()[:2], ("“", "”"))
    return f"{before}{text}{after}"


def rate(fraction: Decimal | str) -> str:
    """Write a fraction as a percentage without needless zeros, as the language does: ``19%``, ``19 %``."""
    return format_percent(Decimal(fraction).normalize(), locale=_locale(), decimal_quantization=False)


def percent(number: int) -> str:
    """Write a whole number of percents: ``80%``."""
    return rate(Decimal(number) / 100)


def moment(at: datetime, zone: str) -> str:
    """Write an instant on the wall clock of ``zone`` (IANA name): ``3 Jun 2026, 14:05 CEST``."""
    there = timezone.localtime(at, ZoneInfo(zone))
    return f"{formats.date_format(there, 'DATETIME_FORMAT')} {there:%Z}"


def duration(span: timedelta | None) -> str:
    """Write a span in the two largest units that say something: ``1 h 05 min``, ``4 min 10 s``."""
    if span is None:
        return "–"
    seconds = int(span.total_seconds())
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min {seconds:02d} s" if seconds else f"{minutes} min"
    return f"{seconds} s"
