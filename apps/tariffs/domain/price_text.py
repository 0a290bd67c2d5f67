"""What a tariff costs, in words: for the driver's page, a station's display and OCPI's ``tariff_alt_text``.

The order of components is that of Regulation (EU) 2023/1804 (AFIR) Art. 5(4). Below 50 kW: price per kWh, price per
minute, price per session, any other. From 50 kW on: price per kWh, then the occupancy fee per minute; components that
the regulation does not foresee there follow. Invariant: nothing that a session may cost is left out of ``price_text``.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.tariffs.domain.sentences import (
    describe_amount,
    describe_component,
    describe_when,
    is_unrestricted,
)
from apps.tariffs.domain.terms import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Restrictions,
    TariffElement,
    TariffTerms,
    ZeroEnergyPolicy,
)
from apps.tariffs.domain.wording import WORDS, Language, Words

FAST_FROM_W: Final = 50_000
"""From this power of the recharging point on AFIR wants the price per kWh and foresees an occupancy fee alone."""
DISPLAY_LIMIT: Final = 255

_ORDER: Final = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT)
_FAST_ORDER: Final = (Dimension.ENERGY, Dimension.PARKING_TIME, Dimension.TIME, Dimension.FLAT)
_MORE: Final = " ..."
_ASCII: Final = str.maketrans(
    {"€": "EUR", "£": "GBP", "¥": "JPY", "–": "-", "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
    | {"ß": "ss", "œ": "oe", "’": "'", "\u00a0": " "}
)


class LineKind(StrEnum):
    """What a line is about; the first four are the dimensions of the session's own components."""

    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    FLAT = "FLAT"
    RESERVATION = "reservation"
    IDLE_RULES = "idle_rules"
    LIMITS = "limits"
    ZERO_ENERGY = "zero_energy"
    FREE = "free"
    TAX = "tax"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line: "22:00–06:00: 0.29 €/kWh".

    when, price    the two halves of a component's line; ``when`` is empty where the price always holds, both where
                   the line is no component's
    element_index  whose component it is; None: no component's
    """

    kind: LineKind
    text: str
    when: str = ""
    price: str = ""
    element_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceText:
    """All lines, in the order in which they are to be shown."""

    language: Language
    lines: tuple[PriceLine, ...]

    def __str__(self) -> str:
        return "\n".join(line.text for line in self.lines)


def price_text(
    terms: TariffTerms, *, language: Language, max_power_w: int | None = None, on: date | None = None
) -> PriceText:
    """Tell everything that a session under these terms may cost.

    max_power_w  of the recharging point, which decides the order; None: not known, as below 50 kW
    on           local day of the reader: elements that are over by then are left out; None: all are told

    :raises UnknownCurrency: no ISO 4217 code
    """
    kept = [index for index, element in enumerate(terms.elements) if not _is_over(element, on)]
    told = replace(terms, elements=tuple(terms.elements[index] for index in kept))
    lines = _lines(told, language, component_order(max_power_w))
    return PriceText(
        language=language,
        lines=tuple(
            line if line.element_index is None else replace(line, element_index=kept[line.element_index])
            for line in lines
        ),
    )


def display_text(
    terms: TariffTerms,
    *,
    language: Language,
    max_power_w: int | None = None,
    on: date | None = None,
    limit: int = DISPLAY_LIMIT,
) -> str:
    """Tell the same in printable ASCII and at most ``limit`` characters, for a station's display.

    What does not fit is left out from the end, whole lines at a time, and "..." says so. The components of the price
    stand first, so that they remain; so does the last line, which tells whether VAT is in them.

    limit  > 4
    """
    text = price_text(terms, language=language, max_power_w=max_power_w, on=on)
    whole, _ = _fitted(text, limit)
    return whole if len(whole) <= limit else whole[: limit - len(_MORE)] + _MORE


def left_out_of_display(terms: TariffTerms, *, language: Language, on: date | None = None) -> tuple[str, ...]:
    """Return the lines that ``display_text`` leaves out below 50 kW; none where all fit.

    on  as for ``price_text``
    """
    text = price_text(terms, language=language, on=on)
    _, kept = _fitted(text, DISPLAY_LIMIT)
    return tuple(line.text for line in text.lines[kept:-1])


def _fitted(text: PriceText, limit: int) -> tuple[str, int]:
    """Return the text in ASCII with so many first lines, and the last one, as fit, and how many first ones those are.

    One first line stays, even where it alone is too long.
    """
    *lines, last = (_to_ascii(line.text) for line in text.lines)
    whole = "; ".join([*lines, last])
    while len(whole) > limit and len(lines) > 1:
        lines.pop()
        whole = f"{'; '.join(lines)}{_MORE}; {last}"
    return whole, len(lines)


def component_order(max_power_w: int | None) -> tuple[Dimension, ...]:
    """Return in which order AFIR wants the components told at a recharging point of this power (None: not known)."""
    return _FAST_ORDER if max_power_w is not None and max_power_w >= FAST_FROM_W else _ORDER


def _lines(terms: TariffTerms, language: Language, order: tuple[Dimension, ...]) -> Iterator[PriceLine]:
    words = WORDS[language]
    its_own = list(_components(terms, order, _is_of_session))
    reservation = list(_components(terms, order, _is_of_reservation))
    if not its_own and not reservation and not _is_above_zero(terms.min_price):
        yield PriceLine(kind=LineKind.FREE, text=words.free)
        return
    dimensions = {component.dimension for _, component in its_own}
    for dimension in order:
        its = [(index, component) for index, component in its_own if component.dimension is dimension]
        yield from (_component_line(terms, index, component, language) for index, component in its)
        if its and dimension is Dimension.PARKING_TIME:
            yield from _idle_lines(terms, language)
    yield from _limit_lines(terms, language)
    yield from (_component_line(terms, index, component, language) for index, component in reservation)
    yield from _zero_energy_lines(terms, dimensions, words)
    yield PriceLine(kind=LineKind.TAX, text=words.with_tax if terms.tax_included else words.without_tax)


def _components(
    terms: TariffTerms, order: tuple[Dimension, ...], is_meant: Callable[[Restrictions], bool]
) -> Iterator[tuple[int, PriceComponent]]:
    """Yield (element index, component) as they are told.

    A component behind one that always wins never prices anything; a dimension whose every price is zero costs nothing.
    Neither is told.
    """
    for dimension in order:
        its = list(_reachable(terms, dimension, is_meant))
        if any(component.price for _, component in its):
            yield from its


def _reachable(
    terms: TariffTerms, dimension: Dimension, is_meant: Callable[[Restrictions], bool]
) -> Iterator[tuple[int, PriceComponent]]:
    covered = set()
    for index, element in enumerate(terms.elements):
        restrictions = element.restrictions
        if not is_meant(restrictions) or restrictions.reservation in covered:
            continue
        its = [component for component in element.price_components if component.dimension is dimension]
        yield from ((index, component) for component in its)
        if its and is_unrestricted(restrictions):
            covered.add(restrictions.reservation)


def _component_line(terms: TariffTerms, index: int, component: PriceComponent, language: Language) -> PriceLine:
    words, restrictions = WORDS[language], terms.elements[index].restrictions
    price = describe_component(component, restrictions, currency=terms.currency, language=language, names_charging=True)
    when = describe_when(terms, element_index=index, dimension=component.dimension, language=language)
    when = "" if when == words.always else when
    is_reservation = _is_of_reservation(restrictions)
    return PriceLine(
        kind=LineKind.RESERVATION if is_reservation else LineKind(component.dimension.value),
        text=f"{when}{words.colon}{price}" if when else price,
        when=when,
        price=price,
        element_index=index,
    )


def _idle_lines(terms: TariffTerms, language: Language) -> Iterator[PriceLine]:
    words, idle = WORDS[language], terms.idle
    if idle.max_amount is not None:
        amount = describe_amount(idle.max_amount, currency=terms.currency, language=language)
        yield PriceLine(kind=LineKind.IDLE_RULES, text=words.idle_at_most.format(amount))
    if idle.quiet_start is not None and idle.quiet_end is not None:
        span = f"{idle.quiet_start:%H:%M}–{idle.quiet_end:%H:%M}"
        yield PriceLine(kind=LineKind.IDLE_RULES, text=words.idle_quiet.format(span))


def _limit_lines(terms: TariffTerms, language: Language) -> Iterator[PriceLine]:
    words = WORDS[language]
    for limit, phrase in ((terms.min_price, words.least_total), (terms.max_price, words.most_total)):
        for amount, side in _sides(limit, terms, words):
            told = describe_amount(amount, currency=terms.currency, language=language)
            yield PriceLine(kind=LineKind.LIMITS, text=f"{phrase.format(told)}{side}")


def _sides(limit: PriceLimit | None, terms: TariffTerms, words: Words) -> Iterator[tuple[Decimal, str]]:
    """Yield a bound on the side that the tariff states; where only the other is set, that one, and say which it is."""
    if limit is None:
        return
    gross, net = (limit.incl_vat, f", {words.gross}"), (limit.excl_vat, f", {words.net}")
    stated, other = (gross, net) if terms.tax_included else (net, gross)
    if stated[0] is not None:
        yield stated[0], ""
    elif other[0] is not None:
        yield other[0], other[1]


def _zero_energy_lines(terms: TariffTerms, dimensions: set[Dimension], words: Words) -> Iterator[PriceLine]:
    """Tell the policy where a session without energy would otherwise cost something."""
    costs_anyway = _is_above_zero(terms.min_price) or bool(dimensions - {Dimension.ENERGY})
    if not costs_anyway or terms.zero_energy is ZeroEnergyPolicy.FULL:
        return
    keeps_flat = terms.zero_energy is ZeroEnergyPolicy.FLAT_ONLY and Dimension.FLAT in dimensions
    text = words.session_fee_if_no_energy if keeps_flat else words.nothing_if_no_energy
    if not keeps_flat or _is_above_zero(terms.min_price) or dimensions - {Dimension.ENERGY, Dimension.FLAT}:
        yield PriceLine(kind=LineKind.ZERO_ENERGY, text=text)


def _is_above_zero(limit: PriceLimit | None) -> bool:
    return limit is not None and bool(limit.excl_vat or limit.incl_vat)


def _is_of_session(restrictions: Restrictions) -> bool:
    return restrictions.reservation is None


def _is_of_reservation(restrictions: Restrictions) -> bool:
    return restrictions.reservation is not None


def _is_over(element: TariffElement, on: date | None) -> bool:
    end = element.restrictions.end_date
    return on is not None and end is not None and end <= on


def _to_ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII))
    return plain.encode("ascii", "ignore").decode("ascii")
