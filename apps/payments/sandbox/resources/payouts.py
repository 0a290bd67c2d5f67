"""Payouts: the available balance on its way to the bank.

pending → paid on ``arrival_date``; failed, also when paid before: the money is back in the balance at once.

An automatic payout takes, at midnight, all that is available and was in none before, and consists of exactly that.
A manual one takes an amount off the balance; as at Stripe nobody can say what it consists of.
"""

from apps.payments.sandbox.clock import after_business_days, next_midnight
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.resources.ledger import ask_for_payout, available, available_entries, book
from apps.payments.sandbox.state import Call, Json, State, due_action, merged_metadata

BANK_ACCOUNT = "ba_sandboxBankAccount"


def create_payout(state: State, call: Call) -> Json:
    """POST /v1/payouts: a manual one, of at most what is available."""
    amount, currency = call.params["amount"], call.params["currency"].lower()
    if amount < 1:
        raise Refusal(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    if amount > available(state, currency):
        raise Refusal(
            "You have insufficient funds in your Stripe account for this transfer.",
            code="balance_insufficient",
            param="amount",
        )
    return _add_payout(state, call, amount=amount, currency=currency, is_automatic=False)


def _add_payout(state: State, call: Call, *, amount: int, currency: str, is_automatic: bool) -> Json:
    now = state.clock.now()
    arrives_at = next_midnight(after_business_days(now, 1))
    payout = state.add(
        "po",
        {
            "object": "payout",
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": arrives_at,
            "automatic": is_automatic,
            "balance_transaction": None,
            "currency": currency,
            "description": call.params.get("description") or "STRIPE PAYOUT",
            "destination": BANK_ACCOUNT,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": merged_metadata({}, call.params.get("metadata")),
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed" if is_automatic else "not_applicable",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": call.params.get("statement_descriptor"),
            "status": "pending",
            "trace_id": {"status": "pending", "value": None},
            "type": "bank_account",
        },
    )
    payout["balance_transaction"] = book(state, kind="payout", amount=-amount, source=payout, available_on=now)["id"]
    state.at(arrives_at, "payout_arrives", payout["id"])
    state.emit("payout.created", payout, call)
    return payout


@due_action("pay_out")
def _pay_out(state: State, entry: Json) -> None:
    """Pay out what is available in the currency of an entry, unless that was done or nothing is left."""
    currency = entry["currency"]
    items = [each for each in available_entries(state, currency) if each["id"] not in state.paid_out]
    amount = sum(each["net"] for each in items)
    if not state.pays_out_daily or amount <= 0:
        return
    call = Call()
    payout = _add_payout(state, call, amount=amount, currency=currency, is_automatic=True)
    # Stripe lists a payout's own entry among its items, so that all of them add up to nothing.
    for identifier in (payout["balance_transaction"], *(each["id"] for each in items)):
        state.paid_out[identifier] = payout["id"]
    state.emit("payout.reconciliation_completed", payout, call)


@due_action("payout_arrives")
def _arrive(state: State, payout: Json) -> None:
    if payout["status"] == "pending":
        payout |= {"status": "paid", "trace_id": {"status": "supported", "value": f"SANDBOX{payout['created']}"}}
        state.emit("payout.paid", payout, Call())


def fail_payout(state: State, payout_id: str, failure_code: str) -> None:
    """Let the bank send a payout back, before it arrived or after."""
    payout = state.get("payout", payout_id)
    if payout["status"] == "failed":
        raise ValueError(f"{payout_id} has failed already")
    returned = book(
        state,
        kind="payout_failure",
        amount=payout["amount"],
        source=payout,
        available_on=state.clock.now(),
        description="PAYOUT FAILURE",
    )
    payout |= {
        "failure_balance_transaction": returned["id"],
        "failure_code": failure_code,
        "failure_message": "The bank could not process this payout.",
        "status": "failed",
    }
    state.emit("payout.failed", payout, Call())


def pay_out_daily(state: State, *, daily: bool) -> None:
    """Pay out at each midnight from now on, or only when asked to."""
    state.pays_out_daily = daily
    if daily:
        for entry in state.every("balance_transaction"):
            if entry["status"] == "available" and entry["id"] not in state.paid_out:
                ask_for_payout(state, entry)


def retrieve_payout(state: State, call: Call) -> Json:
    """GET /v1/payouts/{id}."""
    return state.get("payout", call.ids[0], param="payout")


def list_payouts(state: State, call: Call) -> Json:
    """GET /v1/payouts, by ``status``."""
    return page(matching(state, "payout", call, "status"), url="/v1/payouts", params=call.params)
