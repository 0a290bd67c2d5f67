"""How much a contract may still spend: what sessions reserve, what they then cost, what is owed in all.

Whoever starts a session reserves under the limit's lock, in the start's transaction; when the session has its price the
reservation is exchanged for it. ``owed`` is what the contract owes and has not been billed for; the apps above state it
anew at every posting (``set_owed``), so that what drifts is put right.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from apps.contracts.models import SpendingLimit


class Wish(NamedTuple):
    """A session that is about to run on a contract, priced in ``currency``.

    is_under_way  it was let begin already (a start told late): it is reserved for whatever is left
    """

    contract_id: int
    currency: str
    is_under_way: bool = False


class Reservation(NamedTuple):
    """What was reserved, gross; None: the contract has no limit. ``refusal``: why it may not begin, or ""."""

    amount: Decimal | None = None
    refusal: str = ""


def reserve(wishes: Sequence[Wish]) -> list[Reservation]:
    """Reserve for sessions what their contracts' limits say one needs, in order; the caller's transaction holds it."""
    rows = SpendingLimit.objects.select_for_update().filter(contract__in={wish.contract_id for wish in wishes})
    limits = {row.contract_id: row for row in rows.order_by("pk")}
    answers = [_reserve(limits.get(wish.contract_id), wish) for wish in wishes]
    for row in limits.values():
        row.save(update_fields=["reserved"])
    return answers


def _reserve(limit: SpendingLimit | None, wish: Wish) -> Reservation:
    if limit is None:
        return Reservation()
    if not wish.is_under_way:
        if limit.currency != wish.currency:
            return Reservation(refusal=f"Its prices are in {wish.currency}, its spending limit in {limit.currency}.")
        if limit.session_amount > limit.available:
            return Reservation(refusal="The contract's spending limit is used up.")
    limit.reserved += limit.session_amount
    return Reservation(amount=limit.session_amount)


def without_room(contract_ids: Collection[int]) -> set[int]:
    """Return those contracts of which no other session may begin; only a start itself decides."""
    limits = SpendingLimit.objects.filter(contract__in=contract_ids).order_by() if contract_ids else []
    return {limit.contract_id for limit in limits if limit.session_amount > limit.available}


def exchange(*, contract_id: int, reserved: Decimal, spent: Decimal) -> None:
    """Give a reservation back for what its session cost, gross."""
    SpendingLimit.objects.filter(contract=contract_id).update(reserved=F("reserved") - reserved, owed=F("owed") + spent)


@transaction.atomic
def set_owed(*, contract_id: int, owed: Callable[[], Decimal], at: datetime) -> None:
    """State what a contract owes in all, if it has a limit.

    owed  asked under the limit's lock, so that no session is priced between the sum and the statement
    """
    limit = SpendingLimit.objects.select_for_update().filter(contract=contract_id).first()
    if limit is not None:
        limit.owed, limit.stated_at = owed(), at
        limit.save(update_fields=["owed", "stated_at"])
