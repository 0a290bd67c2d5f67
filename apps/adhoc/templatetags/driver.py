"""What a driver reads, in the language of the page."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone

from apps.adhoc.domain.quote import PriceChange, PricePart
from apps.core import words
from apps.core.clock import from_epoch_ms
from apps.tariffs.domain.idling import IdlePrice
from apps.tariffs.domain.sentences import describe_price
from apps.tariffs.domain.terms import Dimension
from apps.tariffs.spoken import page_language

register = template.Library()


@register.filter
def price_words(part: PricePart, currency: str) -> str:
    """Say what one unit costs: ``0.49 €/kWh``."""
    return part.words(currency=currency, language=page_language())


@register.filter
def change_words(change: PriceChange, currency: str) -> str:
    """Say the prices that come next: ``0.29 €/kWh + 0.35 € per session``; nothing where they are all zero."""
    return " + ".join(part.words(currency=currency, language=page_language()) for part in change.parts)


@register.filter
def standing_words(idle: IdlePrice, currency: str) -> str:
    """Say what standing there costs: ``0.10 €/min``."""
    return describe_price(Dimension.TIME, idle.price, currency=currency, language=page_language())


@register.filter
def standing_from(idle: IdlePrice, zone: str) -> str:
    """Write from when, on the wall clock of ``zone``, to the minute."""
    return hour(from_epoch_ms(idle.from_ms), zone)


@register.filter
def kilowatts(watts: int) -> str:
    """Write a power without needless zeros: ``22 kW``, ``3.7 kW``."""
    number = f"{(Decimal(watts) / 1000).normalize():f}"
    return f"{number if page_language() == 'en' else number.replace('.', ',')} kW"


@register.filter
def hour(at: datetime | None, zone: str) -> str:
    """Write the time of day of an instant on the wall clock of ``zone``, to the minute."""
    return "–" if at is None else f"{timezone.localtime(at, ZoneInfo(zone)):%H:%M}"


@register.filter
def dialled(number: str) -> str:
    """Write a telephone number as a link dials it (RFC 3966): without spaces."""
    return number.replace(" ", "")


@register.filter
def span(milliseconds: int) -> str:
    """Write a duration: ``1 h 05 min``."""
    return words.duration(timedelta(milliseconds=milliseconds))
