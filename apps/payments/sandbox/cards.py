"""The test cards. A number is looked up once and forgotten: only brand, last four digits and behaviour are kept."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Behaviour(StrEnum):
    """What a card does when it is charged."""

    GOOD = "good"
    DECLINES_AT_ENTRY = "declines_at_entry"
    DECLINES_LATER = "declines_later"


class Authentication(StrEnum):
    """When a card's bank asks its owner by 3-D Secure.

    ON_SESSION    in each payment that the owner is present at
    UNLESS_SAVED  in those, when it is saved, and in merchant-initiated ones of a card that was saved without
    ALWAYS        also in merchant-initiated payments, which are therefore declined
    """

    NEVER = "never"
    ON_SESSION = "on_session"
    UNLESS_SAVED = "unless_saved"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the sandbox remembers of a card.

    code            the error's code when it declines
    decline_code    the issuer's reason then, "" for none
    advice_code     what the network advises then: ``try_again_later``, ``do_not_try_again``, ``confirm_card_data``, ""
    dispute_reason  why its owner disputes each payment, "" for never
    """

    brand: str
    last4: str
    behaviour: Behaviour = Behaviour.GOOD
    code: str = "card_declined"
    decline_code: str = "generic_decline"
    advice_code: str = "try_again_later"
    message: str = "Your card was declined."
    authentication: Authentication = Authentication.NEVER
    dispute_reason: str = ""

    def asks_on_session(self) -> bool:
        """Say whether its bank asks the owner in a payment on a page."""
        return self.authentication is not Authentication.NEVER

    def asks_for_later_use(self) -> bool:
        """Say whether its bank asks the owner before it is saved, and declines merchant-initiated payments without."""
        return self.authentication in (Authentication.UNLESS_SAVED, Authentication.ALWAYS)


def _visa(number: str, **traits: Any) -> tuple[str, Card]:
    return number, Card(brand="visa", last4=number[-4:], **traits)


def _declining(number: str, **traits: Any) -> tuple[str, Card]:
    return _visa(number, behaviour=Behaviour.DECLINES_AT_ENTRY, **traits)


_POOR: dict[str, Any] = {"decline_code": "insufficient_funds", "message": "Your card has insufficient funds."}
_LATER: dict[str, Any] = {"behaviour": Behaviour.DECLINES_LATER}

# docs.stripe.com/testing. The last two are the sandbox's own: no number of Stripe's gives that advice.
_CARDS = dict(
    (
        _visa("4242424242424242"),
        ("5555555555554444", Card(brand="mastercard", last4="4444")),
        _declining("4000000000000002"),
        _declining("4000000000009995", **_POOR),
        _declining("4000000000009987", decline_code="lost_card", advice_code="do_not_try_again"),
        _declining("4000000000009979", decline_code="stolen_card", advice_code="do_not_try_again"),
        _declining(
            "4000000000000069",
            code="expired_card",
            decline_code="",
            advice_code="confirm_card_data",
            message="Your card has expired.",
        ),
        _declining(
            "4000000000000127",
            code="incorrect_cvc",
            decline_code="",
            advice_code="confirm_card_data",
            message="Your card's security code is incorrect.",
        ),
        _declining(
            "4000000000000119",
            code="processing_error",
            decline_code="",
            message="An error occurred while processing your card. Try again in a little bit.",
        ),
        _visa("4000000000000341", **_LATER, **_POOR),
        _visa("4000000000003220", authentication=Authentication.ALWAYS),
        _visa("4000002760003184", authentication=Authentication.ALWAYS),
        _visa("4000002500003155", authentication=Authentication.UNLESS_SAVED),
        _visa("4000003800000446", authentication=Authentication.ON_SESSION),
        _visa("4000008260003178", authentication=Authentication.UNLESS_SAVED, **_LATER, **_POOR),
        _declining("4000008400001629", authentication=Authentication.ALWAYS),
        _visa("4000000000000259", dispute_reason="fraudulent"),
        _visa("4000000000002685", dispute_reason="product_not_received"),
        _visa("4000000000010001", **_LATER, advice_code="do_not_try_again"),
        _visa("4000000000010019", **_LATER, advice_code="confirm_card_data"),
    )
)


def card_of(number: str) -> Card | None:
    """Return the test card with this number; blanks and dashes do not count."""
    return _CARDS.get(number.replace(" ", "").replace("-", ""))
