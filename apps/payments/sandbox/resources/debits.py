"""SEPA debits: submitted to a bank that pays or refuses days later, and can want its money back for months.

The charge is pending and the intent processing until the bank has decided. What is paid and comes back later is, as at
Stripe, a dispute that is lost from the beginning (``disputes``).
"""

from apps.payments.sandbox.clock import after_business_days
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.money import DEBIT_FEE, FAILED_DEBIT_FEE
from apps.payments.sandbox.resources import intent_moves
from apps.payments.sandbox.resources.charges import add_debit
from apps.payments.sandbox.resources.disputes import open_dispute
from apps.payments.sandbox.resources.ledger import book
from apps.payments.sandbox.resources.mandates import mandate_of
from apps.payments.sandbox.resources.payment_methods import keep_if_asked
from apps.payments.sandbox.state import Call, Json, State, due_action

ERROR_CODES = frozenset({"account_closed", "bank_account_restricted", "debit_not_authorized", "insufficient_funds"})
"""Failure codes of a charge that are also codes of an error; the others make the error a general one."""


def check_debit(method: Json, *, currency: str, capture_method: str) -> None:
    """Refuse a payment that cannot be a SEPA debit, if it is to be one.

    :raises Refusal: it is not in EUR, or to be held first
    """
    if method["type"] == "sepa_debit" and (currency != "eur" or capture_method == "manual"):
        raise Refusal("sepa_debit takes EUR only, and cannot be captured manually.", param="payment_method")


def submit_debit(state: State, call: Call, intent: Json, method: Json) -> None:
    """Send a debit to the bank.

    :raises Refusal: 400, no mandate was signed for it
    """
    mandate = mandate_of(state, method)
    if mandate is None:
        intent["status"] = "requires_confirmation"
        raise Refusal(
            "This PaymentIntent requires a mandate, but no existing mandate was found. Collect mandate acceptance from "
            "the customer and try again, providing acceptance data in the mandate_data parameter.",
            payment_intent=intent,
        )
    decided_at = after_business_days(state.clock.now(), state.bank_accounts[method["id"]].business_days)
    charge = add_debit(state, intent, method=method, mandate=mandate)
    charge["balance_transaction"] = book(
        state, kind="payment", category="charge", amount=charge["amount"], cost=DEBIT_FEE, source=charge,
        available_on=decided_at,
    )["id"]  # fmt: skip
    intent["latest_charge"] = charge["id"]
    keep_if_asked(state, call, method, intent)
    state.emit("charge.pending", charge, call)
    intent_moves.process(state, call, intent)
    state.at(decided_at, "decide_debit", charge["id"])


@due_action("decide_debit")
def _decide(state: State, charge: Json) -> None:
    """Let the bank decide as its account's holder deserves, unless it was told to before."""
    if charge["status"] != "pending":
        return
    account = state.bank_accounts[charge["payment_method"]]
    if account.failure_code:
        _refuse(state, charge, account.failure_code)
    else:
        _pay(state, charge)


def settle_debit(state: State, intent_id: str) -> None:
    """Let the bank pay the debit of an intent now."""
    _pay(state, _pending(state, intent_id))


def fail_debit(state: State, intent_id: str, failure_code: str) -> None:
    """Let the bank refuse the debit of an intent now."""
    _refuse(state, _pending(state, intent_id), failure_code)


def _pending(state: State, intent_id: str) -> Json:
    intent = state.get("payment_intent", intent_id)
    if intent["status"] != "processing":
        raise ValueError(f"{intent_id} is {intent['status']}, not processing")
    return state.get("charge", intent["latest_charge"])


def _pay(state: State, charge: Json) -> None:
    call, intent = Call(), state.get("payment_intent", charge["payment_intent"])
    charge |= {"paid": True, "status": "succeeded"}
    state.emit("charge.succeeded", charge, call)
    intent_moves.succeed(state, call, intent, charge["amount"])
    reason = state.bank_accounts[charge["payment_method"]].dispute_reason
    if reason:
        open_dispute(state, call, charge, reason=reason)


def _refuse(state: State, charge: Json, failure_code: str) -> None:
    call, intent = Call(), state.get("payment_intent", charge["payment_intent"])
    booked = state.get("balance_transaction", charge["balance_transaction"])
    # Money that never came is taken back when it would have become available, never before.
    taken_back = book(
        state, kind="payment_failure_refund", category="charge_failure", amount=-charge["amount"],
        cost=FAILED_DEBIT_FEE - DEBIT_FEE, cost_of="Fee for a failed debit instead of a paid one", source=charge,
        available_on=booked["available_on"],
    )  # fmt: skip
    said = "The bank refused the debit."
    charge |= {
        "failure_balance_transaction": taken_back["id"],
        "failure_code": failure_code,
        "failure_message": said,
        "status": "failed",
    }
    charge["outcome"] |= {"reason": failure_code, "seller_message": said, "type": "issuer_declined"}
    state.emit("charge.failed", charge, call)
    code = failure_code if failure_code in ERROR_CODES else "payment_intent_payment_attempt_failed"
    error = {"charge": charge["id"], "code": code, "message": said, "type": "card_error"}
    method = state.get("payment_method", charge["payment_method"])
    intent_moves.fail(state, call, intent, error | {"payment_method": dict(method)})


def return_debit(state: State, charge_id: str, reason: str) -> Json:
    """Let the bank take back a debit that it paid."""
    charge = state.get("charge", charge_id)
    if "sepa_debit" not in charge["payment_method_details"]:
        raise ValueError(f"{charge_id} is no debit")
    return open_dispute(state, Call(), charge, reason=reason)
