"""Mails about documents to customers, in their language. Words only: no clock, no database."""

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

_DISPUTE_OPENED: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Your dispute of invoice {number}, line {position}",
        "We have your dispute of line {position} of invoice {number} and answer it by {answer_by}.\n\n"
        "You wrote: {words}\n\n{address}",
    ),
    "de": (
        "Ihr Einwand gegen Rechnung {number}, Zeile {position}",
        "Ihr Einwand gegen Zeile {position} der Rechnung {number} liegt uns vor; wir antworten bis {answer_by}.\n\n"
        "Sie schrieben: {words}\n\n{address}",
    ),
    "fr": (
        "Votre contestation de la facture {number}, ligne {position}",
        "Nous avons reçu votre contestation de la ligne {position} de la facture {number} et y répondrons d'ici le "
        "{answer_by}.\n\nVous avez écrit : {words}\n\n{address}",
    ),
    "nl": (
        "Uw bezwaar tegen factuur {number}, regel {position}",
        "Wij hebben uw bezwaar tegen regel {position} van factuur {number} ontvangen en antwoorden uiterlijk op "
        "{answer_by}.\n\nU schreef: {words}\n\n{address}",
    ),
}
_DISPUTE_CREDITED: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Credit for invoice {number}, line {position}: {amount}",
        "{amount} of line {position} of invoice {number} are credited (credit note {note}).\n\n{answer}\n\n{address}",
    ),
    "de": (
        "Gutschrift zu Rechnung {number}, Zeile {position}: {amount}",
        "{amount} der Zeile {position} der Rechnung {number} werden gutgeschrieben (Rechnungskorrektur {note}).\n\n"
        "{answer}\n\n{address}",
    ),
    "fr": (
        "Avoir sur la facture {number}, ligne {position} : {amount}",
        "{amount} de la ligne {position} de la facture {number} vous sont crédités (avoir {note}).\n\n"
        "{answer}\n\n{address}",
    ),
    "nl": (
        "Creditering van factuur {number}, regel {position}: {amount}",
        "{amount} van regel {position} van factuur {number} is gecrediteerd (creditnota {note}).\n\n"
        "{answer}\n\n{address}",
    ),
}
_DISPUTE_EXPLAINED: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Answer to your dispute of invoice {number}, line {position}",
        "We have looked at line {position} of invoice {number}. It stays as it is:\n\n{answer}\n\n{address}",
    ),
    "de": (
        "Antwort auf Ihren Einwand gegen Rechnung {number}, Zeile {position}",
        "Wir haben Zeile {position} der Rechnung {number} geprüft. Es bleibt dabei:\n\n{answer}\n\n{address}",
    ),
    "fr": (
        "Réponse à votre contestation de la facture {number}, ligne {position}",
        "Nous avons vérifié la ligne {position} de la facture {number}. Elle est maintenue :\n\n{answer}\n\n{address}",
    ),
    "nl": (
        "Antwoord op uw bezwaar tegen factuur {number}, regel {position}",
        "Wij hebben regel {position} van factuur {number} bekeken. Deze blijft staan:\n\n{answer}\n\n{address}",
    ),
}


def invoice_issued(language: str, **facts: str) -> Letter:
    """number, seller, amount, period, due, address: as they are shown."""
    return _say(_INVOICE, language, facts)


def credit_note_issued(language: str, **facts: str) -> Letter:
    """number, seller, amount, credits, reason, address: as they are shown."""
    return _say(_CREDIT_NOTE, language, facts)


def dispute_opened(language: str, **facts: str) -> Letter:
    """number, position, words, answer_by, address: as they are shown; "": there is no page to show."""
    return _say(_DISPUTE_OPENED, language, facts)


def dispute_credited(language: str, **facts: str) -> Letter:
    """number, position, amount, note, answer, address: as they are shown."""
    return _say(_DISPUTE_CREDITED, language, facts)


def dispute_explained(language: str, **facts: str) -> Letter:
    """number, position, answer, address: as they are shown."""
    return _say(_DISPUTE_EXPLAINED, language, facts)


def _say(words: Mapping[str, tuple[str, str]], language: str, facts: Mapping[str, str]) -> Letter:
    subject, body = words.get(language, words[FALLBACK])
    return Letter(subject.format(**facts), body.format(**facts).rstrip())
