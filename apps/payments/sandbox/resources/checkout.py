"""Hosted Checkout sessions and the setup intents that a session in setup mode makes.

open → complete (the page was filled in) | expired (asked for, or ``expires_at`` passed).
"""

import re

from apps.payments.sandbox.cards import Behaviour, Card
from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.money import check_charge_amount
from apps.payments.sandbox.resources.customers import add_card, create_customer
from apps.payments.sandbox.resources.payment_intents import add_payment_intent, attempt
from apps.payments.sandbox.state import Call, Json, State, due_action, merged_metadata, random_text

SHORTEST_LIFE = 30 * 60
LONGEST_LIFE = 24 * 60 * 60
MODES = ("setup", "payment")
INTENT_DATA = frozenset({
    "capture_method", "description", "metadata", "receipt_email", "setup_future_usage", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
})  # fmt: skip
SETUP_DATA = frozenset({"description", "metadata"})
ITEM_FIELDS = frozenset({"price_data", "quantity"})
PRICE_FIELDS = frozenset({"currency", "product_data", "unit_amount"})
PRODUCT_FIELDS = frozenset({"name", "description", "images", "metadata"})
_URL = re.compile(r"https?://[!-~]+")


class DeclinedAtEntry(Exception):
    """The card that was typed into the page does not work; ``str()`` is what the page says."""


def create_session(state: State, call: Call) -> Json:
    """POST /v1/checkout/sessions, in mode ``setup`` or ``payment``."""
    params = call.params
    mode = params.get("mode")
    if mode not in MODES:
        raise CallerMistake("The sandbox builds sessions in mode setup or payment.", param="mode")
    _check_urls(params)
    _check_mode(params, mode)
    customer = params.get("customer")
    if customer:
        for name in params.keys() & {"customer_creation", "customer_email"}:
            raise CallerMistake(f"You can not give {name} together with customer.", param=name)
        state.get("customer", customer, param="customer")
    items = _line_items(params) if mode == "payment" else []
    session = state.add("cs_test", _members(state, params, items, customer))
    session["url"] = state.page_url(session["id"])
    for item in items:
        item["id"] = f"li_{random_text(24)}"
    session["line_items"]["url"] = f"/v1/checkout/sessions/{session['id']}/line_items"
    state.intent_data[session["id"]] = params.get("payment_intent_data", {})
    if mode == "setup":
        session["setup_intent"] = _add_setup_intent(state, call, session)["id"]
    state.at(session["expires_at"], "expire_session", session["id"])
    return session


def _check_urls(params: Json) -> None:
    if "success_url" not in params:
        raise CallerMistake("Missing required param: success_url.", code="parameter_missing", param="success_url")
    for name in ("success_url", "cancel_url"):
        if name in params and not _URL.fullmatch(params[name]):
            raise CallerMistake(
                "Not a valid URL: give an absolute one with its scheme.", code="url_invalid", param=name
            )


def _check_mode(params: Json, mode: str) -> None:
    """Refuse what Stripe does not take together with this mode."""
    if mode == "setup":
        if "currency" not in params and "allowed_payment_method_types" not in params:
            raise CallerMistake(
                "Provide currency or allowed_payment_method_types in setup mode.",
                code="parameter_missing",
                param="currency",
            )
        _check_data(params, mode, "setup_intent_data", SETUP_DATA, wrong=("line_items", "payment_intent_data"))
    elif not params.get("line_items"):
        raise CallerMistake("Missing required param: line_items.", code="parameter_missing", param="line_items")
    else:
        _check_data(params, mode, "payment_intent_data", INTENT_DATA, wrong=("setup_intent_data",))


