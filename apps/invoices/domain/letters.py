"""The mail that brings a document to a customer, in their language. Words only: no clock, no database."""

from collections.abc import Mapping
from typing import Final, NamedTuple

FALLBACK: Final = "en"


class Letter(NamedTuple):
    subject: str
    body: str


_INVOICE: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Invoice {number} of {seller}: {amount}",
        "Invoice {number} for {period} is attached: {amount}, due on {due}.\n\n"
        "Every line is explained in the portal, where you can also pay or ask about it:\n{address}",
    ),
    "de": (
        "Rechnung {number} von {seller}: {amount}",
        "Anbei die Rechnung {number} für {period}: {amount}, fällig am {due}.\n\n"
        "Im Portal ist jede Zeile erklärt; dort können Sie auch bezahlen oder nachfragen:\n{address}",
    ),
    "fr": (
        "Facture {number} de {seller} : {amount}",
        "Veuillez trouver ci-joint la facture {number} pour {period} : {amount}, à payer avant le {due}.\n\n"
        "Chaque ligne est expliquée sur le portail, où vous pouvez aussi payer ou poser une question :\n{address}",
    ),
    "nl": (
        "Factuur {number} van {seller}: {amount}",
        "Bijgaand factuur {number} voor {period}: {amount}, te betalen voor {due}.\n\n"
        "In het portaal wordt elke regel uitgelegd; daar kunt u ook betalen of een vraag stellen:\n{address}",
    ),
}
_CREDIT_NOTE: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Credit note {number} of {seller}: {amount}",
        "Credit note {number} for invoice {credits} is attached: {amount}.\n\nWhy: {reason}\n\n{address}",
    ),
    "de": (
        "Gutschrift {number} von {seller}: {amount}",
        "Anbei die Rechnungskorrektur {number} zur Rechnung {credits}: {amount}.\n\nGrund: {reason}\n\n{address}",
    ),
    "fr": (
        "Avoir {number} de {seller} : {amount}",
        "Veuillez trouver ci-joint l'avoir {number} sur la facture {credits} : {amount}.\n\n"
        "Motif : {reason}\n\n{address}",
    ),
    "nl": (
        "Creditnota {number} van {seller}: {amount}",
        "Bijgaand creditnota {number} bij factuur {credits}: {amount}.\n\nReden: {reason}\n\n{address}",
    ),
}


def invoice_issued(language: str, **facts: str) -> Letter:
    """number, seller, amount, period, due, address: as they are shown."""
    return _say(_INVOICE, language, facts)


def credit_note_issued(language: str, **facts: str) -> Letter:
    """number, seller, amount, credits, reason, address: as they are shown."""
    return _say(_CREDIT_NOTE, language, facts)


def _say(words: Mapping[str, tuple[str, str]], language: str, facts: Mapping[str, str]) -> Letter:
    subject, body = words.get(language, words[FALLBACK])
    return Letter(subject.format(**facts), body.format(**facts))
