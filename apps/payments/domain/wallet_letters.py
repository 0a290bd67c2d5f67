"""What customers are written about their prepaid wallet, in their language. Words only, as in ``letters``."""

from collections.abc import Mapping
from typing import Final

from apps.payments.domain.letters import Letter
from apps.payments.domain.wallets import Level

_LITTLE: Final[Mapping[str, Mapping[Level, tuple[str, str]]]] = {
    "en": {
        Level.LOW: (
            "{balance} are left in your wallet",
            "In the prepaid wallet of contract {contract} {balance} are left.\n\nTop it up here:\n{address}",
        ),
        Level.EMPTY: (
            "Your wallet is used up: {balance}",
            "In the prepaid wallet of contract {contract} {balance} are left. That is not enough for another charging "
            "session, so its cards do not start one.\n\nTop it up here:\n{address}",
        ),
    },
    "de": {
        Level.LOW: (
            "Noch {balance} in Ihrem Guthaben",
            "Im Guthaben des Vertrags {contract} sind noch {balance}.\n\nHier können Sie es aufladen:\n{address}",
        ),
        Level.EMPTY: (
            "Ihr Guthaben ist verbraucht: {balance}",
            "Im Guthaben des Vertrags {contract} sind noch {balance}. Das reicht für keinen weiteren Ladevorgang; die "
            "Karten starten deshalb keinen.\n\nHier können Sie es aufladen:\n{address}",
        ),
    },
    "fr": {
        Level.LOW: (
            "Il reste {balance} sur votre compte prépayé",
            "Il reste {balance} sur le compte prépayé du contrat {contract}.\n\nRechargez-le ici :\n{address}",
        ),
        Level.EMPTY: (
            "Votre compte prépayé est épuisé : {balance}",
            "Il reste {balance} sur le compte prépayé du contrat {contract}. Cela ne suffit plus pour une recharge, "
            "ses cartes n’en démarrent donc pas.\n\nRechargez-le ici :\n{address}",
        ),
    },
    "nl": {
        Level.LOW: (
            "Nog {balance} op uw tegoed",
            "Op het tegoed van contract {contract} staat nog {balance}.\n\nWaardeer het hier op:\n{address}",
        ),
        Level.EMPTY: (
            "Uw tegoed is op: {balance}",
            "Op het tegoed van contract {contract} staat nog {balance}. Dat is niet genoeg voor nog een laadsessie, "
            "dus starten de passen er geen.\n\nWaardeer het hier op:\n{address}",
        ),
    },
}


def little_left(language: str, *, level: Level, balance: str, contract: str, address: str) -> Letter:
    """Tell that little, or not enough for another session, is left. balance: as shown; address: where to top up."""
    subject, body = _LITTLE[language][level]
    facts = {"balance": balance, "contract": contract, "address": address}
    return Letter(subject.format(**facts), body.format(**facts))
