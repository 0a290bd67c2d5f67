"""A tariff element in one sentence for the driver, in English or German."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from apps.core.domain.money import EXACT, minor_unit
from apps.tariffs.domain.terms import (
    WEEK,
    DayOfWeek,
    Dimension,
    Restrictions,
    TariffElement,
    TariffTerms,
)

Language = Literal["en", "de"]


class _Words(NamedTuple):
    """What a language says where the other says something else."""

    days: tuple[str, ...]
    always: str
    otherwise: str
    from_day: str
    until_day: str
    per_session: str
    gross: str
    net: str
    decimal_point: str
    day_format: str


_WORDS: Final[Mapping[str, _Words]] = {
    "en": _Words(
        days=("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"),
        always="at all times",
        otherwise="at other times",
        from_day="from {}",
        until_day="until {}",
        per_session="per session",
        gross="gross",
        net="net",
        decimal_point=".",
        day_format="%Y-%m-%d",
    ),
    "de": _Words(
        days=("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
        always="jederzeit",
        otherwise="zu anderen Zeiten",
        from_day="ab {}",
        until_day="bis {}",
        per_session="je Ladevorgang",
        gross="brutto",
        net="netto",
        decimal_point=",",
        day_format="%d.%m.%Y",
    ),
}

_SYMBOLS: Final[Mapping[str, str]] = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}


def describe_element(
    element: TariffElement,
    *,
    currency: str,
    language: Language = "en",
    tax_included: bool | None = None,
) -> str:
    """Say when an element holds and what it costs: "Mo–Fr 06:00–22:00: 0.49 €/kWh + 0.05 €/min, gross".

    tax_included  closes the sentence with gross or net; None leaves that out

    :raises UnknownCurrency: no ISO 4217 code
    """
    words = _WORDS[language]
    prices = " + ".join(
        describe_price(component.dimension, component.price, currency=currency, language=language)
        for component in element.price_components
    )
    sentence = f"{describe_restrictions(element.restrictions, language=language)}: {prices}"
    if tax_included is None:
        return sentence
    return f"{sentence}, {words.gross if tax_included else words.net}"


def describe_price(dimension: Dimension, price: Decimal, *, currency: str, language: Language = "en") -> str:
    """Say what one unit costs: "0.49 €/kWh", "0.02 €/min", "0.35 € per session".

    price  as in ``PriceComponent``

    :raises UnknownCurrency: no ISO 4217 code
    """
    words = _WORDS[language]
    symbol = _SYMBOLS.get(currency, currency)
    unit = "/kWh"
    if dimension is Dimension.FLAT:
        unit = f" {words.per_session}"
    elif dimension is Dimension.TIME:
        price, unit = _per_minute_or_hour(price)
    number = _describe_number(price, decimals=minor_unit(currency))
    return f"{number.replace('.', words.decimal_point)} {symbol}{unit}"


def describe_restrictions(restrictions: Restrictions, *, language: Language = "en") -> str:
    """Say when an element holds: "2026-07-01–2026-08-31 Sa, Su 22:00–06:00" (local time, last day included)."""
    words = _WORDS[language]
    said = (
        _describe_dates(restrictions.start_date, restrictions.end_date, words=words),
        _describe_days(restrictions.day_of_week, words=words),
        _describe_times(restrictions),
    )
    return " ".join(filter(None, said)) or words.always


def _describe_dates(start: date | None, end: date | None, *, words: _Words) -> str:
    """Name the last day that counts, since people read an end date as included."""
    first = None if start is None else start.strftime(words.day_format)
    last = None if end is None else (end - timedelta(days=1)).strftime(words.day_format)
    if first and last:
        return first if first == last else f"{first}–{last}"
    if first:
        return words.from_day.format(first)
    return words.until_day.format(last) if last else ""


def _describe_days(days: tuple[DayOfWeek, ...], *, words: _Words) -> str:
    """Join neighbouring days into runs: Mo–We, Sa."""
    runs: list[list[int]] = []
    for index in sorted({WEEK.index(day) for day in days}):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(_describe_run(run, words=words) for run in runs)


def _describe_run(run: list[int], *, words: _Words) -> str:
    names = [words.days[index] for index in run]
    return f"{names[0]}–{names[-1]}" if len(names) > 2 else ", ".join(names)


def _describe_times(restrictions: Restrictions) -> str:
    if restrictions.start_time is None and restrictions.end_time is None:
        return ""
    start = "00:00" if restrictions.start_time is None else f"{restrictions.start_time:%H:%M}"
    end = "00:00" if restrictions.end_time is None else f"{restrictions.end_time:%H:%M}"
    return f"{start}–{'24:00' if end == '00:00' else end}"


def _per_minute_or_hour(per_hour: Decimal) -> tuple[Decimal, str]:
    """Drivers think in minutes, but only a price that is exact per minute may be shown so."""
    per_minute = EXACT.divide(per_hour, Decimal(60)).quantize(Decimal("0.000001"), context=EXACT)
    if per_minute * 60 == per_hour:
        return per_minute, "/min"
    return per_hour, "/h"


def _describe_number(number: Decimal, *, decimals: int) -> str:
    """Write a price with its currency's decimals, and more only where it has more."""
    exponent = number.normalize(EXACT).as_tuple().exponent
    assert isinstance(exponent, int), "prices are finite"
    return f"{number:.{max(decimals, -exponent)}f}"


def describe_reason(terms: TariffTerms, *, element_index: int, dimension: Dimension, language: Language) -> str:
    """Say when the element that priced a part holds: ``22:00–06:00``, ``at all times``, or ``at other times``.

    The first element that matches wins, so one without restrictions holds only where none before it priced the same.
    """
    restrictions = terms.elements[element_index].restrictions
    is_rest = restrictions == Restrictions() and any(
        component.dimension is dimension
        for element in terms.elements[:element_index]
        for component in element.price_components
    )
    return _WORDS[language].otherwise if is_rest else describe_restrictions(restrictions, language=language)
