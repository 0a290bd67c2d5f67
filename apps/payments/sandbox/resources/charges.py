"""Charges, their balance transactions and their refunds.

A charge keeps ``amount`` = what was authorised. As at Stripe, what a partial capture or a cancellation gives back is
counted in ``amount_refunded`` although no Refund object stands for it: refunds are counted by listing refunds.
"""

from apps.payments.sandbox.cards import Card
from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.lists import page
from apps.payments.sandbox.money import fee, printed
from apps.payments.sandbox.resources.customers import billing_details
from apps.payments.sandbox.state import Call, Json, State, due_action, merged_metadata

HOLD_LIFE = 7 * 24 * 60 * 60
"""Seconds that a card holds money when its owner was present."""
HOLD_LIFE_MERCHANT_INITIATED = (4 * 24 + 18) * 60 * 60
"""Seconds for a merchant-initiated Visa payment: 4 d 18 h."""
SETTLING_TIME = 2 * 24 * 60 * 60


def add_charge(state: State, intent: Json, *, method: Json, is_off_session: bool) -> Json:
    """Make the charge of one attempt to pay an intent, authorised and not yet captured."""
    now = state.clock.now()
    life = HOLD_LIFE_MERCHANT_INITIATED if is_off_session else HOLD_LIFE
    is_hold = intent["capture_method"] == "manual"
    card = {name: method["card"][name] for name in ("brand", "country", "exp_month", "exp_year", "fingerprint")}
    charge = state.add(
        "ch",
        {
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "billing_details": billing_details(),
            "calculated_statement_descriptor": "WATTLEDGER SANDBOX",
            "captured": False,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(),
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {
                "type": "card",
                "card": card
                | {
                    "amount_authorized": intent["amount"],
                    "capture_before": now + life if is_hold else None,
                    "funding": method["card"]["funding"],
                    "last4": method["card"]["last4"],
                    "network": method["card"]["brand"],
                    "three_d_secure": None,
                    "wallet": None,
                },
            },
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "refunds": {"object": "list", "url": "", "has_more": False, "data": []},
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": "succeeded",
            "transfer_group": intent["transfer_group"],
        },
    )
    charge["refunds"]["url"] = f"/v1/charges/{charge['id']}/refunds"
    return charge


def _outcome() -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "seller_message": "Payment complete.",
        "type": "authorized",
    }


def decline(charge: Json, card: Card) -> None:
    """Let the issuer refuse a charge."""
    charge |= {
        "failure_code": "card_declined",
        "failure_message": card.message,
        "paid": False,
        "status": "failed",
    }
    charge["payment_method_details"]["card"]["capture_before"] = None
    charge["outcome"] |= {
        "advice_code": card.advice_code,
        "network_status": "declined_by_network",
        "reason": card.decline_code,
        "seller_message": "The bank declined the payment.",
        "type": "issuer_declined",
    }


def capture(state: State, charge: Json, amount: int) -> None:
    """Take ``amount`` (≤ authorised) of a charge and release the rest."""
    charge |= {
        "amount_captured": amount,
        "amount_refunded": charge["amount"] - amount,
        "captured": True,
    }
    charge["payment_method_details"]["card"]["capture_before"] = None
    charge["balance_transaction"] = _book(state, kind="charge", amount=amount, cost=fee(amount), source=charge)["id"]


def release(charge: Json) -> None:
    """Give an uncaptured charge back in full."""
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    charge["payment_method_details"]["card"]["capture_before"] = None


