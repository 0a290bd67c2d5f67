"""What customers themselves do to their cards, vehicles and cost centres; what they may not is said by a refusal.

Whoever calls has looked that the rows are the customer's. The messages are whole sentences, to be translated.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model, ProtectedError

from apps.contracts.cards import CardRefused, block_card, unblock_card
from apps.contracts.contract_sheets import begin_of_day, local_day
from apps.contracts.models import Contract, CostCentre, Customer, IdToken, Vehicle
from apps.core.bells import ring_on_commit


class FleetRefused(Exception):
    """Nothing was changed; the message says why."""


@transaction.atomic
def add_card(
    *,
    contract_id: int,
    uid: str,
    driver: str,
    vehicle: Vehicle | None,
    cost_centre: CostCentre | None,
    last_day: date | None,
    at: datetime,
) -> IdToken:
    """Add a card to a contract; ``last_day``: of a guest's card, in the seller's calendar, included.

    :raises FleetRefused: the contract has ended, the day is past, or the number is in a contract of the seller
    """
    contract: Contract = Contract.objects.select_for_update(of=("self",)).select_related("seller").get(pk=contract_id)
    if contract.status == Contract.Status.ENDED:
        raise FleetRefused("This contract has ended: no card can be added to it.")
    card = IdToken(
        contract=contract,
        uid=uid,
        driver=driver,
        vehicle=vehicle,
        cost_centre=cost_centre,
        valid_to=_end_of(last_day, contract, at=at),
    )
    # Which contract has the number is another customer's business.
    _save(card, refusal="This number cannot be added. Look whether it is typed right, or ask your seller.")
    ring_on_commit("card.changed", id=card.pk)
    return card


@transaction.atomic
def change_card(
    *,
    token_id: int,
    driver: str,
    vehicle: Vehicle | None,
    cost_centre: CostCentre | None,
    last_day: date | None,
    at: datetime,
) -> IdToken:
    """Give a card to another driver, vehicle or cost centre, or another end; its sessions keep what it was.

    :raises FleetRefused: it is retired, or a new last day is past
    """
    card = _locked_card(token_id)
    if card.status == IdToken.Status.RETIRED:
        raise FleetRefused("This card is not used any more.")
    card.driver, card.vehicle, card.cost_centre = driver, vehicle, cost_centre
    if last_day != last_day_of(card):
        card.valid_to = _end_of(last_day, card.contract, at=at)
    _save(card, refusal="The last day is before the card's first one.")
    ring_on_commit("card.changed", id=card.pk)
    return card


@transaction.atomic
def block_own_card(*, token_id: int, is_lost: bool) -> IdToken:
    """Let a card start nothing any more, until its customer unblocks it; a card blocked as unused may turn out lost.

    :raises FleetRefused: it is retired, or the seller blocked it
    """
    card = _locked_card(token_id)
    blocked_as = IdToken.BlockedAs.LOST if is_lost else IdToken.BlockedAs.UNUSED
    if card.status == IdToken.Status.BLOCKED:
        if not card.blocked_as:
            raise FleetRefused("Your seller has blocked this card.")
        card.blocked_as = blocked_as
        card.save(update_fields=["blocked_as"])
        return card
    return _moved(lambda: block_card(token_id=token_id, blocked_as=blocked_as))


@transaction.atomic
def unblock_own_card(*, token_id: int) -> IdToken:
    """Let a card charge again that its customer blocked.

    :raises FleetRefused: it is retired, or the seller blocked it
    """
    card = _locked_card(token_id)
    if card.status == IdToken.Status.BLOCKED and not card.blocked_as:
        raise FleetRefused("Your seller has blocked this card: only they unblock it.")
    return _moved(lambda: unblock_card(token_id=token_id))


def last_day_of(card: IdToken) -> date | None:
    """Return the last day on which a guest's card charges, in the seller's calendar; ``contract__seller`` loaded."""
    return local_day(card.valid_to - timedelta(microseconds=1), card.contract.seller) if card.valid_to else None


@transaction.atomic
def save_vehicle(*, vehicle: Vehicle, plate: str, label: str) -> Vehicle:
    """Add a vehicle (one without a row yet) or call it another plate; what was billed keeps the old one.

    :raises FleetRefused: the customer has one of this plate
    """
    vehicle.plate, vehicle.label = plate, label
    _lock_customer(vehicle)
    _save(vehicle, refusal="You already have a vehicle with this plate.")
    return vehicle


@transaction.atomic
def save_cost_centre(
    *, centre: CostCentre, code: str, name: str, buyer_reference: str, purchase_order: str
) -> CostCentre:
    """Add a cost centre (one without a row yet) or change it; issued documents keep what they print.

    :raises FleetRefused: the customer has one of this code
    """
    centre.code, centre.name = code, name
    centre.buyer_reference, centre.purchase_order = buyer_reference, purchase_order
    _lock_customer(centre)
    _save(centre, refusal="You already have a cost centre of this code.")
    return centre


@transaction.atomic
def remove_unused(*, row: Vehicle | CostCentre) -> None:
    """Delete a vehicle or cost centre that nothing names.

    :raises FleetRefused: a card, a session or a budget names it
    """
    try:
        with transaction.atomic():
            row.delete()
    except (ProtectedError, IntegrityError) as error:
        raise FleetRefused("It cannot be removed: a card, a session or a budget names it.") from error


def _locked_card(token_id: int) -> IdToken:
    cards = IdToken.objects.select_for_update(of=("self",)).select_related("contract__seller")
    card: IdToken = cards.get(pk=token_id)
    return card


def _lock_customer(row: Any) -> None:
    Customer.objects.select_for_update().get(pk=row.customer_id)


def _end_of(last_day: date | None, contract: Contract, *, at: datetime) -> datetime | None:
    if last_day is None:
        return None
    if last_day < local_day(at, contract.seller):
        raise FleetRefused("The last day is past: block the card instead.")
    return begin_of_day(last_day + timedelta(days=1), contract.seller)


def _moved(move: Any) -> IdToken:
    try:
        card: IdToken = move()
    except CardRefused as error:
        raise FleetRefused("This card is not used any more.") from error
    return card


def _save(row: Model, *, refusal: str) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise FleetRefused(refusal) from error
