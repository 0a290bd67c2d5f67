"""Balance transactions, and the balance that they add up to.

Each movement of money is booked once and never changed, but that it becomes available. What Stripe takes from us
(refunds aside) it takes at once; what is paid to us becomes available after ``SETTLING_TIME``.
"""

from apps.payments.sandbox.clock import DAY, next_midnight
from apps.payments.sandbox.errors import CallerMistake
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.state import Call, Json, State, due_action

SETTLING_TIME = 2 * DAY


def book(
    state: State,
    *,
    kind: str,
    amount: int,
    source: Json,
    available_on: int,
    cost: int = 0,
    cost_of: str = "Stripe processing fees",
    category: str = "",
    description: str | None = None,
) -> Json:
    """Book one movement of ``amount`` minor units (negative: away from us) less ``cost``.

    category: how reports count it, when not as its kind
    """
    fee = {"amount": cost, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    entry = state.add(
        "txn",
        {
            "object": "balance_transaction",
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "currency": source["currency"],
            "description": description or source["description"],
            "exchange_rate": None,
            "fee": cost,
            "fee_details": [fee | {"description": cost_of}] if cost else [],
            "net": amount - cost,
            "reporting_category": category or kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        },
    )
    if available_on > state.clock.now():
        state.at(available_on, "settle", entry["id"])
    else:
        _settle(state, entry)
    return entry


@due_action("settle")
def _settle(state: State, entry: Json) -> None:
    entry["status"] = "available"
    if state.pays_out_daily:
        ask_for_payout(state, entry)


def ask_for_payout(state: State, entry: Json) -> None:
    """Let what is available by the next midnight be paid out then, this entry among it."""
    state.at(next_midnight(state.clock.now()), "pay_out", entry["id"])


def available_entries(state: State, currency: str) -> list[Json]:
    """Return what makes up the available balance of a currency, newest first."""
    entries = state.every("balance_transaction")
    return [entry for entry in entries if (entry["currency"], entry["status"]) == (currency, "available")]


def available(state: State, currency: str) -> int:
    """Return the available balance of a currency."""
    return sum(entry["net"] for entry in available_entries(state, currency))


def retrieve_balance(state: State, _: Call) -> Json:
    """GET /v1/balance."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for entry in state.every("balance_transaction"):
        for by_currency in sums.values():
            by_currency.setdefault(entry["currency"], 0)
        sums[entry["status"]][entry["currency"]] += entry["net"]
    shown = {
        status: [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(by_currency.items())
        ]
        for status, by_currency in sums.items()
    }
    return {"object": "balance", "livemode": False} | shown


def retrieve_balance_transaction(state: State, call: Call) -> Json:
    """GET /v1/balance_transactions/{id}."""
    return state.get("balance_transaction", call.ids[0])


def list_balance_transactions(state: State, call: Call) -> Json:
    """GET /v1/balance_transactions, by ``type``, ``source``, ``currency`` or automatic ``payout``."""
    payout = call.params.get("payout")
    if payout is not None and not state.get("payout", payout, param="payout")["automatic"]:
        raise CallerMistake(
            "Balance transaction history can only be filtered on automatic transfers, not manual.", param="payout"
        )
    found = [
        entry
        for entry in matching(state, "balance_transaction", call, "type", "source", "currency")
        if payout in (None, state.paid_out.get(entry["id"]))
    ]
    return page(found, url="/v1/balance_transactions", params=call.params)
