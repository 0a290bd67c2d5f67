"""What a customer is written when a budget's threshold is reached."""

from collections.abc import Mapping
from typing import Final

FALLBACK: Final = "en"
_LETTER: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "{percent} % of the budget for {what} is used",
        "In {month} charging for {what} (contract {number}) has cost {used} of {amount} {kind}. Charging goes on: "
        "a budget tells, it stops nothing.\n\nAll sessions: {address}",
    ),
    "de": (
        "{percent} % des Budgets für {what} sind verbraucht",
        "Im {month} hat das Laden für {what} (Vertrag {number}) {used} von {amount} {kind} gekostet. Es wird weiter "
        "geladen: Ein Budget meldet, es sperrt nicht.\n\nAlle Ladevorgänge: {address}",
    ),
    "fr": (
        "{percent} % du budget pour {what} sont utilisés",
        "En {month}, les recharges pour {what} (contrat {number}) ont coûté {used} sur {amount} {kind}. La recharge "
        "continue\xa0: un budget informe, il ne bloque pas.\n\nToutes les recharges\xa0: {address}",
    ),
    "nl": (
        "{percent} % van het budget voor {what} is verbruikt",
        "In {month} kostte het laden voor {what} (contract {number}) {used} van {amount} {kind}. Laden gaat door: "
        "een budget meldt, het blokkeert niet.\n\nAlle laadsessies: {address}",
    ),
}
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "en": ("net", "incl. VAT"),
    "de": ("netto", "inkl. MwSt."),
    "fr": ("HT", "TTC"),
    "nl": ("excl. btw", "incl. btw"),
}


def letter(language: str, *, is_gross: bool, **facts: str) -> tuple[str, str]:
    """Return subject and body; facts: percent, what, used, amount, month, number, address."""
    known = language if language in _LETTER else FALLBACK
    subject, body = _LETTER[known]
    told = {**facts, "kind": _KINDS[known][is_gross]}
    return subject.format(**told), body.format(**told)
