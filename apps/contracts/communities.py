"""A unit changes hands: the day on which one holder's contract ends and the next one's begins."""

from dataclasses import dataclass
from datetime import date, datetime, time

from django.db import IntegrityError, transaction

from apps.contracts.models import Contract, Customer, IdToken, Occupancy, Unit
from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone


class NotMoved(Exception):
    """The unit stays as it was; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who gets a unit's invoices without having been a customer before: a private person, gross documents."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    email: str
    language: str


@transaction.atomic
def move_in(
    *,
    unit_id: int,
    first_day: date,
    role: str,
    holder: Contract | Recipient,
    takes_over_cards: bool,
    at: datetime,
) -> Occupancy:
    """Let a unit be held by a contract from a local day on; whoever held it before holds it until then.

    holder            a contract of the seller's, or a person for whom customer and contract are made
    takes_over_cards  the cards of the contract before go on in the new one, at once

    :raises NotMoved: it is held on that day by somebody entered later, the contract holds another unit or is another
        seller's, or cards are to move before the day
    """
    unit: Unit = (
        Unit.objects.select_for_update(of=("self",), no_key=True).select_related("customer__seller").get(pk=unit_id)
    )
    before = Occupancy.objects.filter(unit=unit, first_day__lt=first_day).order_by("-first_day").first()
    _check_days(unit, first_day)
    if before is not None and (before.end_day is None or before.end_day > first_day):
        before.end_day = first_day
        before.save(update_fields=["end_day"])
    contract = holder if isinstance(holder, Contract) else _contract_for(unit, holder, first_day=first_day)
    if contract.seller_id != unit.customer.seller_id:
        raise NotMoved("The contract belongs to another seller.")
    if contract.status in (Contract.Status.ENDED, Contract.Status.OFFERED):
        raise NotMoved(f"Contract {contract.number} is {contract.get_status_display().lower()}: choose one that runs.")
    try:
        with transaction.atomic():
            occupancy = Occupancy.objects.create(unit=unit, contract=contract, role=role, first_day=first_day)
    except IntegrityError as error:
        raise NotMoved(_why(str(error), contract)) from error
    if takes_over_cards and before is not None:
        _move_cards(before.contract, contract, first_day=first_day, at=at, unit=unit)
    return occupancy


def _check_days(unit: Unit, first_day: date) -> None:
    if first_day < unit.first_day or (unit.end_day is not None and first_day >= unit.end_day):
        raise NotMoved(f"{unit} is no unit of the community on {first_day}: see its days.")


def _why(message: str, contract: Contract) -> str:
    if "occupancy_one_unit_a_contract_and_day" in message:
        return f"Contract {contract.number} holds another unit on these days: each unit has a contract of its own."
    return "Somebody is entered for later days: end or change that entry first."


def _contract_for(unit: Unit, recipient: Recipient, *, first_day: date) -> Contract:
    """Make customer and contract of a person, numbered after the community: ``K-7-3``."""
    community = unit.customer
    number = _free_number(community)
    customer = Customer.objects.create(
        seller=community.seller,
        kind=Customer.Kind.PRIVATE,
        number=number,
        name=recipient.name,
        street=recipient.street,
        postcode=recipient.postcode,
        city=recipient.city,
        country=recipient.country,
        email=recipient.email,
        language=recipient.language,
    )
    begins_at = datetime.combine(first_day, time(), tzinfo=zone(community.seller.time_zone))
    return Contract.objects.create(seller=community.seller, customer=customer, number=number, valid_from=begins_at)


def _free_number(community: Customer) -> str:
    """Return the next number after the community's that neither a customer nor a contract has; its row is locked."""
    Customer.objects.select_for_update(no_key=True).get(pk=community.pk)
    stem = community.number[:14]
    taken = {
        *Customer.objects.filter(seller=community.seller, number__startswith=f"{stem}-").values_list(
            "number", flat=True
        ),
        *Contract.objects.filter(seller=community.seller, number__startswith=f"{stem}-").values_list(
            "number", flat=True
        ),
    }
    count = 1
    while f"{stem}-{count}" in taken:
        count += 1
    return f"{stem}-{count}"


def _move_cards(old: Contract, new: Contract, *, first_day: date, at: datetime, unit: Unit) -> None:
    """Retire the cards of one contract and let the same numbers go on in another, without what was the old customer's.

    :raises NotMoved: the day has not come, so that they would charge on the wrong account until then
    """
    if at < datetime.combine(first_day, time(), tzinfo=zone(unit.customer.seller.time_zone)):
        raise NotMoved("Cards move on the day itself or later: enter this then, or move in without the cards.")
    for card in (
        IdToken.objects.select_for_update(of=("self",)).filter(contract=old).exclude(status=IdToken.Status.RETIRED)
    ):
        status, card.status = card.status, IdToken.Status.RETIRED
        card.save(update_fields=["status"])
        IdToken.objects.create(contract=new, uid=card.uid, status=status, replaces=card)
        ring_on_commit("card.changed", id=card.pk)
