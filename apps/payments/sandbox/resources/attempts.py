"""One attempt to pay an intent with its payment method: what a confirmation does."""

import copy
from dataclasses import replace
from typing import Any

from apps.payments.sandbox.cards import Authentication, Behaviour, Card
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.resources import intent_moves
from apps.payments.sandbox.resources.charges import add_charge, capture, decline, release
from apps.payments.sandbox.resources.debits import submit_debit
from apps.payments.sandbox.resources.disputes import open_dispute
from apps.payments.sandbox.resources.payment_methods import keep_if_asked
from apps.payments.sandbox.state import Call, Json, State, due_action

_NOT_AUTHENTICATED: dict[str, Any] = {
    "advice_code": "",
    "code": "authentication_required",
    "decline_code": "authentication_required",
    "message": "Your card was declined. This transaction requires authentication.",
}


def attempt(state: State, call: Call, intent: Json, *, is_off_session: bool, return_url: str | None = None) -> None:
    """Charge the intent's payment method once, or ask its owner first.

    return_url: where the browser goes after 3-D Secure; without one, a script of Stripe's is told to show it

    :raises Refusal: 402, declined; the intent is back at requires_payment_method
    """
    intent |= {"last_payment_error": None, "next_action": None}
    method = state.get("payment_method", intent["payment_method"], param="payment_method")
    if method["type"] == "sepa_debit":
        submit_debit(state, call, intent, method)
        return
    card = state.cards[method["id"]]
    if is_off_session and card.asks_for_later_use():
        charge = add_charge(state, intent, method=method, is_off_session=True, is_authenticated=False)
        raise _declined(state, call, intent, charge, replace(card, **_NOT_AUTHENTICATED))
    if not is_off_session and card.asks_on_session():
        intent_moves.require_action(state, call, intent, next_action(state, intent, return_url))
        return
    charge_card(state, call, intent, is_off_session=is_off_session)


def next_action(state: State, intent: Json, return_url: str | None) -> Json:
    """Return how to get to the 3-D Secure page of an intent, payment or setup."""
    url = state.page_url("3ds", intent["id"])
    if return_url is None:
        script = {"type": "three_d_secure_redirect", "stripe_js": url}
        return {"type": "use_stripe_sdk", "use_stripe_sdk": script}
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def charge_card(
    state: State, call: Call, intent: Json, *, is_off_session: bool = False, is_authenticated: bool = False
) -> None:
    """Charge the intent's card.

    :raises Refusal: 402, declined; the intent is back at requires_payment_method
    """
    method = state.get("payment_method", intent["payment_method"])
    card = state.cards[method["id"]]
    charge = add_charge(state, intent, method=method, is_off_session=is_off_session, is_authenticated=is_authenticated)
    if card.behaviour is not Behaviour.GOOD:
        raise _declined(state, call, intent, charge, card)
    intent["latest_charge"] = charge["id"]
    keep_if_asked(state, call, method, intent)
    if is_authenticated and intent["setup_future_usage"]:
        remember_authentication(state, method)
    if intent["capture_method"] == "manual":
        _hold(state, call, intent, charge)
    else:
        take(state, call, intent, charge, charge["amount"], told_as="charge.succeeded")


def remember_authentication(state: State, method: Json) -> None:
    """Let a card that was saved with its owner's consent be charged without the owner, if its bank accepts that."""
    card = state.cards[method["id"]]
    if card.authentication is Authentication.UNLESS_SAVED:
        state.cards[method["id"]] = replace(card, authentication=Authentication.ON_SESSION)


def _declined(state: State, call: Call, intent: Json, charge: Json, card: Card) -> Refusal:
    """Put a declined attempt down on its intent and return the error to answer."""
    decline(charge, card)
    intent["latest_charge"] = charge["id"]
    said = card_error(card) | {
        "charge": charge["id"],
        # As it was at this attempt: a card that is detached later was attached then.
        "payment_method": copy.deepcopy(state.objects[charge["payment_method"]]),
    }
    state.emit("charge.failed", charge, call)
    intent_moves.fail(state, call, intent, said | {"type": "card_error", "message": card.message})
    return Refusal(card.message, status=402, kind="card_error", payment_intent=intent, **said)


def card_error(card: Card) -> Json:
    """Return what an error says of a card that declines, but for its type and message."""
    said = {
        "advice_code": card.advice_code,
        "code": card.code,
        "decline_code": card.decline_code,
        "doc_url": f"https://docs.stripe.com/error-codes/{card.code.replace('_', '-')}",
    }
    return {name: value for name, value in said.items() if value}


def _hold(state: State, call: Call, intent: Json, charge: Json) -> None:
    state.emit("charge.succeeded", charge, call)
    intent_moves.hold(state, call, intent)
    capture_before = charge["payment_method_details"]["card"]["capture_before"]
    state.at(capture_before, "expire_hold", charge["id"])


@due_action("expire_hold")
def _expire_hold(state: State, charge: Json) -> None:
    """Let the bank take its money back, unless the hold was captured or released before."""
    intent = state.get("payment_intent", charge["payment_intent"])
    if intent["status"] == "requires_capture":
        call = Call()
        release(charge)
        state.emit("charge.expired", charge, call)
        intent_moves.cancel(state, call, intent, reason="automatic")


def take(state: State, call: Call, intent: Json, charge: Json, amount: int, *, told_as: str) -> None:
    """Take ``amount`` of an authorised charge; the rest is released.

    told_as: the event about the charge
    """
    capture(state, charge, amount)
    state.emit(told_as, charge, call)
    intent_moves.succeed(state, call, intent, amount)
    reason = state.cards[charge["payment_method"]].dispute_reason
    if reason:
        open_dispute(state, call, charge, reason=reason)
