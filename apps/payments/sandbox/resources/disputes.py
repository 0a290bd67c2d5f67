"""Disputes: money that a customer's bank takes back, with a fee that stays with us whatever comes of it.

By card: needs_response → under_review (evidence was submitted) → won | lost; also straight to lost, when accepted or
not answered in time. Of a SEPA debit: lost from the beginning, for no one may object.
"""

import copy

from apps.payments.sandbox.clock import DAY, next_midnight
from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.money import DISPUTE_FEE
from apps.payments.sandbox.resources.ledger import book
from apps.payments.sandbox.resources.mandates import revoke_mandate
from apps.payments.sandbox.resources.refunds import is_disputed, refunded
from apps.payments.sandbox.state import Call, Json, State, due_action, merged_metadata

DAYS_TO_RESPOND = 14
LONGEST_EVIDENCE = 150_000
"""Characters of all texts together."""
EVIDENCE_TEXTS = (
    "access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal",
    "customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation",
    "service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
    "uncategorized_text",
)  # fmt: skip
EVIDENCE_FILES = (
    "cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation", "receipt",
    "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file",
)  # fmt: skip
DECIDING_TEXTS = {"winning_evidence": True, "losing_evidence": False}
"""docs.stripe.com/testing: as ``uncategorized_text`` these decide the dispute."""
NETWORK_REASONS = {"fraudulent": "10.4", "product_not_received": "13.1"}
REASONS = frozenset({
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized",
    "duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
    "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
})  # fmt: skip


def open_dispute(state: State, call: Call, charge: Json, *, reason: str) -> Json:
    """Take back what is left of a charge, and the fee.

    :raises ValueError: nothing is left, it is disputed already, or there is no such reason
    """
    amount = charge["amount_captured"] - refunded(state, charge)
    if charge["status"] != "succeeded" or amount < 1 or is_disputed(state, charge):
        raise ValueError(f"there is nothing to dispute about {charge['id']}")
    if reason not in REASONS:
        raise ValueError(f"no such reason: {reason}")
    dispute = state.add("du", _members(state, charge, amount, reason))
    charge["disputed"] = True
    is_debit = "sepa_debit" in charge["payment_method_details"]
    if is_debit:
        dispute["status"] = "lost"
    _move(state, dispute, -amount, f"Chargeback withdrawal for {charge['id']}", cost=DISPUTE_FEE)
    state.emit("charge.dispute.created", dispute, call)
    state.emit("charge.dispute.funds_withdrawn", dispute, call)
    if is_debit:
        state.emit("charge.dispute.closed", dispute, call)
        mandate = state.get("mandate", charge["payment_method_details"]["sepa_debit"]["mandate"])
        if reason == "debit_not_authorized" and mandate["status"] == "active":
            revoke_mandate(state, call, mandate)
    else:
        state.at(dispute["evidence_details"]["due_by"], "dispute_due", dispute["id"])
    return dispute


def _members(state: State, charge: Json, amount: int, reason: str) -> Json:
    card = charge["payment_method_details"].get("card")
    network_reason = NETWORK_REASONS.get(reason) if card else None
    evidence: Json = dict.fromkeys((*EVIDENCE_TEXTS, *EVIDENCE_FILES))
    return {
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": evidence | {"customer_email_address": charge["billing_details"]["email"], "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": next_midnight(state.clock.now() + DAYS_TO_RESPOND * DAY) - 1 if card else None,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": "manual",
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": network_reason,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": _card_case(card, network_reason) if card else None,
        "reason": reason,
        "status": "needs_response",
    }


def _card_case(card: Json, network_reason: str | None) -> Json:
    return {
        "card": {
            "brand": card["brand"],
            "case_type": "chargeback",
            "network": card["network"],
            "network_reason_code": network_reason,
        },
        "type": "card",
    }


