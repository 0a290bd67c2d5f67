"""Post a payment's money: in the seller's books, or in the platform's and the owner's where a platform collects.

A journal never spans two entities, so what moves between two is one journal in each, under the same natural key, both
in the transaction that is running. With A = what the owner gets, the platform owes less and the owner is owed less:

    platform   due to owner    A |
               clearing          | A
    owner      clearing        A |
               due from platform | A
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.accounts.models import Organisation
from apps.core.domain.zones import zone
from apps.ledger import services as ledger
from apps.ledger.services import PostingLine, Role
from apps.payments.models import Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """So much less is due to the owner.

    amount         rounded; below zero: so much more is due
    platform_role  where the platform has it from
    owner_lines    what it is in the owner's books; their debits add up to the amount
    """

    amount: Decimal
    platform_role: Role
    owner_lines: tuple[PostingLine, ...]


def post_between(
    *, platform: Organisation, owner: Organisation, key: str, text: str, move: Move, currency: str, at: datetime
) -> None:
    """Post what one event moved between a platform and an owner, once per ``key``, each on its own local day."""
    _post(
        platform,
        key=key,
        text=text,
        lines=[
            PostingLine(role=Role.DUE_TO_OWNER, amount=move.amount, party=owner.pk),
            PostingLine(role=move.platform_role, amount=-move.amount),
        ],
        currency=currency,
        at=at,
    )
    _post(
        owner,
        key=key,
        text=text,
        lines=[
            *move.owner_lines,
            PostingLine(role=Role.DUE_FROM_PLATFORM, amount=-move.amount, party=platform.pk),
        ],
        currency=currency,
        at=at,
    )


def post_at_stripe(
    *,
    payment: Payment,
    key: str,
    text: str,
    debit: tuple[Role, Decimal],
    credit: Role,
    at: datetime,
    currency: str = "",
) -> None:
    """Post one move of a payment's money, once per ``key``; currency: the payment's unless told otherwise.

    Where a platform collects, the customer's side (receivable) is the owner's and Stripe's side the platform's; what
    does not touch the customer, such as Stripe's fee, is the platform's alone.
    """
    role, amount = debit
    said = {"key": key, "text": text, "currency": currency or payment.currency}
    if payment.collector is None or Role.RECEIVABLE not in (role, credit):
        lines = [PostingLine(role=role, amount=amount), PostingLine(role=credit, amount=-amount)]
        _post(payment.collector or payment.seller, lines=lines, at=at, **said)
        return
    # Debited is what comes in: less is due to the owner when the receivable is debited, more when it is credited.
    less = amount if role == Role.RECEIVABLE else -amount
    post_between(
        platform=payment.collector,
        owner=payment.seller,
        move=Move(
            amount=less,
            platform_role=credit if role == Role.RECEIVABLE else role,
            owner_lines=(PostingLine(role=Role.RECEIVABLE, amount=less),),
        ),
        at=at,
        **said,
    )


def _post(entity: Organisation, *, key: str, text: str, lines: list[PostingLine], currency: str, at: datetime) -> None:
    today: date = at.astimezone(zone(entity.time_zone)).date()
    ledger.post(
        entity_id=entity.pk,
        key=key,
        posted_on=today,
        tax_date=today,
        text=text[:200],
        lines=lines,
        currency=currency,
        at=at,
    )
