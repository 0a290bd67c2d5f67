"""Many cards at once, from a file: each line's outcome is shown before anything is written, then written whole.

Carrying the same file out again finds every card there already.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.contracts.cards import CardRefused
from apps.contracts.domain.card_files import CardRow, reversed_uid
from apps.contracts.imports import Outcome, RowOutcome, begin_of, refuse_in_part
from apps.contracts.models import Contract, CostCentre, IdToken, Vehicle
from apps.core.domain.zones import zone


def preview(
    *, seller_id: int, rows: Sequence[CardRow], seen: Collection[str], turned: Collection[int] = ()
) -> list[RowOutcome]:
    """Say what comes of each line; nothing is written.

    seen    card numbers that the seller's stations sent · turned: lines whose bytes are to be reversed
    """
    contracts = {one.number: one for one in _contracts(seller_id, rows)}
    uids = {uid for row in rows for uid in (row.uid, reversed_uid(row.uid)) if uid}
    cards = {
        card.uid: card
        for card in IdToken.objects.filter(seller=seller_id, uid__in=uids)
        .exclude(status=IdToken.Status.RETIRED)
        .select_related("contract")
    }
    taken: dict[str, int] = {}
    outcomes = []
    for row in rows:
        other = reversed_uid(row.uid)
        suggested = other if other in seen and row.uid not in seen else ""
        uid = other if row.line in turned and other else row.uid
        outcome, words = _outcome(row, uid, contracts.get(row.contract), cards.get(uid))
        if outcome is Outcome.NEW and (before := taken.setdefault(uid, row.line)) != row.line:
            outcome, words = Outcome.REFUSED, f"Line {before} has this card already, in one order of its bytes."
        outcomes.append(RowOutcome(row=row, outcome=outcome, words=words, turned=suggested))
    return outcomes


def _outcome(row: CardRow, uid: str, contract: Contract | None, card: IdToken | None) -> tuple[Outcome, str]:
    if contract is None:
        return Outcome.REFUSED, f"You have no contract {row.contract}."
    if contract.status == Contract.Status.ENDED:
        return Outcome.REFUSED, f"Contract {contract} has ended."
    if card is None:
        return Outcome.NEW, f"Added to {contract}."
    if card.contract_id == contract.pk:
        return Outcome.THERE, "In this contract already; it stays as it is."
    return Outcome.REFUSED, f"Card {uid} is in contract {card.contract.number}: retire it there first."


@transaction.atomic
def carry_out(
    *,
    seller_id: int,
    rows: Sequence[CardRow],
    turned: Collection[int] = (),
    seen: Collection[str] = (),
    whole: bool = False,
) -> list[RowOutcome]:
    """Add the cards of all lines that can be, with the vehicles and cost centres they name; return what came of each.

    whole  all of them or none

    :raises CardRefused: another import was faster; nothing was written
    :raises ImportRefused: a line would be left out where all are wanted; nothing was written
    """
    contracts = {one.number: one for one in _contracts(seller_id, rows, lock=True)}
    outcomes = preview(seller_id=seller_id, rows=rows, seen=seen, turned=turned)
    if whole:
        refuse_in_part(outcomes)
    fresh = [one.row for one in outcomes if one.outcome is Outcome.NEW]
    vehicles, centres = _vehicles(fresh, contracts), _cost_centres(fresh, contracts)
    try:
        with transaction.atomic():
            for row in fresh:
                contract = contracts[row.contract]
                customer_id = contract.customer_id
                IdToken.objects.create(
                    contract=contract,
                    uid=reversed_uid(row.uid) or row.uid if row.line in turned else row.uid,
                    driver=row.driver,
                    vehicle=vehicles[customer_id, row.plate] if row.plate else None,
                    cost_centre=centres[customer_id, row.cost_code] if row.cost_code else None,
                    valid_from=_begin(row.first, contract),
                    valid_to=_begin(row.last + timedelta(days=1), contract) if row.last else None,
                    free_reason=row.free_reason,
                )
    except IntegrityError as error:
        raise CardRefused("Somebody added one of these cards meanwhile. Look at the file again.") from error
    return outcomes


def _contracts(seller_id: int, rows: Iterable[CardRow], *, lock: bool = False) -> list[Contract]:
    found = Contract.objects.filter(seller=seller_id, number__in={row.contract for row in rows}).order_by("pk")
    # Locked, so that the vehicles of one customer are not made twice by two at once.
    return list((found.select_for_update(of=("self",)) if lock else found).select_related("customer", "seller"))


def _vehicles(rows: Iterable[CardRow], contracts: dict[str, Contract]) -> dict[tuple[int, str], Vehicle]:
    made = {}
    for row in rows:
        if row.plate:
            customer = contracts[row.contract].customer
            made[customer.pk, row.plate], _ = Vehicle.objects.get_or_create(customer=customer, plate=row.plate)
    return made


def _cost_centres(rows: Iterable[CardRow], contracts: dict[str, Contract]) -> dict[tuple[int, str], CostCentre]:
    made = {}
    for row in rows:
        if row.cost_code:
            customer = contracts[row.contract].customer
            made[customer.pk, row.cost_code], _ = CostCentre.objects.get_or_create(
                customer=customer, code=row.cost_code, defaults={"name": row.cost_name}
            )
    return made


def _begin(day: date | None, contract: Contract) -> datetime | None:
    """Return when a local day of the seller begins."""
    return begin_of(day, time_zone=contract.seller.time_zone) if day else None


def lines_of(cards: QuerySet[Any]) -> list[tuple[str, ...]]:
    """Return the cards that charge or may again as the file has them, those that were retired left out."""
    kept = cards.exclude(status=IdToken.Status.RETIRED).order_by("uid", "pk")
    return [_line(card) for card in kept.select_related("contract__seller", "vehicle", "cost_centre")]


def _line(card: Any) -> tuple[str, ...]:
    there = zone(card.contract.seller.time_zone)
    first = card.valid_from.astimezone(there).date().isoformat() if card.valid_from else ""
    last = (card.valid_to.astimezone(there).date() - timedelta(days=1)).isoformat() if card.valid_to else ""
    return (
        *(card.uid, card.contract.number, card.driver),
        *(card.vehicle.plate if card.vehicle else "", str(card.cost_centre or "")),
        *(first, last, card.free_reason),
    )
