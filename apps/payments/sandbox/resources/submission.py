"""What a customer's click on the Checkout page does, with an open session."""

from apps.payments.sandbox.cards import Card
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.ibans import BankAccount
from apps.payments.sandbox.resources.attempts import attempt
from apps.payments.sandbox.resources.customers import create_customer
from apps.payments.sandbox.resources.mandates import sign_mandate
from apps.payments.sandbox.resources.payment_intents import add_payment_intent
from apps.payments.sandbox.resources.payment_methods import add_bank_account, add_card
from apps.payments.sandbox.resources.setup_intents import confirm_setup
from apps.payments.sandbox.state import Call, Json, State


class Declined(Exception):
    """What was typed into the page does not work; ``str()`` is what the page says. The session stays open."""


def submit_card(state: State, session: Json, card: Card) -> str:
    """Save or charge a card and return where the browser goes next: on, or to 3-D Secure.

    :raises Declined: the card does not work
    """
    return _submit(state, session, add_card(state, card))


def submit_bank_account(state: State, session: Json, account: BankAccount, *, name: str, email: str) -> str:
    """Save or debit a bank account and return where the browser goes next."""
    return _submit(state, session, add_bank_account(state, account, name=name, email=email))


def _submit(state: State, session: Json, method: Json) -> str:
    call = Call()
    customer = _customer_to_save_for(state, session)
    submit = _save if session["mode"] == "setup" else _pay
    try:
        intent = submit(state, call, session, method, customer)
    except Refusal as declined:
        raise Declined(str(declined)) from None
    if intent["status"] == "requires_action":
        return intent["next_action"]["redirect_to_url"]["url"]  # type: ignore[no-any-return]
    return complete(state, call, session)


def _save(state: State, call: Call, session: Json, method: Json, customer: str | None) -> Json:
    intent = state.get("setup_intent", session["setup_intent"])
    intent["customer"] = customer
    confirm_setup(state, call, intent, method, return_url=session["url"])
    return intent


def _pay(state: State, call: Call, session: Json, method: Json, customer: str | None) -> Json:
    if session["payment_intent"] is None:
        wanted = state.intent_data[session["id"]] | {
            "amount": session["amount_total"],
            "currency": session["currency"],
            "allowed_payment_method_types": session["allowed_payment_method_types"],
        }
        session["payment_intent"] = add_payment_intent(state, call, wanted, customer=customer)["id"]
    intent = state.get("payment_intent", session["payment_intent"])
    if intent["status"] == "canceled":
        raise Declined("This payment was canceled.")
    if method["type"] == "sepa_debit":
        sign_mandate(state, method, amount=None if intent["setup_future_usage"] else intent["amount"])
    intent["payment_method"] = method["id"]
    attempt(state, call, intent, is_off_session=False, return_url=session["url"])
    return intent


def complete(state: State, call: Call, session: Json) -> str:
    """Close a session whose intent has got what it wanted, and return the way back to the shop."""
    session |= {
        "customer_details": _customer_details(state, session),
        "status": "complete",
        "url": None,
    }
    state.emit("checkout.session.completed", session, call)
    return session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])  # type: ignore[no-any-return]


def _customer_to_save_for(state: State, session: Json) -> str | None:
    """Return the session's customer, making one where the session asks for it."""
    if session["customer"] is None and session["customer_creation"] == "always":
        made = create_customer(state, Call(params={"email": session["customer_email"]}))
        session["customer"] = made["id"]
    return session["customer"]  # type: ignore[no-any-return]


def _customer_details(state: State, session: Json) -> Json:
    kind = "setup_intent" if session["mode"] == "setup" else "payment_intent"
    intent = state.get(kind, session[kind])
    typed = state.get("payment_method", intent["payment_method"])["billing_details"]
    email = typed["email"] or session["customer_email"]
    if email is None and session["customer"] is not None:
        email = state.get("customer", session["customer"])["email"]
    return {
        "address": None,
        "email": email,
        "name": typed["name"],
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
