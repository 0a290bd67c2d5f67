"""The test cards. A number is looked up once and forgotten: only brand, last four digits and behaviour are kept."""

from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """What a card does."""

    GOOD = "good"
    DECLINES_AT_ENTRY = "declines_at_entry"
    DECLINES_LATER = "declines_later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the sandbox remembers of a card.

    decline_code  the issuer's reason when it declines
    advice_code   what the network advises then: ``try_again_later``, ``do_not_try_again``, ``confirm_card_data``
    """

    brand: str
    last4: str
    behaviour: Behaviour
    decline_code: str = "generic_decline"
    advice_code: str = "try_again_later"
    message: str = "Your card was declined."


_CARDS = {
    "4242424242424242": Card(brand="visa", last4="4242", behaviour=Behaviour.GOOD),
    "5555555555554444": Card(brand="mastercard", last4="4444", behaviour=Behaviour.GOOD),
    "4000000000000002": Card(brand="visa", last4="0002", behaviour=Behaviour.DECLINES_AT_ENTRY),
    "4000000000000341": Card(
        brand="visa",
        last4="0341",
        behaviour=Behaviour.DECLINES_LATER,
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
}


def card_of(number: str) -> Card | None:
    """Return the test card with this number; blanks and dashes do not count."""
    return _CARDS.get(number.replace(" ", "").replace("-", ""))
