"""Refunds: captured money given back, as long as nobody disputes it."""

from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.money import printed
from apps.payments.sandbox.resources.ledger import SETTLING_TIME, book
from apps.payments.sandbox.state import Call, Json, State, merged_metadata


def create_refund(state: State, call: Call) -> Json:
    """POST /v1/refunds: give back captured money; without an amount, all that is left."""
    charge = _charge_to_refund(state, call)
    left = charge["amount_captured"] - refunded(state, charge)
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
    kind = "payment_refund" if charge["id"].startswith("py_") else "refund"
    refund["balance_transaction"] = _booked(state, refund, kind=kind, amount=-amount)
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
    if charge["status"] != "succeeded":
        raise Refusal(f"Charge {charge['id']} has a status of {charge['status']}: there is nothing to refund yet.")
    if is_disputed(state, charge):
        raise Refusal(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    return charge


def is_disputed(state: State, charge: Json) -> bool:
    """Say whether the money of a charge was taken back by a dispute that is not won."""
    return any(each["charge"] == charge["id"] and each["status"] != "won" for each in state.every("dispute"))


def _booked(state: State, refund: Json, *, kind: str, amount: int) -> str:
    available_on = state.clock.now() + SETTLING_TIME
    category = "refund_failure" if kind == "refund_failure" else "refund"
    entry = book(state, kind=kind, category=category, amount=amount, source=refund, available_on=available_on)
    return entry["id"]  # type: ignore[no-any-return]


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


def refunded(state: State, charge: Json) -> int:
    """Return what was given back; what came back from the bank is not."""
    refunds = [refund for refund in state.every("refund") if refund["charge"] == charge["id"]]
    return sum(refund["amount"] for refund in refunds if refund["status"] != "failed")


def fail_refund(state: State, refund_id: str, reason: str) -> Json:
    """Let the bank send a refund back, days after it succeeded."""
    refund = state.get("refund", refund_id)
    if refund["status"] != "succeeded":
        raise ValueError(f"{refund_id} is {refund['status']}")
    charge, call = state.get("charge", refund["charge"]), Call()
    booked = _booked(state, refund, kind="refund_failure", amount=refund["amount"])
    refund |= {"status": "failed", "failure_reason": reason, "failure_balance_transaction": booked}
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
        matching(state, "refund", call, "charge", "payment_intent"),
        url="/v1/refunds",
        params=call.params,
    )