def _move(state: State, dispute: Json, amount: int, description: str, *, cost: int = 0) -> None:
    """Book what a dispute moves; it is available at once, so that the copy in the dispute never changes."""
    entry = book(
        state,
        kind="adjustment",
        category="dispute" if amount < 0 else "dispute_reversal",
        amount=amount,
        cost=cost,
        cost_of="Dispute fee",
        source=dispute,
        available_on=state.clock.now(),
        description=description,
    )
    dispute["balance_transactions"].append(copy.deepcopy(entry))


def update_dispute(state: State, call: Call) -> Json:
    """POST /v1/disputes/{id}: evidence, which is submitted at once unless ``submit=false`` stages it."""
    dispute, params = state.get("dispute", call.ids[0]), call.params
    given = params.get("evidence", {})
    for name in given.keys() - set(EVIDENCE_TEXTS):
        raise CallerMistake(f"The sandbox takes no files: evidence[{name}].", param=f"evidence[{name}]")
    evidence = dispute["evidence"] | {name: text or None for name, text in given.items()}
    if sum(len(evidence[name] or "") for name in EVIDENCE_TEXTS) > LONGEST_EVIDENCE:
        raise CallerMistake(
            f"The combined character count of all evidence fields must be less than {LONGEST_EVIDENCE:,}.",
            param="evidence",
        )
    submits = params.get("submit", bool(given))
    if given or submits:
        _require_open(dispute)
    metadata = merged_metadata(dispute["metadata"], params.get("metadata"))
    dispute |= {"evidence": evidence, "metadata": metadata}
    dispute["evidence_details"]["has_evidence"] = any(evidence[name] for name in EVIDENCE_TEXTS)
    if submits:
        dispute["evidence_details"] |= {"submission_count": 1, "submission_method": "manual"}
        dispute["status"] = "under_review"
    state.emit("charge.dispute.updated", dispute, call)
    if submits and evidence["uncategorized_text"] in DECIDING_TEXTS:
        _decide(state, call, dispute, is_won=DECIDING_TEXTS[evidence["uncategorized_text"]])
    return dispute


def close_dispute(state: State, call: Call) -> Json:
    """POST /v1/disputes/{id}/close: accept it."""
    dispute = state.get("dispute", call.ids[0])
    _require_open(dispute)
    _decide(state, call, dispute, is_won=False)
    return dispute


def _require_open(dispute: Json) -> None:
    if dispute["status"] != "needs_response":
        raise Refusal(f"This dispute has a status of {dispute['status']}: it takes no response any more.")


def decide_dispute(state: State, dispute_id: str, *, is_won: bool) -> None:
    """Let the bank decide a dispute, answered or not."""
    dispute = state.get("dispute", dispute_id)
    if dispute["status"] not in ("needs_response", "under_review"):
        raise ValueError(f"{dispute_id} is {dispute['status']}")
    _decide(state, Call(), dispute, is_won=is_won)


@due_action("dispute_due")
def _time_out(state: State, dispute: Json) -> None:
    """Lose a dispute that nothing was submitted to in time."""
    if dispute["status"] == "needs_response":
        dispute["evidence_details"]["past_due"] = True
        _decide(state, Call(), dispute, is_won=False)


def _decide(state: State, call: Call, dispute: Json, *, is_won: bool) -> None:
    dispute["status"] = "won" if is_won else "lost"
    if is_won:
        _move(state, dispute, dispute["amount"], f"Chargeback reversal for {dispute['charge']}")
        state.emit("charge.dispute.funds_reinstated", dispute, call)
    state.emit("charge.dispute.closed", dispute, call)


def retrieve_dispute(state: State, call: Call) -> Json:
    """GET /v1/disputes/{id}."""
    return state.get("dispute", call.ids[0])


def list_disputes(state: State, call: Call) -> Json:
    """GET /v1/disputes, by ``charge`` or ``payment_intent``."""
    return page(matching(state, "dispute", call, "charge", "payment_intent"), url="/v1/disputes", params=call.params)
