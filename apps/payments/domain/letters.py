"""What customers are written about their payments, in their language. Words only: no clock, no database.

Amounts and days arrive as they are shown. A mail names an account by its last digits and never asks for more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    body: str


_DEBIT: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Direct debit of {amount} on {day}",
        "We will debit {amount} for invoice {number} from your account {account} on {day}.\n\n"
        "Mandate reference: {mandate}\n\nPlease see that the account has sufficient funds.",
    ),
    "de": (
        "Lastschrift über {amount} am {day}",
        "Wir buchen {amount} für Rechnung {number} am {day} von Ihrem Konto {account} ab.\n\n"
        "Mandatsreferenz: {mandate}\n\nBitte sorgen Sie für ausreichende Deckung.",
    ),
}
_ENDED: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "{method} can no longer be used for your invoices",
        "Your invoices can no longer be collected from {method}: {why}\n\n"
        "Please save another card or account before your next charge:\n{address}",
    ),
    "de": (
        "{method} kann nicht mehr für Ihre Rechnungen verwendet werden",
        "Ihre Rechnungen können nicht mehr über {method} eingezogen werden: {why}\n\n"
        "Bitte hinterlegen Sie vor Ihrem nächsten Ladevorgang eine andere Karte oder ein anderes Konto:\n{address}",
    ),
}
_EXPIRES: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "{method} expires at the end of {expiry}",
        "Your invoices are collected from {method}, which is valid until {expiry}.\n\n"
        "Please save another card or account before then:\n{address}",
    ),
    "de": (
        "{method} läuft Ende {expiry} ab",
        "Ihre Rechnungen werden über {method} eingezogen; die Karte ist bis {expiry} gültig.\n\n"
        "Bitte hinterlegen Sie vorher eine andere Karte oder ein anderes Konto:\n{address}",
    ),
}
_WHY_ENDED: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"revoked": "the mandate was revoked.", "removed": "it was removed at our payment provider."},
    "de": {"revoked": "Das Mandat wurde widerrufen.", "removed": "Sie wurde beim Zahlungsdienstleister entfernt."},
}


_CONFIRM: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Please confirm the payment of invoice {number}",
        "Your bank asks you to confirm the payment of {amount} for invoice {number} yourself. "
        "Nothing was charged.\n\nPlease confirm and pay here:\n{address}",
    ),
    "de": (
        "Bitte bestätigen Sie die Zahlung der Rechnung {number}",
        "Ihre Bank bittet Sie, die Zahlung von {amount} für Rechnung {number} selbst zu bestätigen. "
        "Es wurde nichts abgebucht.\n\nBitte bestätigen und bezahlen Sie hier:\n{address}",
    ),
}
_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "Invoice {number} could not be collected",
        "We could not collect {amount} for invoice {number} from {method}, and will not try it again.\n\n"
        "Please save another card or account:\n{saving}\n\nor pay here:\n{address}",
    ),
    "de": (
        "Rechnung {number} konnte nicht eingezogen werden",
        "{amount} für Rechnung {number} konnten nicht über {method} eingezogen werden; wir versuchen es nicht noch "
        "einmal.\n\nBitte hinterlegen Sie eine andere Karte oder ein anderes Konto:\n{saving}\n\n"
        "oder bezahlen Sie hier:\n{address}",
    ),
}


_REMINDER: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "en": {
        "first": (
            "Reminder: invoice {number}",
            "{amount} of invoice {number} were due on {due}. Perhaps it slipped your mind.\n\n{ways}",
        ),
        "next": (
            "Reminder {level}: invoice {number} is {days} days overdue",
            "{amount} of invoice {number} were due on {due} and are still open, {days} days later.\n\n{ways}",
        ),
        "last": (
            "Last reminder: invoice {number} is {days} days overdue",
            "{amount} of invoice {number} were due on {due} and are still open, {days} days later. "
            "This is the last reminder.\n\n{ways}",
        ),
        "ways": (
            "",
            "Please pay here:\n{address}\nor by bank to {holder}, IBAN {iban}, reference {reference}.",
        ),
        "fee": ("", "\n\nThis reminder costs {fee}. With all that is open of it {whole} are to be paid."),
        "threatens": (
            "",
            "\n\nIf it is still open at the next reminder, the cards of contract {contract} are blocked.",
        ),
        "suspends": (
            "",
            "\n\nThe cards of contract {contract} are blocked from now on. They work again as soon as it is paid.",
        ),
    },
    "de": {
        "first": (
            "Zahlungserinnerung: Rechnung {number}",
            "{amount} der Rechnung {number} waren am {due} fällig. Vielleicht ist es Ihnen entgangen.\n\n{ways}",
        ),
        "next": (
            "{level}. Mahnung: Rechnung {number} ist {days} Tage überfällig",
            "{amount} der Rechnung {number} waren am {due} fällig und sind {days} Tage danach noch offen.\n\n{ways}",
        ),
        "last": (
            "Letzte Mahnung: Rechnung {number} ist {days} Tage überfällig",
            "{amount} der Rechnung {number} waren am {due} fällig und sind {days} Tage danach noch offen. "
            "Dies ist die letzte Mahnung.\n\n{ways}",
        ),
        "ways": (
            "",
            "Bitte bezahlen Sie hier:\n{address}\noder per Überweisung an {holder}, IBAN {iban}, "
            "Verwendungszweck {reference}.",
        ),
        "fee": ("", "\n\nDiese Mahnung kostet {fee}. Mit allem, was dazu offen ist, sind {whole} zu zahlen."),
        "threatens": (
            "",
            "\n\nIst er bei der nächsten Mahnung noch offen, werden die Karten des Vertrags {contract} gesperrt.",
        ),
        "suspends": (
            "",
            "\n\nDie Karten des Vertrags {contract} sind ab sofort gesperrt. Sobald bezahlt ist, gelten sie wieder.",
        ),
    },
    "fr": {
        "first": (
            "Rappel : facture {number}",
            "{amount} de la facture {number} étaient payables le {due}. Cela vous a peut-être échappé.\n\n{ways}",
        ),
        "next": (
            "Rappel {level} : facture {number}, {days} jours de retard",
            "{amount} de la facture {number} étaient payables le {due} et restent dus {days} jours plus tard."
            "\n\n{ways}",
        ),
        "last": (
            "Dernier rappel : facture {number}, {days} jours de retard",
            "{amount} de la facture {number} étaient payables le {due} et restent dus {days} jours plus tard. "
            "Ceci est le dernier rappel.\n\n{ways}",
        ),
        "ways": (
            "",
            "Veuillez payer ici :\n{address}\nou par virement à {holder}, IBAN {iban}, référence {reference}.",
        ),
        "fee": ("", "\n\nCe rappel coûte {fee}. Avec tout ce qui reste dû, {whole} sont à payer."),
        "threatens": (
            "",
            "\n\nSi elle reste due au prochain rappel, les cartes du contrat {contract} seront bloquées.",
        ),
        "suspends": (
            "",
            "\n\nLes cartes du contrat {contract} sont bloquées dès maintenant. Elles fonctionneront de nouveau dès le "
            "paiement.",
        ),
    },
    "nl": {
        "first": (
            "Herinnering: factuur {number}",
            "{amount} van factuur {number} moest op {due} betaald zijn. Misschien is het u ontgaan.\n\n{ways}",
        ),
        "next": (
            "Herinnering {level}: factuur {number} is {days} dagen te laat",
            "{amount} van factuur {number} moest op {due} betaald zijn en staat {days} dagen later nog open.\n\n{ways}",
        ),
        "last": (
            "Laatste herinnering: factuur {number} is {days} dagen te laat",
            "{amount} van factuur {number} moest op {due} betaald zijn en staat {days} dagen later nog open. "
            "Dit is de laatste herinnering.\n\n{ways}",
        ),
        "ways": (
            "",
            "Betaal hier:\n{address}\nof per overschrijving aan {holder}, IBAN {iban}, kenmerk {reference}.",
        ),
        "fee": ("", "\n\nDeze herinnering kost {fee}. Met alles wat openstaat moet {whole} worden betaald."),
        "threatens": (
            "",
            "\n\nStaat zij bij de volgende herinnering nog open, dan worden de passen van contract {contract} "
            "geblokkeerd.",
        ),
        "suspends": (
            "",
            "\n\nDe passen van contract {contract} zijn vanaf nu geblokkeerd. Zodra er betaald is, werken ze weer.",
        ),
    },
}


def reminder(
    language: str, *, level: int, is_last: bool, is_suspending: bool, is_threatening: bool, fee: str, **facts: str
) -> Letter:
    """Remind of an unpaid invoice: friendly at first, plainly at last.

    fee    as it is shown; "": this reminder costs nothing
    facts  amount, whole (with all fees), number, due, days, address, holder, iban, reference, contract
    """
    words = _REMINDER.get(language, _REMINDER[FALLBACK])
    kind = "last" if is_last else "first" if level == 1 else "next"
    added = [name for name, said in (("fee", fee), ("threatens", is_threatening), ("suspends", is_suspending)) if said]
    ways = words["ways"][1].format(**facts)
    subject, body = words[kind]
    told = {**facts, "level": str(level), "fee": fee, "ways": ways}
    return Letter(
        subject.format(**told), body.format(**told) + "".join(words[name][1].format(**told) for name in added)
    )


def payment_to_confirm(language: str, *, amount: str, number: str, address: str) -> Letter:
    """Ask the customer to authenticate a payment that their bank did not allow without them."""
    return _letter(_CONFIRM, language, amount=amount, number=number, address=address)


def collection_refused(language: str, *, amount: str, number: str, method: str, saving: str, address: str) -> Letter:
    """Tell that a method is of no use any more. saving: where another is saved; address: where to pay."""
    return _letter(_REFUSED, language, amount=amount, number=number, method=method, saving=saving, address=address)


def debit_announced(language: str, *, amount: str, day: str, number: str, account: str, mandate: str) -> Letter:
    """Announce a SEPA debit: amount, day, mandate reference (SDD Core Rulebook, 4.3.1 pre-notification)."""
    return _letter(_DEBIT, language, amount=amount, day=day, number=number, account=account, mandate=mandate)


def method_ended(language: str, *, method: str, why: str, address: str) -> Letter:
    """Tell that nothing can be collected from a method any more. why: ``revoked`` or ``removed``."""
    words = _WHY_ENDED.get(language, _WHY_ENDED[FALLBACK])
    return _letter(_ENDED, language, method=method, why=words[why], address=address)


def card_expires(language: str, *, method: str, expiry: str, address: str) -> Letter:
    """Tell that a card expires, or has. expiry: month and year as on the card."""
    return _letter(_EXPIRES, language, method=method, expiry=expiry, address=address)


def _letter(words: Mapping[str, tuple[str, str]], language: str, **facts: str) -> Letter:
    subject, body = words.get(language, words[FALLBACK])
    return Letter(subject.format(**facts), body.format(**facts))
