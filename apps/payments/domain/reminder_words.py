"""The words of what customers are written about an invoice that was not paid, per language."""

from collections.abc import Mapping
from typing import Final

REMINDER: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
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
