"""Transfers: money of ours that becomes a connected account's, and its way back.

With a ``source_transaction`` a transfer waits for the charge's money; all of a charge's transfers together take no more
than was captured. Without one it comes off the available balance.
"""

from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.lists import matching, page
from apps.payments.sandbox.money import printed
from apps.payments.sandbox.resources.ledger import available, book
from apps.payments.sandbox.state import Call, Json, State, merged_metadata, random_text


def create_transfer(state: State, call: Call) -> Json:
    """POST /v1/transfers."""
    params = call.params
    amount, currency = params.get("amount"), params["currency"].lower()
    if amount is None:
        raise CallerMistake("Missing required param: amount.", code="parameter_missing", param="amount")
    _check_positive(amount)
    _check_destination(state, params["destination"])
    charge = _source(state, params["source_transaction"], amount, currency) if "source_transaction" in params else None
    if charge is None and amount > available(state, currency):
        raise Refusal(
            "You have insufficient available funds in your Stripe account.", code="balance_insufficient", param="amount"
        )
    transfer = state.add("tr", _members(call, charge, amount, currency))
    if charge is not None:
        charge["transfer_group"] = transfer["transfer_group"]
    transfer["reversals"]["url"] = f"/v1/transfers/{transfer['id']}/reversals"
    entry = book(state, kind="transfer", amount=-amount, source=transfer, available_on=_available_on(state, charge))
    transfer["balance_transaction"] = entry["id"]
    state.emit("transfer.created", transfer, call)
    return transfer


def _check_positive(amount: int) -> None:
    if amount < 1:
        raise Refusal("Invalid positive integer", code="parameter_invalid_integer", param="amount")


def _check_destination(state: State, identifier: str) -> None:
    account = state.get("account", identifier, param="destination")
    if "transfers" not in account["capabilities"]:
        raise Refusal(
            "Your destination account needs to have at least one of the following capabilities enabled: transfers, "
            "crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
            param="destination",
        )


def _source(state: State, identifier: str, amount: int, currency: str) -> Json:
    """Return the charge whose money is transferred.

    :raises Refusal: it was not captured, is in another currency, or has less left
    """
    charge = state.get("charge", identifier, param="source_transaction")
    if charge["status"] == "failed" or not charge["captured"]:
        raise Refusal(f"Charge {identifier} was not captured.", param="source_transaction")
    if charge["currency"] != currency:
        raise Refusal(
            f"The currency of source_transaction's balance transaction ({charge['currency']}) must be the same as the "
            f"transfer currency ({currency})",
            param="source_transaction",
        )
    gone = sum(
        each["amount"] - each["amount_reversed"]
        for each in state.every("transfer")
        if each["source_transaction"] == identifier
    )
    left = charge["amount_captured"] - gone
    if amount > left:
        raise Refusal(
            f"The transfers using this source_transaction cannot exceed the source amount of "
            f"{printed(charge['amount_captured'], currency)} ({printed(left, currency)} is left)",
            param="amount",
        )
    return charge


def _available_on(state: State, origin: Json | None) -> int:
    """Return when money moves that comes from a charge or a transfer: not before that was itself available."""
    if origin is None:
        return state.clock.now()
    booked: int = state.get("balance_transaction", origin["balance_transaction"])["available_on"]
    return max(booked, state.clock.now())


def _members(call: Call, charge: Json | None, amount: int, currency: str) -> Json:
    group = call.params.get("transfer_group")
    if charge is not None:
        group = group or charge["transfer_group"] or f"group_{charge['payment_intent']}"
        if charge["transfer_group"] not in (None, group):
            raise Refusal(
                f"This transfer_group does not match the charge's ({charge['transfer_group']}).", param="transfer_group"
            )
    return {
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": None,
        "currency": currency,
        "description": call.params.get("description"),
        "destination": call.params["destination"],
        # On the connected account, whose own objects the sandbox does not keep.
        "destination_payment": f"py_{random_text(24)}",
        "livemode": False,
        "metadata": merged_metadata({}, call.params.get("metadata")),
        "reversals": {"object": "list", "url": "", "has_more": False, "data": []},
        "reversed": False,
        "source_transaction": charge["id"] if charge else None,
        "source_type": "card",
        "transfer_group": group,
    }


def create_reversal(state: State, call: Call) -> Json:
    """POST /v1/transfers/{id}/reversals: fetch a part back; without an amount, all that is left."""
    transfer = state.get("transfer", call.ids[0])
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = call.params.get("amount", left)
    if left == 0:
        raise Refusal(f"Transfer {transfer['id']} is already fully reversed.", param="id")
    _check_positive(amount)
    if amount > left:
        raise Refusal(
            f"Reversal amount ({printed(amount, transfer['currency'])}) is greater than unreversed amount on transfer "
            f"({printed(left, transfer['currency'])})",
            param="amount",
        )
    reversal = state.add("trr", _reversal_members(call, transfer, amount))
    reversal["balance_transaction"] = book(
        state,
        kind="transfer_refund",
        category="transfer_reversal",
        amount=amount,
        source=reversal,
        available_on=_available_on(state, transfer),
        description=call.params.get("description") or f"REFUND FOR TRANSFER ({transfer['id']})",
    )["id"]
    transfer["reversals"]["data"].insert(0, dict(reversal))
    transfer |= {"amount_reversed": transfer["amount_reversed"] + amount, "reversed": amount == left}
    state.emit("transfer.reversed", transfer, call)
    return reversal


def _reversal_members(call: Call, transfer: Json, amount: int) -> Json:
    return {
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "currency": transfer["currency"],
        "destination_payment_refund": f"pyr_{random_text(24)}",
        "metadata": merged_metadata({}, call.params.get("metadata")),
        "source_refund": None,
        "transfer": transfer["id"],
    }


def retrieve_transfer(state: State, call: Call) -> Json:
    """GET /v1/transfers/{id}."""
    return state.get("transfer", call.ids[0])


def list_transfers(state: State, call: Call) -> Json:
    """GET /v1/transfers, by ``destination`` or ``transfer_group``."""
    found = matching(state, "transfer", call, "destination", "transfer_group")
    return page(found, url="/v1/transfers", params=call.params)


def retrieve_reversal(state: State, call: Call) -> Json:
    """GET /v1/transfers/{id}/reversals/{id}."""
    transfer, reversal = state.get("transfer", call.ids[0]), state.get("transfer_reversal", call.ids[1])
    if reversal["transfer"] != transfer["id"]:
        raise Refusal(f"No such transfer reversal: '{reversal['id']}'", status=404, code="resource_missing", param="id")
    return reversal


def list_reversals(state: State, call: Call) -> Json:
    """GET /v1/transfers/{id}/reversals."""
    transfer = state.get("transfer", call.ids[0])
    found = [each for each in state.every("transfer_reversal") if each["transfer"] == transfer["id"]]
    return page(found, url=transfer["reversals"]["url"], params=call.params)
