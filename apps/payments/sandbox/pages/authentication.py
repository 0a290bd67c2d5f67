"""The page of a card's bank (3-D Secure): complete or fail."""

from apps.payments.sandbox.money import printed
from apps.payments.sandbox.pages.layout import PREFIX, PageAnswer, document, told
from apps.payments.sandbox.resources.authentication import answer, waiting_intent
from apps.payments.sandbox.state import Json, State

ANSWERS = {"answer=complete": True, "answer=fail": False}


def show(state: State, intent_id: str) -> PageAnswer:
    """Ask the customer of an intent that waits for it."""
    intent = waiting_intent(state, intent_id)
    return _over() if intent is None else PageAnswer(status=200, html=_form(state, intent))


def submit(state: State, intent_id: str, body: str) -> PageAnswer:
    """Do what the customer's button says, and lead back."""
    intent = waiting_intent(state, intent_id)
    if intent is None:
        return _over()
    if body not in ANSWERS:
        return PageAnswer(status=400, html=_form(state, intent))
    location = answer(state, intent, is_authentic=ANSWERS[body])
    return PageAnswer(status=303, location=location) if location else told(200, "Go back to where you came from")


def _over() -> PageAnswer:
    return told(410, "Nothing is to be authenticated here")


def _form(state: State, intent: Json) -> str:
    card = state.get("payment_method", intent["payment_method"])["card"]
    what = "saving it" if intent["object"] == "setup_intent" else printed(intent["amount"], intent["currency"])
    return document(
        f"""<h1>Your bank asks: is it you?</h1>
<p>Card {card["brand"]} ending in {card["last4"]}: {what}.</p>
<form method="post" action="{PREFIX}3ds/{intent["id"]}">
<button type="submit" name="answer" value="complete">Complete authentication</button>
<button type="submit" name="answer" value="fail" class="no">Fail authentication</button>
</form>
<p class="note">Sandbox: a 3-D Secure page of no bank.</p>"""
    )