def _check_data(params: Json, mode: str, data: str, known: frozenset[str], *, wrong: tuple[str, ...]) -> None:
    for name in wrong:
        if name in params:
            raise CallerMistake(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    _check_known(params.get(data, {}), known, where=data)


def _check_known(given: Json, known: frozenset[str], *, where: str) -> None:
    for name in given.keys() - known:
        raise CallerMistake(f"The sandbox does not act on {where}[{name}].", param=f"{where}[{name}]")


def _line_items(params: Json) -> list[Json]:
    """Read line items with inline prices; all in one currency."""
    items: list[Json] = []
    for index, given in enumerate(params["line_items"]):
        name, price = f"line_items[{index}]", given.get("price_data")
        _check_known(given, ITEM_FIELDS, where=name)
        _check_known(price or {}, PRICE_FIELDS, where=f"{name}[price_data]")
        if price is None or "unit_amount" not in price or "product_data" not in price:
            raise CallerMistake(
                "The sandbox prices line items by price_data with unit_amount and product_data.",
                param=f"{name}[price_data]",
            )
        _check_known(price["product_data"], PRODUCT_FIELDS, where=f"{name}[price_data][product_data]")
        quantity = given.get("quantity", 1)
        if quantity < 1 or price["unit_amount"] < 0:
            raise CallerMistake("quantity and unit_amount must be positive.", param=f"{name}[quantity]")
        total = price["unit_amount"] * quantity
        items.append(
            {
                "id": "",
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": total,
                "amount_tax": 0,
                "amount_total": total,
                "currency": price["currency"].lower(),
                "description": price["product_data"]["name"],
                "metadata": {},
                "price": None,
                "quantity": quantity,
            }
        )
    if len({item["currency"] for item in items}) > 1:
        raise CallerMistake("All line items must have the same currency.", param="line_items")
    check_charge_amount(sum(item["amount_total"] for item in items), items[0]["currency"], param="line_items")
    return items


def _members(state: State, params: Json, items: list[Json], customer: str | None) -> Json:
    mode, now = params["mode"], state.clock.now()
    total = sum(item["amount_total"] for item in items) if items else None
    currency = items[0]["currency"] if items else params.get("currency")
    allowed = params.get("allowed_payment_method_types")
    return {
        "object": "checkout.session",
        "allow_promotion_codes": None,
        "allowed_payment_method_types": allowed,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "currency": currency.lower() if currency else None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer,
        "customer_creation": params.get("customer_creation", "if_required"),
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": _expires_at(params.get("expires_at"), now),
        "line_items": {"object": "list", "url": "", "has_more": False, "data": items},
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "mode": mode,
        "payment_intent": None,
        "payment_method_types": allowed or ["card"],
        "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "ui_mode": "hosted_page",
        "url": None,
    }


def _expires_at(wanted: int | None, now: int) -> int:
    if wanted is None:
        return now + LONGEST_LIFE
    # A request takes a moment: Stripe measures from its arrival, so a minute of grace keeps 30 minutes 30 minutes.
    if not now + SHORTEST_LIFE - 60 <= wanted <= now + LONGEST_LIFE + 60:
        raise CallerMistake(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return wanted


def _add_setup_intent(state: State, call: Call, session: Json) -> Json:
    data: Json = call.params.get("setup_intent_data", {})
    intent = state.add(
        "seti",
        {
            "object": "setup_intent",
            "allowed_payment_method_types": session["allowed_payment_method_types"],
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "customer": session["customer"],
            "description": data.get("description"),
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": merged_metadata({}, data.get("metadata")),
            "next_action": None,
            "payment_method": None,
            "payment_method_types": session["payment_method_types"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
        },
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    state.emit("setup_intent.created", intent, call)
    return intent


def retrieve_setup_intent(state: State, call: Call) -> Json:
    """GET /v1/setup_intents/{id}."""
    return state.get("setup_intent", call.ids[0])


def retrieve_session(state: State, call: Call) -> Json:
    """GET /v1/checkout/sessions/{id}."""
    return state.get("checkout.session", call.ids[0])


def expire_session(state: State, call: Call) -> Json:
    """POST /v1/checkout/sessions/{id}/expire: only an open one."""
    session = state.get("checkout.session", call.ids[0])
    if session["status"] != "open":
        raise Refusal(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status '
            f"of `{session['status']}`."
        )
    _expire_if_open(state, call, session)
    return session


@due_action("expire_session")
def _time_out(state: State, session: Json) -> None:
    _expire_if_open(state, Call(), session)


def _expire_if_open(state: State, call: Call, session: Json) -> None:
    if session["status"] != "open":
        return
    session |= {"status": "expired", "url": None}
    for kind in ("setup_intent", "payment_intent"):
        if session[kind] is not None:
            intent = state.get(kind, session[kind])
            intent |= {"status": "canceled", "cancellation_reason": "abandoned"}
            state.emit(f"{kind}.canceled", intent, call)
    state.emit("checkout.session.expired", session, call)


def complete_session(state: State, session: Json, card: Card) -> None:
    """Do what the customer's click on the page does, with an open session.

    :raises DeclinedAtEntry: the card does not work; the session stays open
    """
    call = Call()
    if session["mode"] == "setup":
        _complete_setup(state, call, session, card)
    else:
        _complete_payment(state, call, session, card)
    session |= {
        "customer_details": _customer_details(state, session),
        "status": "complete",
        "url": None,
    }
    state.emit("checkout.session.completed", session, call)


def _complete_setup(state: State, call: Call, session: Json, card: Card) -> None:
    intent = state.get("setup_intent", session["setup_intent"])
    if card.behaviour == Behaviour.DECLINES_AT_ENTRY:
        intent["last_setup_error"] = {
            "code": "card_declined",
            "decline_code": card.decline_code,
            "advice_code": card.advice_code,
            "message": card.message,
            "type": "card_error",
        }
        state.emit("setup_intent.setup_failed", intent, call)
        raise DeclinedAtEntry(card.message)
    customer = _customer_to_save_for(state, call, session)
    method = add_card(state, call, card=card, customer=customer)
    intent |= {
        "customer": customer,
        "last_setup_error": None,
        "payment_method": method["id"],
        "status": "succeeded",
    }
    state.emit("setup_intent.succeeded", intent, call)


def _complete_payment(state: State, call: Call, session: Json, card: Card) -> None:
    customer = _customer_to_save_for(state, call, session)
    if session["payment_intent"] is None:
        wanted = state.intent_data[session["id"]] | {
            "amount": session["amount_total"],
            "currency": session["currency"],
            "allowed_payment_method_types": session["allowed_payment_method_types"],
        }
        session["payment_intent"] = add_payment_intent(state, call, wanted, customer=customer)["id"]
    intent = state.get("payment_intent", session["payment_intent"])
    if intent["status"] == "canceled":
        raise DeclinedAtEntry("This payment was canceled.")
    keeps = intent["setup_future_usage"] is not None
    method = add_card(state, call, card=card, customer=customer if keeps else None)
    intent["payment_method"] = method["id"]
    try:
        attempt(state, call, intent, is_off_session=False)
    except Refusal as declined:
        raise DeclinedAtEntry(str(declined)) from None


def _customer_to_save_for(state: State, call: Call, session: Json) -> str | None:
    """Return the session's customer, making one where the session asks for it."""
    if session["customer"] is None and session["customer_creation"] == "always":
        made = create_customer(state, Call(params={"email": session["customer_email"]}))
        session["customer"] = made["id"]
    return session["customer"]  # type: ignore[no-any-return]


def _customer_details(state: State, session: Json) -> Json:
    email = session["customer_email"]
    if email is None and session["customer"] is not None:
        email = state.get("customer", session["customer"])["email"]
    return {"address": None, "email": email, "name": None, "phone": None, "tax_exempt": "none", "tax_ids": []}
