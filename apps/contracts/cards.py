"""What is done to cards: block, unblock, retire, replace. Stations that remember a card look again at ``card.changed``.

A card that is blocked or retired keeps its row and its sessions; a replaced one names its successor.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction

from apps.contracts.domain.tokens import normalise_uid
from apps.contracts.models import IdToken
from apps.core.bells import ring_on_commit

Status = IdToken.Status
# Whoever hears stations says which card numbers they sent of late. Filled by AppConfig.ready.
SeenCards = Callable[[int, datetime], set[str]]
_seen_cards: list[SeenCards] = []


class CardRefused(Exception):
    """The card stays as it was; the message says why."""


def register_seen_cards(ask: SeenCards) -> None:
    """Name who knows card numbers that the stations of a seller sent before ``at``, upper-cased and trimmed."""
    _seen_cards.append(ask)


def seen_cards(*, seller_id: int, at: datetime) -> set[str]:
    """Return the card numbers that the seller's stations sent of late, known and unknown ones."""
    return {uid for ask in _seen_cards for uid in ask(seller_id, at)}


@transaction.atomic
def block_card(*, token_id: int, blocked_as: str = "") -> IdToken:
    """Let a card start nothing until it is unblocked; blocking again changes nothing.

    blocked_as  why its customer blocks it (``IdToken.BlockedAs``); "" = the seller does

    :raises CardRefused: it is retired
    """
    return _move(token_id, Status.BLOCKED, blocked_as=blocked_as)


@transaction.atomic
def unblock_card(*, token_id: int) -> IdToken:
    """Let a blocked card charge again; unblocking again changes nothing.

    :raises CardRefused: it is retired
    """
    return _move(token_id, Status.ACTIVE)


@transaction.atomic
def retire_card(*, token_id: int) -> IdToken:
    """Take a card out of its contract for good, so that its number is free for another; again changes nothing."""
    return _move(token_id, Status.RETIRED)


@transaction.atomic
def replace_card(*, token_id: int, uid: str) -> IdToken:
    """Retire a card and let a new number go on in its stead: same contract, driver, vehicle, cost centre and terms.

    Replacing again by the same number returns the card that goes on.

    :raises CardRefused: it is retired, or the new number is in a contract already
    """
    uid = normalise_uid(uid)
    token: IdToken = IdToken.objects.select_for_update(of=("self",)).select_related("contract").get(pk=token_id)
    successor: IdToken | None = IdToken.objects.filter(replaces=token).first()
    if successor is not None and successor.uid == uid:
        return successor
    if token.status == Status.RETIRED:
        raise CardRefused(f"Card {token} is retired: add the new card to its contract instead.")
    if uid == token.uid:
        raise CardRefused("This is the number that it has.")
    token.status, token.blocked_as = Status.RETIRED, ""
    token.save(update_fields=["status", "blocked_as"])
    successor = IdToken(
        contract=token.contract,
        vehicle_id=token.vehicle_id,
        cost_centre_id=token.cost_centre_id,
        driver=token.driver,
        kind=token.kind,
        driver_contract_id=token.driver_contract_id,
        valid_from=token.valid_from,
        valid_to=token.valid_to,
        free_reason=token.free_reason,
        replaces=token,
        uid=uid,
    )
    try:
        with transaction.atomic():
            successor.save()
    except IntegrityError as error:
        raise CardRefused(f"Card {uid} is in another contract already: retire it there first.") from error
    ring_on_commit("card.changed", id=token.pk)
    return successor


def _move(token_id: int, status: IdToken.Status, *, blocked_as: str = "") -> IdToken:
    token: IdToken = IdToken.objects.select_for_update(of=("self",)).select_related("contract").get(pk=token_id)
    if token.status == status:
        return token
    if token.status == Status.RETIRED:
        raise CardRefused(f"Card {token} is retired. Its number may be added anew.")
    token.status, token.blocked_as = status, blocked_as
    token.save(update_fields=["status", "blocked_as"])
    ring_on_commit("card.changed", id=token.pk)
    return token