def _book(state: State, *, kind: str, amount: int, cost: int, source: Json) -> Json:
    now = state.clock.now()
    details = {"amount": cost, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    entry = state.add(
        "txn",
        {
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now + SETTLING_TIME,
            "balance_type": "payments",
            "currency": source["currency"],
            "description": source["description"],
            "exchange_rate": None,
            "fee": cost,
            "fee_details": [details | {"description": "Stripe processing fees"}] if cost else [],
            "net": amount - cost,
            "reporting_category": kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        },
    )
    state.at(entry["available_on"], "settle", entry["id"])
    return entry


@due_action("settle")
def _settle(_: State, entry: Json) -> None:
    entry["status"] = "available"


def retrieve_charge(state: State, call: Call) -> Json:
    """GET /v1/charges/{id}."""
    return state.get("charge", call.ids[0])


def list_charges(state: State, call: Call) -> Json:
    """GET /v1/charges, by ``customer`` or ``payment_intent``."""
    return page(
        _matching(state, "charge", call, "customer", "payment_intent"),
        url="/v1/charges",
        params=call.params,
    )


def create_refund(state: State, call: Call) -> Json:
    """POST /v1/refunds: give back captured money; without an amount, all that is left."""
    charge = _charge_to_refund(state, call)
    left = charge["amount_captured"] - _refunded(state, charge)
    if left == 0:
        raise Refusal(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = call.params.get("amount", left)
    if amount < 1:
        raise Refusal("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        raise Refusal(
            f"Refund amount ({printed(amount, charge['currency'])}) is greater than unrefunded amount on charge "
            f"({printed(left, charge['currency'])})",
            param="amount",
        )
    refund = state.add("re", _refund_members(call, charge, amount))
    booked = _book(state, kind="refund", amount=-amount, cost=0, source=refund)
    refund["balance_transaction"] = booked["id"]
    charge["refunds"]["data"].insert(0, refund)
    charge["amount_refunded"] += amount
    charge["refunded"] = amount == left
    state.emit("refund.created", refund, call)
    state.emit("charge.refunded", charge, call)
    return refund


def _charge_to_refund(state: State, call: Call) -> Json:
    """Find the charge that the request names, itself or by its intent."""
    if ("charge" in call.params) == ("payment_intent" in call.params):
        raise CallerMistake("Provide exactly one of charge and payment_intent.", param="charge")
    if "charge" in call.params:
        charge = state.get("charge", call.params["charge"], param="charge")
    else:
        intent = state.get("payment_intent", call.params["payment_intent"], param="payment_intent")
        latest = intent["latest_charge"]
        if latest is None:
            raise Refusal(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge = state.get("charge", latest)
    if not charge["captured"]:
        raise Refusal(
            f"Charge {charge['id']} has not been captured: cancel its PaymentIntent instead.",
            code="charge_not_refundable",
        )
    return charge


def _refund_members(call: Call, charge: Json, amount: int) -> Json:
    return {
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "currency": charge["currency"],
        "customer": charge["customer"],
        "description": None,
        "metadata": merged_metadata({}, call.params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "status": "succeeded",
    }


def _refunded(state: State, charge: Json) -> int:
    """Return what was given back; what came back from the bank is not."""
    refunds = [refund for refund in state.every("refund") if refund["charge"] == charge["id"]]
    return sum(refund["amount"] for refund in refunds if refund["status"] != "failed")


def fail_refund(state: State, refund_id: str, reason: str) -> Json:
    """Let the bank send a refund back, days after it succeeded."""
    refund = state.get("refund", refund_id)
    if refund["status"] != "succeeded":
        raise ValueError(f"{refund_id} is {refund['status']}")
    charge, call = state.get("charge", refund["charge"]), Call()
    booked = _book(state, kind="refund_failure", amount=refund["amount"], cost=0, source=refund)
    refund |= {"status": "failed", "failure_reason": reason, "failure_balance_transaction": booked["id"]}
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    charge["refunds"]["data"] = [refund if each["id"] == refund_id else each for each in charge["refunds"]["data"]]
    state.emit("refund.failed", refund, call)
    state.emit("charge.refund.updated", refund, call)
    return refund


def retrieve_refund(state: State, call: Call) -> Json:
    """GET /v1/refunds/{id}."""
    return state.get("refund", call.ids[0])


def list_refunds(state: State, call: Call) -> Json:
    """GET /v1/refunds, by ``charge`` or ``payment_intent``."""
    return page(
        _matching(state, "refund", call, "charge", "payment_intent"),
        url="/v1/refunds",
        params=call.params,
    )


def _matching(state: State, kind: str, call: Call, *names: str) -> list[Json]:
    return [each for each in state.every(kind) if all(call.params.get(name) in (None, each[name]) for name in names)]
