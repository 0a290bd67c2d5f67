"""The hosted Checkout page: plain HTML that a browser or a plain POST can drive.

The card number is looked up and forgotten: it is neither stored nor logged, nor written back into the page.
"""

from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs

from apps.payments.sandbox.cards import card_of
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.money import printed
from apps.payments.sandbox.resources.checkout import DeclinedAtEntry, complete_session
from apps.payments.sandbox.state import Json, State

PATH = "/c/pay/"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f6f8fa;color:#1a1f36;margin:0}
main{max-width:26rem;margin:8vh auto;background:#fff;padding:2rem;border-radius:.5rem;box-shadow:0 1px 4px #0003}
h1{font-size:1.3rem;margin:0 0 1rem}label{display:block;font-weight:600}
input{box-sizing:border-box;width:100%;font:inherit;padding:.6rem;margin:.3rem 0 1rem;border:1px solid #8792a2}
button{width:100%;font:inherit;font-weight:600;padding:.7rem;border:0;border-radius:.3rem;background:#635bff;color:#fff}
[role=alert]{color:#b3093c;font-weight:600}.note{font-size:.85rem;color:#4f566b}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """What the browser gets: a page, or a redirect when ``location`` is set."""

    status: int
    html: str = ""
    location: str = ""


def show(state: State, session_id: str) -> PageAnswer:
    """Answer GET: the form of an open session."""
    with state.turn():
        session = _session(state, session_id)
        if session is None or session["status"] != "open":
            return _closed(session)
        return PageAnswer(status=200, html=_form(session, ""))


def submit(state: State, session_id: str, body: str) -> PageAnswer:
    """Answer POST: save or charge the card, complete the session and lead back to the shop."""
    number = parse_qs(body).get("card_number", [""])[0]
    with state.turn(writes=True):
        session = _session(state, session_id)
        if session is None or session["status"] != "open":
            return _closed(session)
        card = card_of(number)
        if card is None:
            said = "Your card number is not one of the sandbox's test cards."
            return PageAnswer(status=402, html=_form(session, said))
        try:
            complete_session(state, session, card)
        except DeclinedAtEntry as declined:
            return PageAnswer(status=402, html=_form(session, str(declined)))
        location = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
        return PageAnswer(status=303, location=location)


def _session(state: State, session_id: str) -> Json | None:
    try:
        return state.get("checkout.session", session_id)
    except Refusal:
        return None


def _closed(session: Json | None) -> PageAnswer:
    if session is None:
        return PageAnswer(status=404, html=_document("<h1>This page does not exist</h1>"))
    said = "You are all done here" if session["status"] == "complete" else "This page has expired"
    back = session["cancel_url"] or ""
    link = f'<p><a href="{escape(back)}">Back</a></p>' if back else ""
    return PageAnswer(status=410, html=_document(f"<h1>{said}</h1>{link}"))


def _form(session: Json, said: str) -> str:
    if session["mode"] == "setup":
        title, button, lines = "Save a card", "Save card", ""
    else:
        amount = printed(session["amount_total"], session["currency"])
        title, button = f"Pay {amount}", f"Pay {amount}"
        lines = "".join(
            f"<p>{escape(item['description'])} × {item['quantity']}: "
            f"{printed(item['amount_total'], item['currency'])}</p>"
            for item in session["line_items"]["data"]
        )
    alert = f'<p role="alert">{escape(said)}</p>' if said else ""
    back = session["cancel_url"]
    cancel = f'<p><a id="cancel" href="{escape(back)}">Cancel and go back</a></p>' if back else ""
    return _document(
        f"""<h1>{escape(title)}</h1>{lines}{alert}
<form method="post" action="{PATH}{session["id"]}">
<label for="card_number">Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="off" required autofocus>
<button type="submit">{escape(button)}</button>
</form>{cancel}
<p class="note">Sandbox: no real card works here. 4242 4242 4242 4242 is good, 4000 0000 0000 0341 can be
saved but not charged, 4000 0000 0000 0002 declines at once.</p>"""
    )


def _document(content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Checkout (sandbox)</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body><main>{content}</main></body></html>"
    )
