"""Why a payment failed, in words that a customer may read and act on.

Stripe's own messages are written for whoever stands at the till; an off-session customer reads ours later, in a mail
or the portal, and must learn what to do. Codes: docs.stripe.com/declines/codes, docs.stripe.com/error-codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What Stripe says of a failed attempt.

    code     its most telling code: the issuer's decline code, else the error's code
    advice   ``try_again_later`` | ``do_not_try_again`` | ``confirm_card_data`` | ""
    """

    code: str
    advice: str = ""


OTHER_CARD: Final = "Please save another card."
_WORDS: Final[Mapping[str, str]] = {
    "insufficient_funds": "There were not enough funds.",
    "expired_card": "The card has expired. " + OTHER_CARD,
    "lost_card": "The bank declined the card. " + OTHER_CARD,
    "stolen_card": "The bank declined the card. " + OTHER_CARD,
    "pickup_card": "The bank declined the card. " + OTHER_CARD,
    "incorrect_number": "The card number is wrong. Please save the card again.",
    "incorrect_cvc": "The card's security code is wrong. Please save the card again.",
    "card_velocity_exceeded": "The card's spending limit is reached.",
    "withdrawal_count_limit_exceeded": "The card's spending limit is reached.",
    "card_not_supported": "The card does not allow this kind of payment. " + OTHER_CARD,
    "currency_not_supported": "The card does not support this currency. " + OTHER_CARD,
    "authentication_required": "The bank asks you to confirm this payment yourself.",
    "payment_intent_authentication_failure": "The payment was not confirmed with the bank.",
    "processing_error": "The bank could not process the card just now.",
    "debit_not_authorized": "The bank took the debit back, since it was not authorised. Please save a method anew.",
    "account_closed": "The bank account is closed. Please save another account or a card.",
    "no_account": "The bank account does not exist. Please save another account or a card.",
    "could_not_process": "The bank could not process the debit.",
    "payment_intent_payment_attempt_failed": "The bank refused the debit.",
    "amount_too_small": "The amount is too small to be collected by card.",
    "amount_too_large": "The amount is too large to be collected by card.",
}
_BY_ADVICE: Final[Mapping[str, str]] = {
    "do_not_try_again": "The bank declined the card and asks not to try it again. " + OTHER_CARD,
    "confirm_card_data": "The bank declined the card's data. Please save the card again.",
    "try_again_later": "The bank declined the card for now.",
}
DECLINED: Final = "The bank declined the card. Please ask your bank or save another card."
NOT_MADE: Final = "The payment could not be made. Our staff have been told."


def in_words(failure: Failure) -> str:
    """Return one or two sentences for the customer; the code decides, else the advice."""
    if failure.code in _WORDS:
        return _WORDS[failure.code]
    if failure.advice in _BY_ADVICE:
        return _BY_ADVICE[failure.advice]
    return DECLINED if "decline" in failure.code or failure.code == "do_not_honor" else NOT_MADE


HOLD_DECLINED: Final = "The card was declined and nothing was charged. Please try again or use another card."
PAGE_REFUSED: Final = "The payment page could not be opened. Nothing was charged."
CAPTURE_REFUSED: Final = "The amount could not be taken from the reserved money."
