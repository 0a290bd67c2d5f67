"""Stripe's own books through the gateway: disputes, payouts, balance transactions, whole lists of what is there.

Looks, but for the one call that answers a dispute. Amounts come as currency units, rounded; times aware, UTC.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from apps.payments.domain.amounts import from_stripe
from apps.payments.domain.disputes import DisputeStatus
from apps.payments.gateway import Params, ask, given, id_of, options, read_intent, read_refund
from apps.payments.outcomes import (
    BalanceLine,
    BalancePage,
    DisputeMovement,
    DisputeSnapshot,
    IntentSnapshot,
    Outcome,
    PayoutSnapshot,
    RefundSnapshot,
)

PAGE: Final = 100
"""How many balance transactions are read at a time: the most that Stripe lists."""


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


def list_intents(*, since: datetime) -> Outcome[list[IntentSnapshot]]:
    """Look at every intent made since then, newest first."""

    def look(client: Any) -> list[IntentSnapshot]:
        asked = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        return [read_intent(intent) for intent in client.v1.payment_intents.list(asked, options()).auto_paging_iter()]

    return ask(look)


def list_refunds_since(since: datetime) -> Outcome[list[tuple[str, RefundSnapshot]]]:
    """Look at every refund made since then, newest first, each behind its intent's id."""

    def look(client: Any) -> list[tuple[str, RefundSnapshot]]:
        found = client.v1.refunds.list({"created": {"gte": int(since.timestamp())}, "limit": 100}, options())
        return [(id_of(refund.payment_intent), read_refund(refund)) for refund in found.auto_paging_iter()]

    return ask(look)


def list_payouts(*, since: datetime) -> Outcome[list[PayoutSnapshot]]:
    """Look at every payout made since then, newest first."""

    def look(client: Any) -> list[PayoutSnapshot]:
        found = client.v1.payouts.list({"created": {"gte": int(since.timestamp())}, "limit": 100}, options())
        return [_payout(payout) for payout in found.auto_paging_iter()]

    return ask(look)


def _payout(payout: Any) -> PayoutSnapshot:
    currency = payout.currency.upper()
    return PayoutSnapshot(
        stripe_id=payout.id,
        status=payout.status,
        amount=from_stripe(payout.amount, currency=currency),
        currency=currency,
        is_automatic=payout.automatic,
        livemode=payout.livemode,
        created_at=instant(payout.created),
        arrives_at=instant(payout.arrival_date),
        failure=payout.failure_code or "",
    )


def balance_page(*, since: datetime, until: datetime, after: str = "") -> Outcome[BalancePage]:
    """Look at a page of the balance transactions of [since, until), newest first; ``after``: the last page's last."""
    span = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
    return _page({"created": span}, after=after)


def payout_page(*, payout: str, after: str = "") -> Outcome[BalancePage]:
    """Look at a page of what an automatic payout consists of, its own balance transaction among it."""
    return _page({"payout": payout}, after=after)


def _page(params: dict[str, Any], *, after: str) -> Outcome[BalancePage]:
    asked = params | {"limit": PAGE, "expand": ["data.source"]} | ({"starting_after": after} if after else {})

    def look(client: Any) -> BalancePage:
        found = client.v1.balance_transactions.list(given(asked), options())
        return BalancePage(lines=tuple(_line(entry) for entry in found.data), has_more=found.has_more)

    return ask(look)


def _line(entry: Any) -> BalanceLine:
    currency = entry.currency.upper()
    return BalanceLine(
        stripe_id=entry.id,
        kind=entry.type,
        amount=from_stripe(entry.amount, currency=currency),
        fee=from_stripe(entry.fee, currency=currency),
        net=from_stripe(entry.net, currency=currency),
        currency=currency,
        source=id_of(entry.source),
        intent=id_of(getattr(entry.source, "payment_intent", None)),
        description=entry.description or "",
        created_at=instant(entry.created),
        available_on=instant(entry.available_on),
    )


def retrieve_balance() -> Outcome[dict[str, Decimal]]:
    """Look at the whole balance by currency, available and pending together."""

    def look(client: Any) -> dict[str, Decimal]:
        balance = client.v1.balance.retrieve({}, options())
        sums: dict[str, Decimal] = {}
        for part in (*balance.available, *balance.pending):
            currency = part.currency.upper()
            sums[currency] = sums.get(currency, Decimal(0)) + from_stripe(part.amount, currency=currency)
        return sums

    return ask(look)
