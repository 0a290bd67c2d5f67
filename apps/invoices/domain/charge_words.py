"""What the line of a contract's charge says on an invoice, per language.

facts  of a share: ``cost``, ``unit``, ``percent`` (of the whole, such as "15.54"), ``whole``, ``by`` (a key's kind),
       ``key`` (its name) · of a fee: ``for``
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal


class ChargeKind(StrEnum):
    """A unit's share of a cost, the same taken back, the fee for reimbursing a driver's charging at home."""

    SHARE = "share"
    SHARE_BACK = "share_back"
    HOME_FEE = "home_fee"


_WORDS: Final[Mapping[str, Mapping[ChargeKind, str]]] = {
    "en": {
        ChargeKind.SHARE: "{cost}, {unit}: {percent} % of {whole}, {by}, {days}",
        ChargeKind.SHARE_BACK: "Taken back: {cost}, {unit}, {days}",
        ChargeKind.HOME_FEE: "Reimbursement of charging at home, {for}, {days}",
    },
    "de": {
        ChargeKind.SHARE: "{cost}, {unit}: {percent} % von {whole}, {by}, {days}",
        ChargeKind.SHARE_BACK: "Zurückgenommen: {cost}, {unit}, {days}",
        ChargeKind.HOME_FEE: "Erstattung des Ladens zu Hause, {for}, {days}",
    },
    "fr": {
        ChargeKind.SHARE: "{cost}, {unit} : {percent} % de {whole}, {by}, {days}",
        ChargeKind.SHARE_BACK: "Repris : {cost}, {unit}, {days}",
        ChargeKind.HOME_FEE: "Remboursement de la recharge à domicile, {for}, {days}",
    },
    "nl": {
        ChargeKind.SHARE: "{cost}, {unit}: {percent} % van {whole}, {by}, {days}",
        ChargeKind.SHARE_BACK: "Teruggenomen: {cost}, {unit}, {days}",
        ChargeKind.HOME_FEE: "Vergoeding van thuisladen, {for}, {days}",
    },
}
_BY: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "equal": "each unit alike",
        "area": "by area",
        "table": "by “{key}”",
        "consumption": "by the energy charged",
    },
    "de": {
        "equal": "je Einheit gleich",
        "area": "nach Fläche",
        "table": "nach „{key}“",
        "consumption": "nach geladener Energie",
    },
    "fr": {
        "equal": "à parts égales",
        "area": "selon la surface",
        "table": "selon « {key} »",
        "consumption": "selon l’énergie chargée",
    },
    "nl": {
        "equal": "gelijk per eenheid",
        "area": "naar oppervlakte",
        "table": "naar “{key}”",
        "consumption": "naar geladen energie",
    },
}


def say_charge(
    kind: ChargeKind, facts: Mapping[str, Any], *, first: date, last: date, currency: str, language: str
) -> str:
    """Write a line: ``Operation, Flat 3: 15.54 % of €120.00, by area, 6/1/26 – 6/30/26``."""
    said = {
        **facts,
        "days": f"{format_date(first, 'short', locale=language)} – {format_date(last, 'short', locale=language)}",
    }
    if kind is ChargeKind.SHARE:
        said["percent"] = format_decimal(Decimal(facts["percent"]), locale=language)
        said["whole"] = format_currency(Decimal(facts["whole"]), currency, locale=language)
        said["by"] = _BY[language][facts["by"]].format_map(facts)
    return _WORDS[language][kind].format_map(said)
