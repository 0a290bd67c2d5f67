"""One tariff element as a row of fields, both ways: the document's element fills the fields, the fields make it."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField

from apps.core.domain.tax import TaxCategory
from apps.tariffs.admin.fields import (
    PER_HOUR,
    PER_MINUTE,
    MinutesField,
    choice,
    in_unit,
    minutes_text,
    number_field,
    per_hour,
    text_field,
)
from apps.tariffs.domain.terms import WEEK, Dimension, ReservationRestriction

_UNITS: Final = [(PER_MINUTE, "per minute"), (PER_HOUR, "per hour")]
_TAXES: Final = [(category.value, f"{category.value} tax") for category in TaxCategory]
_TIMED: Final = (Dimension.TIME, Dimension.PARKING_TIME)
_SECONDS: Final = (
    *("min_duration", "max_duration", "min_charging_time", "max_charging_time"),
    *("min_idle_time", "max_idle_time"),
)
_TEXTS: Final = (
    *("start_time", "end_time", "start_date"),
    *("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current"),
)
# Conditions that most tariffs do without; their part of the row opens when one is set.
_RARE: Final = (
    *("start_date", "end_date", "holiday", "reservation"),
    *("min_kwh", "max_kwh", *_SECONDS),
    *("min_power", "max_power", "min_current", "max_current"),
)


class ElementForm(forms.Form):
    """When an element holds and what it costs; at most one price a dimension, as OCPI has it."""

    day_of_week = forms.MultipleChoiceField(
        label="Days",
        choices=[(day.value, day.value[:2].capitalize()) for day in WEEK],
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "wl-day"}),
    )
    start_time = text_field("From", kind="time")
    end_time = text_field("Until", kind="time")
    start_date = text_field("First day", kind="date")
    end_date = text_field("Last day", kind="date")
    min_kwh = number_field("From kWh")
    max_kwh = number_field("Until kWh")
    min_power = number_field("From kW")
    max_power = number_field("Below kW")
    min_current = number_field("From A")
    max_current = number_field("Below A")
    min_duration = MinutesField("Session from")
    max_duration = MinutesField("Session until")
    min_charging_time = MinutesField("Charging from")
    max_charging_time = MinutesField("Charging until")
    min_idle_time = MinutesField("Idle from")
    max_idle_time = MinutesField("Idle until")
    holiday = choice("Public holidays", [("", "no matter"), ("true", "only on"), ("false", "never on")])
    reservation = choice(
        "This row prices",
        [
            ("", "a charging session"),
            (ReservationRestriction.RESERVATION, "a reservation"),
            (ReservationRestriction.RESERVATION_EXPIRES, "a reservation nobody came for"),
        ],
    )
    energy_price = number_field("Energy, per kWh")
    energy_step_size = number_field("Step")
    energy_tax = choice("Tax", _TAXES)
    time_price = number_field("Charging time")
    time_unit = choice("Unit", _UNITS)
    time_step_size = number_field("Step")
    time_tax = choice("Tax", _TAXES)
    parking_time_price = number_field("Idle time")
    parking_time_unit = choice("Unit", _UNITS)
    parking_time_step_size = number_field("Step")
    parking_time_tax = choice("Tax", _TAXES)
    flat_price = number_field("Once per session")
    flat_tax = choice("Tax", _TAXES)

    def document(self) -> dict[str, Any]:
        """Return the element as the tariff document has it; what was not understood stays as typed."""
        element: dict[str, Any] = {"price_components": [self._component(dimension) for dimension in self.priced()]}
        if restrictions := self._restrictions():
            element["restrictions"] = restrictions
        return element

    def priced(self) -> list[Dimension]:
        """Return the dimensions that have a price, in the order of the document's components."""
        return [dimension for dimension in Dimension if self._said(f"{dimension.value.lower()}_price")]

    def prices(self) -> Iterator[dict[str, BoundField | str | None]]:
        """Yield each dimension's fields for the page: price, unit, step, tax."""
        for dimension in Dimension:
            name = dimension.value.lower()
            yield {
                "price": self[f"{name}_price"],
                "unit": self[f"{name}_unit"] if dimension in _TIMED else None,
                "step": self[f"{name}_step_size"] if f"{name}_step_size" in self.fields else None,
                "step_label": "Step, Wh" if dimension is Dimension.ENERGY else "Step, s",
                "tax": self[f"{name}_tax"],
            }

    def rare(self) -> list[BoundField]:
        return [self[name] for name in _RARE]

    def has_rare(self) -> bool:
        """Whether a condition is set, or wrong, that the page keeps folded."""
        return any(self._said(name) or self[name].errors for name in _RARE)

    def field_of(self, path: str) -> str | None:
        """Return the field that a path inside the element is about; None: the row as a whole.

        path  "restrictions.start_time", "price_components[1].price"
        """
        section, _, name = path.partition(".")
        if section.startswith("price_components["):
            priced = self.priced()
            index = int(section.removeprefix("price_components[").removesuffix("]"))
            field = {"tax_category": "tax"}.get(name, name)
            found = f"{priced[index].value.lower()}_{field}" if index < len(priced) else ""
        else:
            found = name.partition("[")[0] if section == "restrictions" else ""
        return found if found in self.fields else None

    def _said(self, name: str) -> Any:
        """Return what a field holds: clean where it was understood, else as typed."""
        if name in self.cleaned_data:
            return self.cleaned_data[name]
        return self[name].value() or ""

    def _component(self, dimension: Dimension) -> dict[str, Any]:
        name = dimension.value.lower()
        price = self._said(f"{name}_price")
        component = {"type": dimension.value, "price": price}
        if dimension in _TIMED:
            component["price"] = per_hour(price, self._said(f"{name}_unit"))
        if step := self._said(f"{name}_step_size") if f"{name}_step_size" in self.fields else "":
            component["step_size"] = int(step) if step.isdecimal() else step
        if (tax := self._said(f"{name}_tax")) and tax != TaxCategory.STANDARD:
            component["tax_category"] = tax
        return component

    def _restrictions(self) -> dict[str, Any]:
        said: dict[str, Any] = {name: self._said(name) for name in (*_TEXTS, "reservation")}
        said |= {name: self._said(name) for name in _SECONDS}
        said["end_date"] = _day_after(self._said("end_date"))
        said["day_of_week"] = self._said("day_of_week")
        said["holiday"] = {"true": True, "false": False}.get(self._said("holiday"))
        return {name: value for name, value in said.items() if value not in ("", None, [])}


