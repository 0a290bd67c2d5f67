"""Quantities as people read them, in the active language: kilowatt-hours, money, durations, rates.

Only for eyes: nothing here is parsed back, and nothing is rounded that is posted.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import format_currency, format_decimal, format_percent
from django.utils.translation import get_language


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


def rate(fraction: Decimal | str) -> str:
    """Write a fraction as a percentage without needless zeros: ``19%``."""
    return format_percent(Decimal(fraction), format="#,##0.##%", locale=_locale())


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
