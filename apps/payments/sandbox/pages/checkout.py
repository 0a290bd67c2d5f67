"""The hosted Checkout page: a form for each way to pay that the session allows.

Card number and IBAN are looked up and forgotten: neither stored nor logged, nor written back into the page.
"""

from html import escape
from urllib.parse import parse_qs

from apps.payments.sandbox.cards import card_of
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.ibans import bank_account_of
from apps.payments.sandbox.money import printed
from apps.payments.sandbox.pages.layout import PREFIX, PageAnswer, document, nothing_here, told
from apps.payments.sandbox.resources.submission import Declined, submit_bank_account, submit_card
from apps.payments.sandbox.state import Json, State

LONGEST_TEXT = 200


def show(state: State, session_id: str) -> PageAnswer:
    """Show the forms of an open session."""
    session = _session(state, session_id)
    if session is None or session["status"] != "open":
        return _closed(session)
    return PageAnswer(status=200, html=_page(state, session, _last_error(state, session)))


def submit(state: State, session_id: str, body: str) -> PageAnswer:
    """Save or charge what was typed in, and lead on: to the shop, or to 3-D Secure first."""
    session = _session(state, session_id)
    if session is None or session["status"] != "open":
        return _closed(session)
    typed = {name: values[0].strip() for name, values in parse_qs(body).items()}
    try:
        location = _submit(state, session, typed)
    except Declined as declined:
        return PageAnswer(status=402, html=_page(state, session, str(declined)))
    return PageAnswer(status=303, location=location)


def _submit(state: State, session: Json, typed: dict[str, str]) -> str:
    """Return where the browser goes next.

    :raises Declined: nothing that this page takes was typed, or it does not work
    """
    if "iban" in typed and "sepa_debit" in session["payment_method_types"]:
        return _submit_iban(state, session, typed)
    card = card_of(typed.get("card_number", ""))
    if card is None or "card" not in session["payment_method_types"]:
        raise Declined("Your card number is not one of the sandbox's test cards.")
    return submit_card(state, session, card)


def _submit_iban(state: State, session: Json, typed: dict[str, str]) -> str:
    account = bank_account_of(typed["iban"])
    if account is None:
        raise Declined("Your IBAN is not one of the sandbox's test accounts.")
    name, email = typed.get("name", ""), typed.get("email", "")
    if not name or "@" not in email or len(name) > LONGEST_TEXT or len(email) > LONGEST_TEXT:
        raise Declined("Give the account holder's name and e-mail address.")
    return submit_bank_account(state, session, account, name=name, email=email)


def _session(state: State, session_id: str) -> Json | None:
    try:
        return state.get("checkout.session", session_id)
    except Refusal:
        return None


def _closed(session: Json | None) -> PageAnswer:
    if session is None:
        return nothing_here()
    said = "You are all done here" if session["status"] == "complete" else "This page has expired"
    back = session["cancel_url"] or ""
    return told(410, said, f'<p><a href="{escape(back)}">Back</a></p>' if back else "")


def _last_error(state: State, session: Json) -> str:
    """Return what went wrong before, for a customer who comes back from 3-D Secure."""
    kind = "setup_intent" if session["mode"] == "setup" else "payment_intent"
    if session[kind] is None:
        return ""
    error = state.get(kind, session[kind])[f"last_{kind.removesuffix('_intent')}_error"]
    if error is None:
        return ""
    # The API's sentence for this one is for programmers.
    if error["code"] == f"{kind}_authentication_failure":
        return "We are unable to authenticate your payment method. Please choose a different one and try again."
    return error["message"]  # type: ignore[no-any-return]


def _page(state: State, session: Json, said: str) -> str:
    if session["mode"] == "setup":
        title, lines = "Save a way to pay", ""
    else:
        title = f"Pay {_total(session)}"
        lines = "".join(
            f"<p>{escape(item['description'])} × {item['quantity']}: "
            f"{printed(item['amount_total'], item['currency'])}</p>"
            for item in session["line_items"]["data"]
        )
    alert = f'<p role="alert">{escape(said)}</p>' if said else ""
    back = session["cancel_url"]
    cancel = f'<p><a id="cancel" href="{escape(back)}">Cancel and go back</a></p>' if back else ""
    forms = {"card": _card_form, "sepa_debit": _debit_form}
    shown = "".join(forms[kind](state, session) for kind in session["payment_method_types"])
    return document(f"<h1>{escape(title)}</h1>{lines}{alert}{shown}{cancel}")


def _total(session: Json) -> str:
    return printed(session["amount_total"], session["currency"])


def _card_form(_: State, session: Json) -> str:
    button = "Save card" if session["mode"] == "setup" else f"Pay {_total(session)}"
    return f"""<form method="post" action="{PREFIX}pay/{session["id"]}">
<label for="card_number">Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="off" required>
<button type="submit">{button}</button>
</form>
<p class="note">Sandbox: no real card works here. 4242 4242 4242 4242 is good, 4000 0000 0000 3220 asks by 3-D Secure,
4000 0000 0000 0341 can be saved but not charged, 4000 0000 0000 0002 declines at once.</p>"""


def _debit_form(state: State, session: Json) -> str:
    button = "Sign and save" if session["mode"] == "setup" else f"Sign and pay {_total(session)}"
    email = session["customer_email"]
    if email is None and session["customer"] is not None:
        email = state.get("customer", session["customer"])["email"]
    return f"""<form method="post" action="{PREFIX}pay/{session["id"]}">
<h2>SEPA Direct Debit mandate</h2>
<label for="iban">IBAN</label>
<input id="iban" name="iban" autocomplete="off" required>
<label for="name">Account holder</label>
<input id="name" name="name" maxlength="{LONGEST_TEXT}" autocomplete="name" required>
<label for="email">E-mail</label>
<input id="email" name="email" type="email" maxlength="{LONGEST_TEXT}" value="{escape(email or "")}" required>
<p class="note">By signing you let the seller have your bank debit your account (by Stripe), and your bank do so.
You are entitled to a refund from your bank within eight weeks from the debit.</p>
<button type="submit">{button}</button>
</form>
<p class="note">Sandbox: no real account works here. DE89 3704 0044 0532 0130 00 pays, DE62 3704 0044 0532 0130 01
refuses.</p>"""
