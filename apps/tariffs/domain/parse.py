"""Make tariff terms from OCPI 2.2.1-shaped JSON; the one gate, which refuses by name what it does not price.

A restriction that is ignored turns a weekend tariff into a flat one, so every field is either understood or refused
with its path. All problems are found in one pass. Beyond OCPI 2.2.1: ``tax_included`` (OCPI 2.3.0), ``tax_category``
of a component, which replaces the bare ``vat`` percentage, the charging and idle times of OCPP 2.1, ``idle``,
``holidays``, ``zero_energy`` and ``settle_after``. The envelope of a tariff (id, texts, validity) is ``ocpi.py``'s.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from apps.core.domain.money import UnknownCurrency, minor_unit
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.reader import Problem, Reader, inside
from apps.tariffs.domain.terms import (
    SETTLE_AFTER_S,
    WEEK,
    DayOfWeek,
    Dimension,
    IdleRules,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
    ZeroEnergyPolicy,
)

__all__ = ["MOST_ELEMENTS", "MOST_SECONDS", "THRESHOLDS", "Problem", "TariffError", "parse_tariff"]

MOST_SECONDS: Final = 10**9
"""The longest threshold and the largest step we read: no session lasts 31 years, no battery takes a gigawatt-hour."""
THRESHOLDS: Final = ("kwh", "current", "power", "duration", "charging_time", "idle_time")
"""What restrictions bound by ``min_`` and ``max_``."""
MOST_ELEMENTS: Final = 500
"""A week of hourly prices are 168 elements. Each costs every session a look, and the linter compares each with each."""
_SETTLE_AFTER: Final = range(60, 86_400 + 1)

_TARIFF_FIELDS: Final = frozenset(
    [
        *("currency", "tax_included", "elements", "min_price", "max_price"),
        *("idle", "holidays", "zero_energy", "settle_after"),
    ]
)
_ELEMENT_FIELDS: Final = frozenset({"price_components", "restrictions"})
_COMPONENT_FIELDS: Final = frozenset({"type", "price", "step_size", "tax_category"})
_RESTRICTION_FIELDS: Final = frozenset(
    [
        *("start_time", "end_time", "start_date", "end_date", "day_of_week", "holiday", "reservation"),
        *(f"{bound}_{what}" for bound in ("min", "max") for what in THRESHOLDS),
    ]
)
_LIMIT_FIELDS: Final = ("excl_vat", "incl_vat")
_IDLE_FIELDS: Final = frozenset({"max_amount", "quiet_start", "quiet_end"})
_RESERVABLE: Final = frozenset({Dimension.TIME, Dimension.FLAT})


class TariffError(ValueError):
    """The document is no tariff we price; all its problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


def parse_tariff(
    document: Mapping[str, object], *, tax_categories: Collection[str] = tuple(TaxCategory)
) -> TariffTerms:
    """Check a tariff document and return its terms.

    tax_categories  the names a component may be taxed as; a price file that states percentages brings its own

    :raises TariffError: with every problem found
    """
    reader = _TariffReader(tax_categories)
    terms = reader.tariff(document)
    if reader.problems:
        raise TariffError(tuple(reader.problems))
    return terms