def fields_of(element: Mapping[str, Any]) -> dict[str, Any]:
    """Return an element of a tariff document as the row's values."""
    restrictions = element.get("restrictions", {})
    values: dict[str, Any] = {name: str(restrictions.get(name, "")) for name in (*_TEXTS, "reservation")}
    values |= {name: minutes_text(restrictions.get(name)) for name in _SECONDS}
    values["day_of_week"] = list(restrictions.get("day_of_week", []))
    values["end_date"] = _day_before(restrictions.get("end_date", ""))
    values["holiday"] = {True: "true", False: "false"}.get(restrictions.get("holiday"), "")
    for component in element.get("price_components", []):
        name = component["type"].lower()
        price, unit = str(component["price"]), ""
        if component["type"] in _TIMED:
            price, unit = in_unit(price)
        step = component.get("step_size", 1)
        values |= {
            f"{name}_price": price,
            f"{name}_unit": unit,
            f"{name}_step_size": "" if step in (0, 1) else str(step),
            f"{name}_tax": component.get("tax_category", TaxCategory.STANDARD.value),
        }
    return values


def _day_after(last: str) -> str:
    """People name the last day on which something holds, OCPI the first on which it no longer does."""
    try:
        return (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return last


def _day_before(end: str) -> str:
    try:
        return (date.fromisoformat(end) - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return end
