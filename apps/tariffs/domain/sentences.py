"""A tariff element in one sentence for owner and driver, in the languages of ``wording.py``.

The English words of ``describe_restrictions`` are also the reason that a charge record keeps: a change to them changes
``ENGINE_VERSION``.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT, minor_unit
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.terms import (
    WEEK,
    DayOfWeek,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
)
from apps.tariffs.domain.wording import SYMBOLS, WORDS, Language, Spans, Words

__all__ = [
    "Language",
    "describe_adjustment",
    "describe_amount",
    "describe_component",
    "describe_element",
    "describe_price",
    "describe_reason",
    "describe_restrictions",
    "describe_step",
    "describe_when",
    "is_unrestricted",
]

_PER_TIME: Final = (Dimension.TIME, Dimension.PARKING_TIME)


def describe_element(
    element: TariffElement,
    *,
    currency: str,
    language: Language = "en",
    tax_included: bool | None = None,
    max_idle_amount: Decimal | None = None,
) -> str:
    """Say when an element holds and what it costs: "Mo–Fr 06:00–22:00: 0.49 €/kWh + 0.05 €/min, gross".

    tax_included     closes the sentence with gross or net; None leaves that out
    max_idle_amount  the tariff's cap on idling (``IdleRules.max_amount``), told where the element prices idling

    :raises UnknownCurrency: no ISO 4217 code
    """
    words = WORDS[language]
    prices = " + ".join(
        describe_component(component, element.restrictions, currency=currency, language=language)
        for component in element.price_components
    )
    said = [f"{describe_restrictions(element.restrictions, language=language)}{words.colon}{prices}"]
    prices_idling = any(component.dimension is Dimension.PARKING_TIME for component in element.price_components)
    if max_idle_amount is not None and prices_idling:
        said.append(words.at_most.format(describe_amount(max_idle_amount, currency=currency, language=language)))
    if tax_included is not None:
        said.append(words.gross if tax_included else words.net)
    return ", ".join(said)


def describe_component(
    component: PriceComponent,
    restrictions: Restrictions,
    *,
    currency: str,
    language: Language = "en",
    names_charging: bool = False,
) -> str:
    """Say what one unit costs under these restrictions, and its step: "0.05 €/min (per started 5 min)".

    Where the restrictions speak of idling or of a reservation already, the price does not repeat it.

    names_charging  says of a session's charging time that it is that: "0.05 €/min while charging"

    :raises UnknownCurrency: no ISO 4217 code
    """
    price, words = component.price, WORDS[language]
    if component.dimension is Dimension.FLAT and restrictions.reservation is not None:
        said = f"{_money(price, currency=currency, words=words)} {words.per_reservation}"
    elif component.dimension is Dimension.PARKING_TIME and _speaks_of_idling(restrictions):
        said = describe_price(Dimension.TIME, price, currency=currency, language=language)
    else:
        said = describe_price(component.dimension, price, currency=currency, language=language)
    if names_charging and component.dimension is Dimension.TIME and restrictions.reservation is None:
        said = f"{said} {words.while_charging}"
    step = describe_step(component, language=language)
    return f"{said} ({step})" if step else said


def describe_price(dimension: Dimension, price: Decimal, *, currency: str, language: Language = "en") -> str:
    """Say what one unit costs: "0.49 €/kWh", "0.02 €/min", "0.10 €/min while idle", "0.35 € per session".

    price  as in ``PriceComponent``

    :raises UnknownCurrency: no ISO 4217 code
    """
    words = WORDS[language]
    unit = "/kWh"
    if dimension is Dimension.FLAT:
        unit = f" {words.per_session}"
    elif dimension in _PER_TIME:
        price, unit = _per_minute_or_hour(price)
    if dimension is Dimension.PARKING_TIME:
        unit = f"{unit} {words.while_idle}"
    return f"{_money(price, currency=currency, words=words)}{unit}"


def describe_step(component: PriceComponent, *, language: Language = "en") -> str:
    """Say to what a volume is rounded up: "per started 5 min"; nothing for a step of 1, which nobody notices."""
    if component.step_size <= 1 or component.dimension is Dimension.FLAT:
        return ""
    words = WORDS[language]
    if component.dimension is Dimension.ENERGY:
        kwh = EXACT.divide(Decimal(component.step_size), Decimal(1000))
        return words.per_step.format(_quantity(kwh, "kWh", words))
    return words.per_step.format(_seconds(component.step_size, None, words))


def describe_amount(amount: Decimal, *, currency: str, language: Language = "en") -> str:
    """Say an amount of money: "12.50 €", and a whole one without decimals: "12 €".

    :raises UnknownCurrency: no ISO 4217 code
    """
    is_whole = amount == amount.to_integral_value(context=EXACT)
    return _money(amount, currency=currency, words=WORDS[language], decimals=0 if is_whole else None)


def describe_restrictions(restrictions: Restrictions, *, language: Language = "en") -> str:
    """Say when an element holds: "2026-07-01–2026-08-31 Sa, Su 22:00–06:00, first 10 kWh" (last day included).

    Times are local. A least value of zero restricts nothing and is not told, but for power and current: they hold only
    where they are known.
    """
    words = WORDS[language]
    calendar = (
        _describe_dates(restrictions.start_date, restrictions.end_date, words=words),
        _describe_days(restrictions.day_of_week, words=words),
        _describe_times(restrictions),
    )
    said = (
        _describe_reservation(restrictions.reservation, words=words),
        " ".join(filter(None, calendar)),
        _describe_holiday(restrictions.holiday, words=words),
        *_describe_measures(restrictions, words=words),
    )
    return ", ".join(filter(None, said)) or words.always


def describe_reason(terms: TariffTerms, *, element_index: int, dimension: Dimension, language: Language) -> str:
    """Say when the element that priced a part holds: ``22:00–06:00``, ``at all times``, or ``at other times``.

    Of idling it says that it is that, for a bill prices it by the minute as it does charging.
    """
    words, restrictions = WORDS[language], terms.elements[element_index].restrictions
    when = describe_when(terms, element_index=element_index, dimension=dimension, language=language)
    if dimension is not Dimension.PARKING_TIME or _speaks_of_idling(restrictions):
        return when
    return words.idling if when == words.always else f"{when}, {words.idling}"


def describe_when(terms: TariffTerms, *, element_index: int, dimension: Dimension, language: Language) -> str:
    """Say when an element prices a dimension.

    The first element that matches wins, so one without restrictions holds only where none before it priced the same:
    ``at other times`` where only times part them, ``otherwise`` where amounts do.
    """
    words, restrictions = WORDS[language], terms.elements[element_index].restrictions
    before = [
        element.restrictions
        for element in terms.elements[:element_index]
        if element.restrictions.reservation is restrictions.reservation
        and any(component.dimension is dimension for component in element.price_components)
    ]
    if not before or not is_unrestricted(restrictions):
        return describe_restrictions(restrictions, language=language)
    only_times = not any(any(_describe_measures(other, words=words)) for other in before)
    rest = words.other_times if only_times else words.otherwise
    return ", ".join(filter(None, (_describe_reservation(restrictions.reservation, words=words), rest)))


def describe_adjustment(kind: AdjustmentKind, *, language: Language = "en") -> str:
    """Say what a line beside the prices is: "limited to the maximum price"."""
    return WORDS[language].adjustments[kind]


def is_unrestricted(restrictions: Restrictions) -> bool:
    """Tell whether an element holds at every moment of the session, or of the reservation, that it is for."""
    return describe_restrictions(replace(restrictions, reservation=None)) == WORDS["en"].always


def _describe_reservation(reservation: ReservationRestriction | None, *, words: Words) -> str:
    if reservation is None:
        return ""
    expires = reservation is ReservationRestriction.RESERVATION_EXPIRES
    return words.reservation_not_used if expires else words.reservation


def _describe_holiday(holiday: bool | None, *, words: Words) -> str:
    if holiday is None:
        return ""
    return words.on_holidays if holiday else words.not_on_holidays


def _describe_measures(restrictions: Restrictions, *, words: Words) -> tuple[str, ...]:
    """Say between which amounts an element holds, an empty text for each amount that does not matter."""
    its = restrictions
    return (
        _span(its.min_kwh or None, its.max_kwh, "kWh", spans=words.volume, words=words),
        _time_span(its.min_duration, its.max_duration, spans=words.duration, words=words),
        _time_span(its.min_charging_time, its.max_charging_time, spans=words.charging, words=words),
        _time_span(its.min_idle_time, its.max_idle_time, spans=words.idle, words=words),
        _span(its.min_power, its.max_power, "kW", spans=words.band, words=words),
        _span(its.min_current, its.max_current, "A", spans=words.band, words=words),
    )


def _span(least: Decimal | None, most: Decimal | None, unit: str, *, spans: Spans, words: Words) -> str:
    if least is not None and most is not None:
        return spans.between.format(f"{_number(least, words)}–{_quantity(most, unit, words)}")
    if least is not None:
        return spans.from_.format(_quantity(least, unit, words))
    return "" if most is None else spans.below.format(_quantity(most, unit, words))


def _time_span(least: int | None, most: int | None, *, spans: Spans, words: Words) -> str:
    if least and most is not None:
        return spans.between.format(_seconds(most, least, words))
    if least:
        return spans.from_.format(_seconds(least, None, words))
    return "" if most is None else spans.below.format(_seconds(most, None, words))


def _seconds(seconds: int, since: int | None, words: Words) -> str:
    """Say a duration, or from ``since`` to it, in the largest unit in which all is whole: "30 min", "1–2 h"."""
    told = [seconds] if since is None else [since, seconds]
    units = ((3600, "h"), (60, "min"))
    whole = ((size, unit) for size, unit in units if seconds and all(value % size == 0 for value in told))
    size, unit = next(whole, (1, "s"))
    return f"{'–'.join(str(value // size) for value in told)} {unit}"


def _quantity(number: Decimal, unit: str, words: Words) -> str:
    return f"{_number(number, words)} {unit}"


def _number(number: Decimal, words: Words) -> str:
    """Write a number with no more decimals than it has."""
    return f"{number.normalize(EXACT):f}".replace(".", words.decimal_point)


def _money(amount: Decimal, *, currency: str, words: Words, decimals: int | None = None) -> str:
    """Write an amount with its currency's decimals, or ``decimals``, and more only where it has more."""
    least = minor_unit(currency) if decimals is None else decimals
    exponent = amount.normalize(EXACT).as_tuple().exponent
    assert isinstance(exponent, int), "prices are finite"
    number = f"{amount:.{max(least, -exponent)}f}".replace(".", words.decimal_point)
    return f"{number} {SYMBOLS.get(currency, currency)}"


def _speaks_of_idling(restrictions: Restrictions) -> bool:
    return bool(restrictions.min_idle_time) or restrictions.max_idle_time is not None


def _describe_dates(start: date | None, end: date | None, *, words: Words) -> str:
    """Name the last day that counts, since people read an end date as included."""
    first = None if start is None else start.strftime(words.day_format)
    last = None if end is None else (end - timedelta(days=1)).strftime(words.day_format)
    if first and last:
        return first if first == last else f"{first}–{last}"
    if first:
        return words.from_day.format(first)
    return words.until_day.format(last) if last else ""


def _describe_days(days: tuple[DayOfWeek, ...], *, words: Words) -> str:
    """Join neighbouring days into runs: Mo–We, Sa."""
    runs: list[list[int]] = []
    for index in sorted({WEEK.index(day) for day in days}):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(_describe_run(run, words=words) for run in runs)


def _describe_run(run: list[int], *, words: Words) -> str:
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
