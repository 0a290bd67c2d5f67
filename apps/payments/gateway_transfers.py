"""Transfers to connected accounts and their reversals, through the gateway. Amounts as currency units, rounded."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from apps.payments.domain.amounts import from_stripe
from apps.payments.gateway import Params, ask, given, options
from apps.payments.outcomes import Outcome, Reference, TransferSnapshot


def create_transfer(*, params: Params, key: str) -> Outcome[TransferSnapshot]:
    """Send a part of a charge to a connected account."""
    return ask(lambda client: _transfer(client.v1.transfers.create(given(params), options(key))))


def reverse_transfer(*, stripe_id: str, params: Params, key: str) -> Outcome[TransferSnapshot]:
    """Fetch a part of a transfer back."""
    return ask(lambda client: _transfer(client.v1.transfers.reversals.create(stripe_id, given(params), options(key))))


def find_transfer(*, destination: str, uid: str, since: datetime) -> Outcome[TransferSnapshot | None]:
    """Look among an account's transfers made since then for the one that bears our reference."""

    def look(client: Any) -> TransferSnapshot | None:
        found = client.v1.transfers.list(
            {"destination": destination, "created": {"gte": int(since.timestamp())}, "limit": 100}, options()
        )
        return _ours(found.auto_paging_iter(), uid)

    return ask(look)


def find_reversal(*, stripe_id: str, uid: str) -> Outcome[TransferSnapshot | None]:
    """Look among a transfer's reversals for the one that bears our reference."""

    def look(client: Any) -> TransferSnapshot | None:
        return _ours(client.v1.transfers.reversals.list(stripe_id, {"limit": 100}, options()).auto_paging_iter(), uid)

    return ask(look)


def _ours(found: Iterable[Any], uid: str) -> TransferSnapshot | None:
    return next((each for each in map(_transfer, found) if each.reference == uid), None)


def _transfer(found: Any) -> TransferSnapshot:
    currency = found.currency.upper()
    metadata = found.metadata.to_dict() if found.metadata else {}
    return TransferSnapshot(
        stripe_id=found.id,
        amount=from_stripe(found.amount, currency=currency),
        currency=currency,
        reference=metadata.get(Reference.TRANSFER, ""),
    )
