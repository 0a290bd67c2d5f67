"""Who pays for a session on an employer's card: the employer or the driver, the whole session, by the first rule.

Rules are asked in their order; all that a rule names must hold. Windows are local to the charger's location, half-open,
and wrap midnight where they end before they begin; the weekday is that of the start itself, as in tariffs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any, Final


class Payer(StrEnum):
    EMPLOYER = "employer"
    DRIVER = "driver"


class CardKind(StrEnum):
    """Whose card it is, for rules to tell apart; "" on a card: nobody said."""

    EMPLOYEE = "employee"
    VISITOR = "visitor"
    POOL = "pool"
    PRIVATE = "private"


class Origin(StrEnum):
    """What made a decision: a rule, that none held, the driver's mark, a person of the seller's."""

    RULE = "rule"
    OTHERWISE = "otherwise"
    MARKED = "marked"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerRule:
    """One rule; what it leaves empty holds always.

    weekdays  ISO, 1 = Monday · begins, ends: both or neither · place: what the location is called
    """

    payer: Payer
    weekdays: frozenset[int] = frozenset()
    begins: time | None = None
    ends: time | None = None
    location: int | None = None
    place: str = ""
    card_kind: CardKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A start as rules see it. local: aware, on the location's wall clock"""

    local: datetime
    location: int
    card_kind: CardKind | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who pays, and what says so: facts that ``payer_words`` reads, stored with the session."""

    payer: Payer
    origin: Origin
    facts: Mapping[str, Any]


def decide_payer(rules: Sequence[PayerRule], *, otherwise: Payer, beginning: Beginning) -> Verdict:
    """Return the payer of the first rule that holds, or ``otherwise``."""
    for position, rule in enumerate(rules, start=1):
        if holds(rule, beginning):
            return Verdict(payer=rule.payer, origin=Origin.RULE, facts={"rule": position, **_facts(rule)})
    return Verdict(payer=otherwise, origin=Origin.OTHERWISE, facts={})


def holds(rule: PayerRule, beginning: Beginning) -> bool:
    """Tell whether all that a rule names holds for a start."""
    return (
        (not rule.weekdays or beginning.local.isoweekday() in rule.weekdays)
        and (rule.begins is None or rule.ends is None or _within(beginning.local.time(), rule.begins, rule.ends))
        and (rule.location is None or rule.location == beginning.location)
        and (rule.card_kind is None or rule.card_kind == beginning.card_kind)
    )


def _within(at: time, begins: time, ends: time) -> bool:
    if begins < ends:
        return begins <= at < ends
    # Midnight as the end is the end of the day; an end before the beginning is that of the next day.
    return at >= begins or at < ends


def _facts(rule: PayerRule) -> dict[str, Any]:
    return {
        "weekdays": sorted(rule.weekdays),
        "begins": f"{rule.begins:%H:%M}" if rule.begins else "",
        "ends": f"{rule.ends:%H:%M}" if rule.ends else "",
        "place": rule.place,
        "card_kind": rule.card_kind.value if rule.card_kind else "",
    }


_DAYS: Final[Mapping[str, Sequence[str]]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "de": ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "nl": ("ma", "di", "wo", "do", "vr", "za", "zo"),
}
_CARDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "employee": "with an employee's card",
        "visitor": "with a visitor's card",
        "pool": "with a pool vehicle's card",
        "private": "with a private card",
    },
    "de": {
        "employee": "mit der Karte eines Mitarbeiters",
        "visitor": "mit der Karte eines Besuchers",
        "pool": "mit der Karte eines Poolfahrzeugs",
        "private": "mit einer privaten Karte",
    },
    "fr": {
        "employee": "avec la carte d’un employé",
        "visitor": "avec la carte d’un visiteur",
        "pool": "avec la carte d’un véhicule partagé",
        "private": "avec une carte privée",
    },
    "nl": {
        "employee": "met de kaart van een medewerker",
        "visitor": "met de kaart van een bezoeker",
        "pool": "met de kaart van een poolvoertuig",
        "private": "met een privékaart",
    },
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "employer": "The employer pays",
        "driver": "The driver pays",
        "rule": "rule {rule}: {when}",
        "always": "always",
        "otherwise": "no rule applies",
        "marked": "marked so by the driver",
        "corrected": "corrected: {reason}",
        "at": "at {place}",
    },
    "de": {
        "employer": "Der Arbeitgeber zahlt",
        "driver": "Der Fahrer zahlt",
        "rule": "Regel {rule}: {when}",
        "always": "immer",
        "otherwise": "keine Regel trifft zu",
        "marked": "vom Fahrer so gekennzeichnet",
        "corrected": "berichtigt: {reason}",
        "at": "an {place}",
    },
    "fr": {
        "employer": "L’employeur paie",
        "driver": "Le conducteur paie",
        "rule": "règle {rule} : {when}",
        "always": "toujours",
        "otherwise": "aucune règle ne s’applique",
        "marked": "indiqué ainsi par le conducteur",
        "corrected": "corrigé : {reason}",
        "at": "à {place}",
    },
    "nl": {
        "employer": "De werkgever betaalt",
        "driver": "De bestuurder betaalt",
        "rule": "regel {rule}: {when}",
        "always": "altijd",
        "otherwise": "geen regel is van toepassing",
        "marked": "zo aangegeven door de bestuurder",
        "corrected": "gecorrigeerd: {reason}",
        "at": "bij {place}",
    },
}


def payer_words(payer: Payer, origin: Origin, facts: Mapping[str, Any], *, language: str) -> str:
    """Say who pays and why: ``The driver pays – rule 2: Sat, Sun, 08:00–18:00, at Depot``."""
    words = _WORDS[language]
    why = words[origin].format_map({"when": rule_words(facts, language=language), "reason": "", **facts})
    return f"{words[payer]} – {why}"


def rule_words(facts: Mapping[str, Any], *, language: str) -> str:
    """Say when a rule holds, from its facts."""
    return ", ".join(_conditions(facts, language)) or _WORDS[language]["always"]


def words_of(rule: PayerRule, *, language: str) -> str:
    """Say when a rule holds."""
    return rule_words(_facts(rule), language=language)


def _conditions(facts: Mapping[str, Any], language: str) -> Iterable[str]:
    if facts.get("weekdays"):
        yield " ".join(_DAYS[language][day - 1] for day in facts["weekdays"])
    if facts.get("begins"):
        yield f"{facts['begins']}–{facts['ends']}"
    if facts.get("place"):
        yield _WORDS[language]["at"].format(place=facts["place"])
    if facts.get("card_kind"):
        yield _CARDS[language][facts["card_kind"]]
