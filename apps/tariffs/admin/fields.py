"""Inputs of the tariff editor, and how a person's numbers become the document's.

Nothing here judges a value: what cannot be read goes on as typed, so that the parser refuses it by its path. Only
minutes are refused here, since the document has whole seconds and cannot hold a person's wrong word for them.
"""

import re
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.core.domain.money import EXACT

_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_COMMA: Final = re.compile(r"[0-9]+,[0-9]+", re.ASCII)
_MINUTES: Final = re.compile(r"([0-9]{1,6})(?::([0-5][0-9]))?", re.ASCII)
_SIX_DECIMALS: Final = Decimal("0.000001")

PER_MINUTE: Final = "min"
PER_HOUR: Final = "h"


def text_field(label: str = "", *, kind: str = "text", help_text: str = "", **attrs: str) -> forms.CharField:
    """Return a field for a text that may stay empty, in the console's look."""
    widget = UnfoldAdminTextInputWidget(attrs={"type": kind, "autocomplete": "off", **attrs})
    return forms.CharField(label=label, required=False, widget=widget, help_text=help_text)


def number_field(label: str = "", *, help_text: str = "", **attrs: str) -> forms.CharField:
    """Return a field for a decimal number; point and comma are the same."""
    return DecimalText(
        label=label,
        required=False,
        help_text=help_text,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off", **attrs}),
    )


def choice(label: str, choices: list[tuple[str, str]], *, help_text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=choices, required=False, widget=UnfoldAdminSelectWidget, help_text=help_text
    )


def text_area(label: str, *, rows: int, help_text: str = "", most: int | None = None) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": rows})
    return forms.CharField(label=label, required=False, widget=widget, help_text=help_text, max_length=most)


class DecimalText(forms.CharField):
    """A decimal number as text; "0,39" is 0.39."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        return text.replace(",", ".") if _COMMA.fullmatch(text) else text


class MinutesField(forms.CharField):
    """Minutes, or minutes:seconds; clean, whole seconds, or None when empty."""

    def __init__(self, label: str = "", **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "min"})
        super().__init__(label=label, required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> int | None:  # type: ignore[override]
        text = super().clean(value)
        if not text:
            return None
        if not (found := _MINUTES.fullmatch(text)):
            raise ValidationError("Minutes, or minutes:seconds (1:30).")
        return int(found[1]) * 60 + int(found[2] or 0)


def minutes_text(seconds: Any) -> str:
    """Return what ``MinutesField`` reads as that many seconds: "30", or "1:30"."""
    if not isinstance(seconds, int):
        return ""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02d}" if rest else str(minutes)


def per_hour(price: str, unit: str) -> str:
    """Return a price per hour; exact, since 60 minutes are an hour."""
    if unit == PER_MINUTE and _DECIMAL.fullmatch(price):
        return f"{EXACT.multiply(Decimal(price), Decimal(60)):f}"
    return price


def in_unit(price_per_hour: str) -> tuple[str, str]:
    """Return a price per hour as people think it: per minute where that is exact in six decimals."""
    if not _DECIMAL.fullmatch(price_per_hour):
        return price_per_hour, PER_HOUR
    hourly = Decimal(price_per_hour)
    minutely = EXACT.divide(hourly, Decimal(60)).quantize(_SIX_DECIMALS, context=EXACT)
    if minutely * 60 != hourly:
        return price_per_hour, PER_HOUR
    return plain(minutely), PER_MINUTE


def plain(number: Decimal) -> str:
    """Write a decimal with at least two places and no needless zeros after them."""
    text = f"{number:f}"
    whole, _, places = text.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"
