"""Hosted Checkout sessions.

open → complete (the page was filled in: ``submission``) | expired (asked for, or ``expires_at`` passed).
"""

from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.money import check_charge_amount
from apps.payments.sandbox.resources import intent_moves
from apps.payments.sandbox.resources.setup_intents import add_setup_intent, cancel_setup
from apps.payments.sandbox.state import Call, Json, State, due_action, merged_metadata, random_text
from apps.payments.sandbox.urls import check_url

SHORTEST_LIFE = 30 * 60
LONGEST_LIFE = 24 * 60 * 60
MODES = ("setup", "payment")
METHOD_TYPES = ("card", "sepa_debit")
INTENT_DATA = frozenset({
    "capture_method", "description", "metadata", "receipt_email", "setup_future_usage", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
})  # fmt: skip
SETUP_DATA = frozenset({"description", "metadata"})
ITEM_FIELDS = frozenset({"price_data", "quantity"})
PRICE_FIELDS = frozenset({"currency", "product_data", "unit_amount"})
PRODUCT_FIELDS = frozenset({"name", "description", "images", "metadata"})


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
    _check_method_types(params, items)
    session = state.add("cs_test", _members(state, params, items, customer))
    session["url"] = state.page_url("pay", session["id"])
    for item in items:
        item["id"] = f"li_{random_text(24)}"
    session["line_items"]["url"] = f"/v1/checkout/sessions/{session['id']}/line_items"
    state.intent_data[session["id"]] = params.get("payment_intent_data", {})
    if mode == "setup":
        data = params.get("setup_intent_data", {})
        session["setup_intent"] = add_setup_intent(state, call, session, data)["id"]
    state.at(session["expires_at"], "expire_session", session["id"])
    return session


def _check_urls(params: Json) -> None:
    if "success_url" not in params:
        raise CallerMistake("Missing required param: success_url.", code="parameter_missing", param="success_url")
    for name in ("success_url", "cancel_url"):
        if name in params:
            check_url(params[name], param=name)


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


def _check_method_types(params: Json, items: list[Json]) -> None:
    """Refuse payment methods that the page has no form for, or that cannot pay this."""
    allowed = params.get("allowed_payment_method_types") or ()
    for name in allowed:
        if name not in METHOD_TYPES:
            raise CallerMistake(f"The sandbox's page does not take {name}.", param="allowed_payment_method_types")
    currency = items[0]["currency"] if items else params.get("currency", "eur").lower()
    is_held = params.get("payment_intent_data", {}).get("capture_method") == "manual"
    if "sepa_debit" in allowed and (currency != "eur" or is_held):
        raise CallerMistake(
            "sepa_debit takes EUR only, and cannot be captured manually.", param="allowed_payment_method_types"
        )


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
    if session["setup_intent"] is not None:
        cancel_setup(state, call, state.get("setup_intent", session["setup_intent"]))
    if session["payment_intent"] is not None:
        intent = state.get("payment_intent", session["payment_intent"])
        intent_moves.cancel(state, call, intent, reason="abandoned")
    state.emit("checkout.session.expired", session, call)
