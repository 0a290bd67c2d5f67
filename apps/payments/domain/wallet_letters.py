"""What customers are written about their prepaid wallet, in their language. Words only, as in ``letters``."""

from collections.abc import Mapping
from typing import Final

from apps.payments.domain.letters import FALLBACK, Letter
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
}


def little_left(language: str, *, level: Level, balance: str, contract: str, address: str) -> Letter:
    """Tell that little, or not enough for another session, is left. balance: as shown; address: where to top up."""
    subject, body = _LITTLE.get(language, _LITTLE[FALLBACK])[level]
    facts = {"balance": balance, "contract": contract, "address": address}
    return Letter(subject.format(**facts), body.format(**facts))
