"""Make tariff terms from OCPI 2.2.1-shaped JSON; the one gate, which refuses by name what it does not price.

A restriction that is ignored turns a weekend tariff into a flat one, so every field is either understood or refused
with its path. All problems are found in one pass. Beyond OCPI 2.2.1: ``tax_included`` (OCPI 2.3.0) and
``tax_category`` of a component, which replaces the bare ``vat`` percentage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final

from apps.core.domain.money import UnknownCurrency, minor_unit
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.terms import (
    WEEK,
    DayOfWeek,
    Dimension,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffTerms,
)

_TARIFF_FIELDS: Final = frozenset({"currency", "tax_included", "elements"})
_TARIFF_LATER: Final = frozenset(
    [
        "country_code",
        "party_id",
        "id",
        "type",
        "tariff_alt_text",
        "tariff_alt_url",
        "min_price",
        "max_price",
        "start_date_time",
        "end_date_time",
        "energy_mix",
        "last_updated",
        "preauthorize_amount",
    ]
)
_ELEMENT_FIELDS: Final = frozenset({"price_components", "restrictions"})
_COMPONENT_FIELDS: Final = frozenset({"type", "price", "step_size", "tax_category"})
_COMPONENT_LATER: Final = frozenset({"vat"})
_RESTRICTION_FIELDS: Final = frozenset({"start_time", "end_time", "start_date", "end_date", "day_of_week"})
_RESTRICTION_LATER: Final = frozenset(
    [
        "min_kwh",
        "max_kwh",
        "min_current",
        "max_current",
        "min_power",
        "max_power",
        "min_duration",
        "max_duration",
        "reservation",
        "min_charging_time",
        "max_charging_time",
        "min_idle_time",
        "max_idle_time",
    ]
)
_DIMENSIONS: Final[Mapping[str, Dimension]] = {dimension.value: dimension for dimension in Dimension}
_DIMENSIONS_LATER: Final = frozenset({"PARKING_TIME"})
_TAX_CATEGORIES: Final[Mapping[str, TaxCategory]] = {category.value: category for category in TaxCategory}

_PRICE: Final = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?", re.ASCII)
_NEGATIVE: Final = re.compile(r"-[0-9.]+", re.ASCII)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a tariff document: where (``elements[2].restrictions.min_kwh``) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class TariffError(ValueError):
    """The document is no tariff we price; all its problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


def parse_tariff(document: Mapping[str, object]) -> TariffTerms:
    """Check a tariff document and return its terms.

    :raises TariffError: with every problem found
    """
    reader = _Reader()
    terms = reader.tariff(document)
    if reader.problems:
        raise TariffError(tuple(reader.problems))
    return terms


