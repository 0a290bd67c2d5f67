"""Payouts: what Stripe sends to the bank, on its way, arrived on the statement, or back again."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from apps.accounting.models import Payout
from apps.accounts.models import Organisation
from apps.core.domain.zones import zone
from apps.ledger import services as ledger
from apps.ledger.services import PostingLine, Role
from apps.payments.outcomes import PayoutSnapshot

CAME_BACK: Final = frozenset({"failed", "canceled"})


class NotBanked(Exception):
    """A bank line is no line of this payout; the message says why, and nothing was changed."""


@transaction.atomic
def project_payout(*, owner: Organisation, snapshot: PayoutSnapshot, at: datetime) -> Payout:
    """Lay a payout over ours and post that it left Stripe's balance, and that it came back, once each."""
    payout, _ = Payout.objects.select_for_update().get_or_create(
        stripe_id=snapshot.stripe_id,
        defaults={
            "seller": owner,
            "livemode": snapshot.livemode,
            "currency": snapshot.currency,
            "amount": snapshot.amount,
            "status": snapshot.status,
            "is_automatic": snapshot.is_automatic,
            "created_at": snapshot.created_at,
            "arrives_at": snapshot.arrives_at,
            "synced_at": at,
        },
    )
    # A failed payout stays so; an older look must not revive it.
    if payout.status not in CAME_BACK:
        payout.status, payout.failure_code = snapshot.status, snapshot.failure[:80]
    payout.arrives_at, payout.synced_at = snapshot.arrives_at, at
    payout.save(update_fields=["status", "failure_code", "arrives_at", "synced_at"])
    _post(payout, "sent", debit=Role.PAYOUT_IN_TRANSIT, credit=Role.STRIPE_CLEARING, text="Payout", at=at)
    if payout.status in CAME_BACK:
        _post(payout, "failed", debit=Role.STRIPE_CLEARING, credit=Role.PAYOUT_IN_TRANSIT, text="Came back", at=at)
    return payout


@transaction.atomic
def bank_payout(*, payout_id: int, amount: Decimal, currency: str, booked_on: date, at: datetime) -> Payout:
    """Post that a payout's line is on the bank's statement; the same line again changes nothing.

    booked_on  the statement's day

    :raises NotBanked: another amount or currency, the payout came back, or it was banked on another day
    """
    payout: Payout = Payout.objects.select_for_update(of=("self",)).select_related("seller").get(pk=payout_id)
    if (amount, currency) != (payout.amount.amount, payout.currency):
        raise NotBanked(f"{payout} is over {payout.amount}, the bank's line over {amount} {currency}.")
    if payout.banked_on is not None and payout.banked_on != booked_on:
        raise NotBanked(f"{payout} is on the statement of {payout.banked_on} already.")
    if payout.status in CAME_BACK:
        raise NotBanked(f"{payout} came back to Stripe ({payout.failure_code or payout.status}).")
    payout.banked_on = booked_on
    payout.save(update_fields=["banked_on"])
    _post(
        payout,
        "banked",
        debit=Role.BANK,
        credit=Role.PAYOUT_IN_TRANSIT,
        text="At the bank",
        at=at,
        on=booked_on,
    )
    return payout


def _post(
    payout: Payout, word: str, *, debit: Role, credit: Role, text: str, at: datetime, on: date | None = None
) -> None:
    day = on or at.astimezone(zone(payout.seller.time_zone)).date()
    amount = payout.amount.amount
    ledger.post(
        entity_id=payout.seller_id,
        key=f"payout:{payout.pk}:{word}",
        posted_on=day,
        tax_date=day,
        text=f"{text}, {payout.stripe_id}"[:200],
        lines=[PostingLine(role=debit, amount=amount), PostingLine(role=credit, amount=-amount)],
        currency=payout.currency,
        at=at,
    )
