"""Why this tariff and no other, rank by rank, in sentences for an operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from apps.contracts.domain.precedence import Assignment, PlaceIds, Rank, Step, choose_assignment


class Outcome(StrEnum):
    """What came of asking a rank."""

    APPLIES = "applies"
    NO_VERSION = "no version"  # assigned, but nothing of the tariff is in force: nothing below is asked
    NONE = "none"  # it has no tariff of its own at that time
    ABSENT = "not asked"  # there is no such contract, tier or group
    PASSED_OVER = "passed over"  # it has a tariff, which a higher rank hides


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a rank means for one question.

    place_ids  None: there is none (no card, no tier, no group)
    words      “the station CS-0001”; where there is none, the sentence that says why
    """

    place_ids: PlaceIds | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """One rank's answer in a sentence; ``assignment`` is None where it has none."""

    rank: Rank
    outcome: Outcome
    sentence: str
    assignment: Assignment | None


def explain_steps(
    steps: Sequence[Step], *, places: Mapping[Rank, Place], has_version: bool
) -> tuple[ExplainedStep, ...]:
    """Say of every rank what came of asking it.

    has_version  whether the deciding assignment's tariff has a version in force
    """
    chosen = choose_assignment(steps)
    winner = places[chosen.rank] if chosen is not None else None
    explained = []
    for step in steps:
        place = places[step.rank]
        outcome = _outcome(step, chosen=chosen, has_version=has_version, place=place)
        sentence = _sentence(outcome, step, place, winner)
        explained.append(ExplainedStep(rank=step.rank, outcome=outcome, sentence=sentence, assignment=step.assignment))
    return tuple(explained)


def _outcome(step: Step, *, chosen: Assignment | None, has_version: bool, place: Place) -> Outcome:
    if step.assignment is not None and step.assignment is chosen:
        return Outcome.APPLIES if has_version else Outcome.NO_VERSION
    if step.assignment is not None:
        return Outcome.PASSED_OVER
    return Outcome.ABSENT if place.place_ids is None else Outcome.NONE


def _sentence(outcome: Outcome, step: Step, place: Place, winner: Place | None) -> str:
    is_default = step.rank is Rank.DEFAULT
    if step.assignment is None:
        if outcome is Outcome.ABSENT:
            return place.words
        if is_default:
            return "The owner has no default tariff at that time."
        return f"{_capital(place.words)} has no tariff of its own at that time."
    assigned = f"“{step.assignment.tariff_name}” is {'' if is_default else 'assigned to '}{place.words}"
    if outcome is Outcome.APPLIES:
        return f"{assigned}."
    if outcome is Outcome.NO_VERSION:
        return f"{assigned}, but has no published version in force at that time. Nothing below it is asked."
    assert winner is not None, "a rank is passed over for a higher one"
    return f"{assigned} too, but {winner.words} goes before."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
