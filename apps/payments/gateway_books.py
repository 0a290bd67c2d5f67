"""Stripe's own books through the gateway: disputes, payouts, balance transactions, whole lists of what is there.

Looks, but for the one call that answers a dispute. Amounts come as currency units, rounded; times aware, UTC.
"""

from datetime import UTC, datetime
from typing import Any

from apps.payments.domain.amounts import from_stripe
from apps.payments.domain.disputes import DisputeStatus
from apps.payments.gateway import Params, ask, given, id_of, options
from apps.payments.outcomes import DisputeMovement, DisputeSnapshot, Outcome


def update_dispute(*, stripe_id: str, params: Params, key: str) -> Outcome[DisputeSnapshot]:
    """Answer a dispute with ``evidence``; with ``submit`` it goes to the bank, once."""
    return ask(lambda client: _dispute(client.v1.disputes.update(stripe_id, given(params), options(key))))


def retrieve_dispute(stripe_id: str) -> Outcome[DisputeSnapshot]:
    """Look at a dispute and what it moved."""
    return ask(lambda client: _dispute(client.v1.disputes.retrieve(stripe_id, {}, options())))


def list_disputes(*, since: datetime) -> Outcome[list[DisputeSnapshot]]:
    """Look at every dispute opened since then, newest first."""

    def look(client: Any) -> list[DisputeSnapshot]:
        found = client.v1.disputes.list({"created": {"gte": int(since.timestamp())}, "limit": 100}, options())
        return [_dispute(dispute) for dispute in found.auto_paging_iter()]

    return ask(look)


def _dispute(dispute: Any) -> DisputeSnapshot:
    currency = dispute.currency.upper()
    details = dispute.evidence_details
    return DisputeSnapshot(
        stripe_id=dispute.id,
        intent=id_of(dispute.payment_intent),
        status=DisputeStatus(dispute.status),
        reason=dispute.reason,
        amount=from_stripe(dispute.amount, currency=currency),
        currency=currency,
        livemode=dispute.livemode,
        opened_at=instant(dispute.created),
        due_by=instant(details.due_by) if details.due_by else None,
        is_submitted=details.submission_count > 0,
        movements=tuple(_movement(entry) for entry in dispute.balance_transactions),
    )


def _movement(entry: Any) -> DisputeMovement:
    currency = entry.currency.upper()
    return DisputeMovement(
        stripe_id=entry.id,
        amount=from_stripe(entry.amount, currency=currency),
        fee=from_stripe(entry.fee, currency=currency),
        currency=currency,
    )


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
