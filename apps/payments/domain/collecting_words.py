"""The words of what customers are written about collecting from a card or an account, per language."""

from collections.abc import Mapping
from typing import Final

DEBIT: Final[Mapping[str, tuple[str, str]]] = {
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
    "fr": (
        "Prélèvement de {amount} le {day}",
        "Nous prélèverons {amount} pour la facture {number} sur votre compte {account} le {day}.\n\n"
        "Référence du mandat : {mandate}\n\nVeuillez vous assurer que le compte est suffisamment approvisionné.",
    ),
    "nl": (
        "Incasso van {amount} op {day}",
        "Wij schrijven {amount} voor factuur {number} op {day} van uw rekening {account} af.\n\n"
        "Machtigingskenmerk: {mandate}\n\nZorg dat er genoeg saldo op de rekening staat.",
    ),
}

ENDED: Final[Mapping[str, tuple[str, str]]] = {
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
    "fr": (
        "{method} ne peut plus servir au paiement de vos factures",
        "Vos factures ne peuvent plus être encaissées par {method} : {why}\n\n"
        "Veuillez enregistrer une autre carte ou un autre compte avant votre prochaine recharge :\n{address}",
    ),
    "nl": (
        "{method} kan niet meer voor uw facturen worden gebruikt",
        "Uw facturen kunnen niet meer via {method} worden geïnd: {why}\n\n"
        "Bewaar voor uw volgende laadsessie een andere kaart of rekening:\n{address}",
    ),
}

EXPIRES: Final[Mapping[str, tuple[str, str]]] = {
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
    "fr": (
        "{method} expire fin {expiry}",
        "Vos factures sont encaissées par {method}, valable jusqu’à {expiry}.\n\n"
        "Veuillez enregistrer une autre carte ou un autre compte avant cette date :\n{address}",
    ),
    "nl": (
        "{method} verloopt eind {expiry}",
        "Uw facturen worden via {method} geïnd, geldig tot {expiry}.\n\n"
        "Bewaar vóór die tijd een andere kaart of rekening:\n{address}",
    ),
}

WHY_ENDED: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"revoked": "the mandate was revoked.", "removed": "it was removed at our payment provider."},
    "de": {"revoked": "Das Mandat wurde widerrufen.", "removed": "Sie wurde beim Zahlungsdienstleister entfernt."},
    "fr": {
        "revoked": "le mandat a été révoqué.",
        "removed": "ce moyen de paiement a été retiré chez notre prestataire.",
    },
    "nl": {
        "revoked": "de machtiging is ingetrokken.",
        "removed": "dit betaalmiddel is bij onze betaaldienst verwijderd.",
    },
}

CONFIRM: Final[Mapping[str, tuple[str, str]]] = {
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
    "fr": (
        "Veuillez confirmer le paiement de la facture {number}",
        "Votre banque vous demande de confirmer vous-même le paiement de {amount} pour la facture {number}. "
        "Rien n’a été débité.\n\nVeuillez confirmer et payer ici :\n{address}",
    ),
    "nl": (
        "Bevestig de betaling van factuur {number}",
        "Uw bank vraagt u de betaling van {amount} voor factuur {number} zelf te bevestigen. "
        "Er is niets afgeschreven.\n\nBevestig en betaal hier:\n{address}",
    ),
}

REFUSED: Final[Mapping[str, tuple[str, str]]] = {
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
    "fr": (
        "La facture {number} n’a pas pu être encaissée",
        "{amount} pour la facture {number} n’ont pas pu être encaissés par {method}, et nous n’essaierons plus.\n\n"
        "Veuillez enregistrer une autre carte ou un autre compte :\n{saving}\n\nou payer ici :\n{address}",
    ),
    "nl": (
        "Factuur {number} kon niet worden geïnd",
        "{amount} voor factuur {number} kon niet via {method} worden geïnd, en wij proberen het niet opnieuw.\n\n"
        "Bewaar een andere kaart of rekening:\n{saving}\n\nof betaal hier:\n{address}",
    ),
}
