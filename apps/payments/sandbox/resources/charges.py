"""Charges: one attempt each to take an intent's money, by card or by SEPA debit.

A charge keeps ``amount`` = what was authorised. As at Stripe, what a partial capture or a cancellation gives back is
counted in ``amount_refunded`` although no Refund object stands for it: refunds are counted by listing refunds.
"""

from apps.payments.sandbox.cards import Card
from apps.payments.sandbox.clock import DAY
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.money import fee
from apps.payments.sandbox.resources.ledger import SETTLING_TIME, book
from apps.payments.sandbox.state import Call, Json, State, random_text

HOLD_LIFE = 7 * DAY
"""Seconds that a card holds money when its owner was present."""
HOLD_LIFE_MERCHANT_INITIATED = 4 * DAY + 18 * 60 * 60
"""Seconds for a merchant-initiated Visa payment: 4 d 18 h."""


def add_charge(state: State, intent: Json, *, method: Json, is_off_session: bool, is_authenticated: bool) -> Json:
    """Make the charge of one attempt to pay an intent by card, authorised and not yet captured."""
    now = state.clock.now()
    life = HOLD_LIFE_MERCHANT_INITIATED if is_off_session else HOLD_LIFE
    is_hold = intent["capture_method"] == "manual"
    card = {name: method["card"][name] for name in ("brand", "country", "exp_month", "exp_year", "fingerprint")}
    details = card | {
        "amount_authorized": intent["amount"],
        "capture_before": now + life if is_hold else None,
        "funding": method["card"]["funding"],
        "last4": method["card"]["last4"],
        "network": method["card"]["brand"],
        "three_d_secure": _three_d_secure() if is_authenticated else None,
        "wallet": None,
    }
    return _add(state, "ch", intent, method, details)


def _three_d_secure() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": random_text(36),
        "version": "2.2.0",
    }


def add_debit(state: State, intent: Json, *, method: Json, mandate: Json) -> Json:
    """Make the charge of a SEPA debit, pending until its bank has decided."""
    known = ("bank_code", "branch_code", "country", "fingerprint", "last4")
    details = {name: method["sepa_debit"][name] for name in known} | {"mandate": mandate["id"]}
    charge = _add(state, "py", intent, method, details)
    charge |= {
        "amount_captured": intent["amount"],
        "captured": True,
        "outcome": charge["outcome"] | {"network_status": None, "risk_level": "not_assessed"},
        "paid": False,
        "status": "pending",
    }
    return charge


def _add(state: State, prefix: str, intent: Json, method: Json, details: Json) -> Json:
    kind = method["type"]
    charge = state.add(
        prefix,
        {
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "billing_details": dict(method["billing_details"]),
            "calculated_statement_descriptor": "WATTLEDGER SANDBOX",
            "captured": False,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(),
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"type": kind, kind: details},
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
    charge |= {"failure_code": card.code, "failure_message": card.message, "paid": False, "status": "failed"}
    charge["payment_method_details"]["card"]["capture_before"] = None
    charge["outcome"] |= {
        "advice_code": card.advice_code or None,
        "network_status": "declined_by_network",
        "reason": card.decline_code or card.code,
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
    available_on = state.clock.now() + SETTLING_TIME
    booked = book(state, kind="charge", amount=amount, cost=fee(amount), source=charge, available_on=available_on)
    charge["balance_transaction"] = booked["id"]


def release(charge: Json) -> None:
    """Give an uncaptured charge back in full."""
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    charge["payment_method_details"]["card"]["capture_before"] = None


def retrieve_charge(state: State, call: Call) -> Json:
    """GET /v1/charges/{id}."""
    return state.get("charge", call.ids[0])


def list_charges(state: State, call: Call) -> Json:
    """GET /v1/charges, by ``customer`` or ``payment_intent``."""
    return page(
        matching(state, "charge", call, "customer", "payment_intent"),
        url="/v1/charges",
        params=call.params,
    )