class _TariffReader(Reader):
    """Reads a tariff document; what it makes of one with problems is never seen outside."""

    def __init__(self, tax_categories: Collection[str]) -> None:
        super().__init__()
        self._tax_categories = tax_categories

    def tariff(self, document: object) -> TariffTerms:
        fields = self.object_of(document, "", known=_TARIFF_FIELDS)
        elements = self.items(fields, "elements", "")
        if len(elements) > MOST_ELEMENTS:
            self.note("elements", f"must be at most {MOST_ELEMENTS}")
        return TariffTerms(
            currency=self._currency(fields),
            tax_included=self.choice(fields, "tax_included", "", among=("YES", "NO")) == "YES",
            elements=tuple(self._element(item, f"elements[{at}]") for at, item in enumerate(elements)),
            **self._limits(fields),
            idle=self._idle(fields.get("idle", {}), "idle"),
            holidays=self._holidays(fields),
            zero_energy=self._zero_energy(fields),
            settle_after_s=self._settle_after(fields),
        )

    def _element(self, value: object, path: str) -> TariffElement:
        fields = self.object_of(value, path, known=_ELEMENT_FIELDS)
        restrictions = self._restrictions(fields.get("restrictions", {}), f"{path}.restrictions")
        components: dict[Dimension, PriceComponent] = {}
        for at, item in enumerate(self.items(fields, "price_components", path)):
            component_path = f"{path}.price_components[{at}]"
            component = self._component(item, component_path)
            if component is None:
                continue
            if component.dimension in components:
                self.note(f"{component_path}.type", f"a second {component.dimension} in one element")
            if restrictions.reservation and component.dimension not in _RESERVABLE:
                self.note(f"{component_path}.type", f"a reservation has no {component.dimension}, only TIME and FLAT")
            components[component.dimension] = component
        return TariffElement(price_components=tuple(components.values()), restrictions=restrictions)

    def _component(self, value: object, path: str) -> PriceComponent | None:
        fields = self.object_of(value, path, known=_COMPONENT_FIELDS)
        price = self.decimal(fields, "price", path)
        step_size = self.whole(fields, "step_size", path, least=0, most=MOST_SECONDS) if "step_size" in fields else 1
        category = (
            self.choice(fields, "tax_category", path, among=self._tax_categories)
            if "tax_category" in fields
            else TaxCategory.STANDARD
        )
        dimension = self.choice(fields, "type", path, among=tuple(Dimension))
        if dimension is None:
            return None
        return PriceComponent(
            dimension=Dimension(dimension),
            price=Decimal(0) if price is None else price,
            tax_category=category or TaxCategory.STANDARD,
            # OCPI's own example of a free tariff steps its FLAT by 0; nothing can be rounded up to a multiple of 0.
            step_size=step_size or 1,
        )

    def _restrictions(self, value: object, path: str) -> Restrictions:
        fields = self.object_of(value, path, known=_RESTRICTION_FIELDS)
        restrictions = Restrictions(
            start_time=self.clock(fields, "start_time", path) if "start_time" in fields else None,
            end_time=self.clock(fields, "end_time", path) if "end_time" in fields else None,
            start_date=self.day(fields, "start_date", path) if "start_date" in fields else None,
            end_date=self.day(fields, "end_date", path) if "end_date" in fields else None,
            day_of_week=self._days(fields, path) if "day_of_week" in fields else (),
            holiday=self.flag(fields, "holiday", path) if "holiday" in fields else None,
            reservation=self._reservation(fields, path) if "reservation" in fields else None,
            min_kwh=self._threshold(fields, "min_kwh", path),
            max_kwh=self._threshold(fields, "max_kwh", path),
            min_current=self._threshold(fields, "min_current", path),
            max_current=self._threshold(fields, "max_current", path),
            min_power=self._threshold(fields, "min_power", path),
            max_power=self._threshold(fields, "max_power", path),
            min_duration=self._seconds(fields, "min_duration", path),
            max_duration=self._seconds(fields, "max_duration", path),
            min_charging_time=self._seconds(fields, "min_charging_time", path),
            max_charging_time=self._seconds(fields, "max_charging_time", path),
            min_idle_time=self._seconds(fields, "min_idle_time", path),
            max_idle_time=self._seconds(fields, "max_idle_time", path),
        )
        for what in THRESHOLDS:
            self._refuse_empty_span(restrictions, what, path)
        self._refuse_empty_dates(restrictions, path)
        return restrictions

    def _threshold(self, fields: Mapping[str, object], name: str, path: str) -> Decimal | None:
        return self.decimal(fields, name, path) if name in fields else None

    def _seconds(self, fields: Mapping[str, object], name: str, path: str) -> int | None:
        return self.whole(fields, name, path, least=0, most=MOST_SECONDS) if name in fields else None

    def _refuse_empty_span(self, restrictions: Restrictions, what: str, path: str) -> None:
        """Refuse thresholds between which no value lies: min is included, max is not, and all start at 0."""
        least = getattr(restrictions, f"min_{what}") or 0
        most = getattr(restrictions, f"max_{what}")
        if most is not None and most <= least:
            bound = f"min_{what} {least}" if least else "0"
            self.note(f"{path}.max_{what}", f"never holds: {most} is not above {bound} (max_{what} is excluded)")

    def _refuse_empty_dates(self, restrictions: Restrictions, path: str) -> None:
        """Refuse dates between which no day lies, or none of the days listed."""
        start, end = restrictions.start_date, restrictions.end_date
        if start is None or end is None:
            return
        if start >= end:
            self.note(f"{path}.end_date", f"never holds: {end} is not after start_date {start} (end excluded)")
        elif restrictions.day_of_week and (end - start).days < len(WEEK):
            days = {WEEK[(start + timedelta(days=at)).weekday()] for at in range((end - start).days)}
            if days.isdisjoint(restrictions.day_of_week):
                self.note(f"{path}.day_of_week", f"never holds: none of these days from {start} to before {end}")

    def _days(self, fields: Mapping[str, object], path: str) -> tuple[DayOfWeek, ...]:
        days = self.items(fields, "day_of_week", path)
        for at, day in enumerate(days):
            if day not in WEEK:
                self.note(f"{path}.day_of_week[{at}]", f"{day!r} is no day of the week")
            elif day in days[:at]:
                self.note(f"{path}.day_of_week[{at}]", f"{day} is listed twice")
        return tuple(day for day in WEEK if day in days)

    def _reservation(self, fields: Mapping[str, object], path: str) -> ReservationRestriction | None:
        value = self.choice(fields, "reservation", path, among=tuple(ReservationRestriction))
        return None if value is None else ReservationRestriction(value)

    def _currency(self, fields: Mapping[str, object]) -> str:
        value = self.text(fields, "currency", "")
        if value is None:
            return ""
        try:
            minor_unit(value)
        except UnknownCurrency as error:
            self.note("currency", str(error))
        return value

    def _limits(self, fields: Mapping[str, object]) -> dict[str, PriceLimit | None]:
        limits = {name: self._limit(fields[name], name) for name in ("min_price", "max_price") if name in fields}
        least, most = limits.get("min_price"), limits.get("max_price")
        for side in _LIMIT_FIELDS if least and most else ():
            lower, upper = getattr(least, side), getattr(most, side)
            if lower is not None and upper is not None and lower > upper:
                self.note(f"max_price.{side}", f"{upper} is below min_price {lower}")
        return {"min_price": least, "max_price": most}

    def _limit(self, value: object, path: str) -> PriceLimit | None:
        fields = self.object_of(value, path, known=_LIMIT_FIELDS)
        if isinstance(value, Mapping) and not any(side in fields for side in _LIMIT_FIELDS):
            self.note(path, "must state excl_vat or incl_vat")
        sides = {side: self.decimal(fields, side, path) for side in _LIMIT_FIELDS if side in fields}
        return PriceLimit(**sides)

    def _idle(self, value: object, path: str) -> IdleRules:
        fields = self.object_of(value, path, known=_IDLE_FIELDS)
        rules = IdleRules(
            max_amount=self.decimal(fields, "max_amount", path) if "max_amount" in fields else None,
            quiet_start=self.clock(fields, "quiet_start", path) if "quiet_start" in fields else None,
            quiet_end=self.clock(fields, "quiet_end", path) if "quiet_end" in fields else None,
        )
        for name, other in (("quiet_start", "quiet_end"), ("quiet_end", "quiet_start")):
            if name in fields and other not in fields:
                self.note(inside(path, other), f"required with {name}")
        if rules.quiet_start is not None and rules.quiet_start == rules.quiet_end:
            self.note(inside(path, "quiet_end"), "the same as quiet_start: idling would never cost anything")
        return rules

    def _holidays(self, fields: Mapping[str, object]) -> tuple[date, ...]:
        if "holidays" not in fields:
            return ()
        days: list[date] = []
        for at, item in enumerate(self.items(fields, "holidays", "", may_be_empty=True)):
            day = self.as_day(item, f"holidays[{at}]")
            if day in days:
                self.note(f"holidays[{at}]", f"{day} is listed twice")
            elif day is not None:
                days.append(day)
        return tuple(sorted(days))

    def _zero_energy(self, fields: Mapping[str, object]) -> ZeroEnergyPolicy:
        if "zero_energy" not in fields:
            return ZeroEnergyPolicy.FREE
        return ZeroEnergyPolicy(
            self.choice(fields, "zero_energy", "", among=tuple(ZeroEnergyPolicy)) or ZeroEnergyPolicy.FREE
        )

    def _settle_after(self, fields: Mapping[str, object]) -> int:
        if "settle_after" not in fields:
            return SETTLE_AFTER_S
        least, most = _SETTLE_AFTER[0], _SETTLE_AFTER[-1]
        return self.whole(fields, "settle_after", "", least=least, most=most) or SETTLE_AFTER_S