class _Reader:
    """Reads a document and notes what is wrong as it goes.

    After a problem a method returns a harmless stand-in, so that its siblings are still read; since a document with
    problems yields no terms, no stand-in is ever seen outside.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def tariff(self, document: object) -> TariffTerms:
        fields = self._object(document, "", known=_TARIFF_FIELDS, later=_TARIFF_LATER)
        elements = self._list(fields, "elements", "elements")
        return TariffTerms(
            currency=self._currency(fields),
            tax_included=self._tax_included(fields),
            elements=tuple(self._element(item, f"elements[{at}]") for at, item in enumerate(elements)),
        )

    def _element(self, value: object, path: str) -> TariffElement:
        fields = self._object(value, path, known=_ELEMENT_FIELDS, later=frozenset())
        components: dict[Dimension, PriceComponent] = {}
        for at, item in enumerate(self._list(fields, "price_components", f"{path}.price_components")):
            inside = f"{path}.price_components[{at}]"
            component = self._component(item, inside)
            if component is None:
                continue
            if component.dimension in components:
                self._note(f"{inside}.type", f"a second {component.dimension} in one element")
            components[component.dimension] = component
        return TariffElement(
            price_components=tuple(components.values()),
            restrictions=self._restrictions(fields.get("restrictions", {}), f"{path}.restrictions"),
        )

    def _component(self, value: object, path: str) -> PriceComponent | None:
        fields = self._object(value, path, known=_COMPONENT_FIELDS, later=_COMPONENT_LATER)
        price = self._price(fields, f"{path}.price")
        category = self._tax_category(fields, f"{path}.tax_category")
        dimension = self._dimension(fields, f"{path}.type")
        if dimension is None:
            return None
        self._step_size(fields, f"{path}.step_size", dimension)
        return PriceComponent(dimension=dimension, price=price, tax_category=category)

    def _restrictions(self, value: object, path: str) -> Restrictions:
        fields = self._object(value, path, known=_RESTRICTION_FIELDS, later=_RESTRICTION_LATER)
        restrictions = Restrictions(
            start_time=self._clock(fields, "start_time", path),
            end_time=self._clock(fields, "end_time", path),
            start_date=self._date(fields, "start_date", path),
            end_date=self._date(fields, "end_date", path),
            day_of_week=self._days(fields, f"{path}.day_of_week"),
        )
        self._refuse_empty_window(restrictions, path)
        return restrictions

    def _refuse_empty_window(self, restrictions: Restrictions, path: str) -> None:
        """Refuse dates between which no day lies, or none of the days listed."""
        start, end = restrictions.start_date, restrictions.end_date
        if start is None or end is None:
            return
        if start >= end:
            self._note(f"{path}.end_date", f"never holds: {end} is not after start_date {start} (end excluded)")
        elif restrictions.day_of_week and (end - start).days < len(WEEK):
            days = {WEEK[(start + timedelta(days=at)).weekday()] for at in range((end - start).days)}
            if days.isdisjoint(restrictions.day_of_week):
                self._note(f"{path}.day_of_week", f"never holds: none of these days from {start} to before {end}")

    def _currency(self, fields: Mapping[str, object]) -> str:
        value = self._text(fields, "currency", "currency")
        try:
            minor_unit(value)
        except UnknownCurrency as error:
            if value:
                self._note("currency", str(error))
        return value

    def _tax_included(self, fields: Mapping[str, object]) -> bool:
        value = self._text(fields, "tax_included", "tax_included")
        if value not in ("YES", "NO", ""):
            self._note("tax_included", f"{value!r} is neither YES nor NO")
        return value == "YES"

    def _dimension(self, fields: Mapping[str, object], path: str) -> Dimension | None:
        value = self._text(fields, "type", path)
        if value in _DIMENSIONS:
            return _DIMENSIONS[value]
        if value in _DIMENSIONS_LATER:
            self._note(path, f"{value} is not supported yet")
        elif value:
            self._note(path, f"{value!r} is no tariff dimension")
        return None

    def _price(self, fields: Mapping[str, object], path: str) -> Decimal:
        value = fields.get("price")
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = f"{value:f}" if isinstance(value, Decimal) else str(value)
        if value is None:
            self._note(path, "required")
        elif not isinstance(value, str):
            self._note(path, "must be a decimal number as a string, since a binary fraction is not exact")
        elif _NEGATIVE.fullmatch(value):
            self._note(path, f"negative price {value}")
        elif not _PRICE.fullmatch(value):
            self._note(path, f"{value!r} is no price (at most 10 digits before and 6 after the point)")
        else:
            return Decimal(value)
        return Decimal(0)

    def _step_size(self, fields: Mapping[str, object], path: str, dimension: Dimension) -> None:
        value = fields.get("step_size", 1)
        if isinstance(value, bool) or not isinstance(value, int):
            self._note(path, "must be a whole number")
        elif value != 1 and not (dimension is Dimension.FLAT and value == 0):
            # OCPI's own example of a free tariff steps its FLAT by 0; a FLAT has nothing to step.
            self._note(path, f"{value} is not supported yet, only 1")

    def _tax_category(self, fields: Mapping[str, object], path: str) -> TaxCategory:
        if "tax_category" not in fields:
            return TaxCategory.STANDARD
        value = self._text(fields, "tax_category", path)
        if value in _TAX_CATEGORIES:
            return _TAX_CATEGORIES[value]
        if value:
            self._note(path, f"{value!r} is none of {', '.join(TaxCategory)}")
        return TaxCategory.STANDARD

    def _clock(self, fields: Mapping[str, object], name: str, path: str) -> time | None:
        if name not in fields:
            return None
        value = self._text(fields, name, f"{path}.{name}")
        if _CLOCK.fullmatch(value):
            return time.fromisoformat(value)
        if value:
            self._note(f"{path}.{name}", f"{value!r} is no time of day HH:MM; the end of the day is 00:00")
        return None

    def _date(self, fields: Mapping[str, object], name: str, path: str) -> date | None:
        if name not in fields:
            return None
        value = self._text(fields, name, f"{path}.{name}")
        try:
            # The pattern keeps out the other forms that ISO 8601 and fromisoformat know (20260101, 2026-W01-1).
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        if value:
            self._note(f"{path}.{name}", f"{value!r} is no date YYYY-MM-DD")
        return None

    def _days(self, fields: Mapping[str, object], path: str) -> tuple[DayOfWeek, ...]:
        if "day_of_week" not in fields:
            return ()
        days = self._list(fields, "day_of_week", path)
        for at, day in enumerate(days):
            if day not in WEEK:
                self._note(f"{path}[{at}]", f"{day!r} is no day of the week")
            elif day in days[:at]:
                self._note(f"{path}[{at}]", f"{day} is listed twice")
        return tuple(day for day in WEEK if day in days)

    def _object(
        self, value: object, path: str, *, known: frozenset[str], later: frozenset[str]
    ) -> Mapping[str, object]:
        """Return an object's fields, refusing by name those that are not known."""
        if not isinstance(value, Mapping):
            self._note(path, "must be an object")
            return {}
        for name in value:
            if name not in known:
                inside = f"{path}.{name}" if path else str(name)
                self._note(inside, "not supported yet" if name in later else "unknown field")
        return value

    def _list(self, fields: Mapping[str, object], name: str, path: str) -> list[object]:
        value = fields.get(name)
        if value is None:
            self._note(path, "required")
        elif not isinstance(value, list | tuple):
            self._note(path, "must be a list")
        elif not value:
            self._note(path, "must not be empty")
        else:
            return list(value)
        return []

    def _text(self, fields: Mapping[str, object], name: str, path: str) -> str:
        """Return a text, or "" after noting that it is missing or none."""
        value = fields.get(name)
        if value is None:
            self._note(path, "required")
        elif not isinstance(value, str) or not value:
            self._note(path, "must be a text")
        else:
            return value
        return ""

    def _note(self, path: str, message: str) -> None:
        self.problems.append(Problem(path=path, message=message))
