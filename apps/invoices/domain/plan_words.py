"""What a line of a plan says on an invoice, per language."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal

from apps.tariffs.domain.period import LineKind, PeriodLine

_WORDS: Final[Mapping[str, Mapping[LineKind, str]]] = {
    "en": {
        LineKind.BASE_FEE: "{words}, {days}",
        LineKind.INCLUDED: "Included energy: {quantity} kWh × {price}, {days}",
        LineKind.ROUNDING: "Rounding of included energy, {days}",
        LineKind.TIER: "Step price: {quantity} kWh × {price}, {days}",
        LineKind.TRUE_UP: "Up to the agreed minimum, {days}",
        LineKind.CAP: "Above the agreed maximum, {days}",
        LineKind.REVERSAL: "Correction of what was billed: {quantity} × {price}, {days}",
    },
    "de": {
        LineKind.BASE_FEE: "{words}, {days}",
        LineKind.INCLUDED: "Inklusivmenge: {quantity} kWh × {price}, {days}",
        LineKind.ROUNDING: "Rundung der Inklusivmenge, {days}",
        LineKind.TIER: "Staffelpreis: {quantity} kWh × {price}, {days}",
        LineKind.TRUE_UP: "Bis zum vereinbarten Mindestbetrag, {days}",
        LineKind.CAP: "Über dem vereinbarten Höchstbetrag, {days}",
        LineKind.REVERSAL: "Berichtigung der Abrechnung: {quantity} × {price}, {days}",
    },
    "fr": {
        LineKind.BASE_FEE: "{words}, {days}",
        LineKind.INCLUDED: "Énergie incluse : {quantity} kWh × {price}, {days}",
        LineKind.ROUNDING: "Arrondi de l’énergie incluse, {days}",
        LineKind.TIER: "Prix par palier : {quantity} kWh × {price}, {days}",
        LineKind.TRUE_UP: "Complément jusqu’au minimum convenu, {days}",
        LineKind.CAP: "Au-delà du maximum convenu, {days}",
        LineKind.REVERSAL: "Correction de la facturation : {quantity} × {price}, {days}",
    },
    "nl": {
        LineKind.BASE_FEE: "{words}, {days}",
        LineKind.INCLUDED: "Inbegrepen energie: {quantity} kWh × {price}, {days}",
        LineKind.ROUNDING: "Afronding van de inbegrepen energie, {days}",
        LineKind.TIER: "Staffelprijs: {quantity} kWh × {price}, {days}",
        LineKind.TRUE_UP: "Tot het afgesproken minimum, {days}",
        LineKind.CAP: "Boven het afgesproken maximum, {days}",
        LineKind.REVERSAL: "Correctie van de facturering: {quantity} × {price}, {days}",
    },
}


def say(line: PeriodLine, *, first: date, last: date, language: str) -> str:
    """Write a line for the customer: ``Included energy: −12.5 kWh × 0.39, 01/03/2026 – 31/03/2026``.

    :raises KeyError: no line of this kind comes of a plan
    """
    days = f"{format_date(first, 'short', locale=language)} – {format_date(last, 'short', locale=language)}"
    return _WORDS[language][line.kind].format(
        words=line.words,
        days=days,
        quantity=_number(line.quantity, language),
        price=_number(line.price, language),
    )


def _number(value: Decimal, language: str) -> str:
    return str(format_decimal(value, format="#,##0.############", locale=language)).replace("-", "−")
