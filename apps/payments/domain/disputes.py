"""Disputes: their states at Stripe, and what they move in the books (PAYMENTS.md, Postings).

An inquiry (``warning_…``) asks and moves nothing. A dispute takes the money away at once; won, it comes back; lost, its
documents are open again and at once given up (``domain.write_offs``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move
from apps.ledger.domain.chart import Role
from apps.ledger.domain.posting import PostingLine
from apps.payments.domain.postings import Lines, move

ALARM_BEFORE: Final = timedelta(days=3)
"""How long before the bank stops listening somebody is alarmed."""


class DisputeStatus(StrEnum):
    """Stripe's own words (Dispute ``status``)."""

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"


ANSWERABLE: Final = frozenset({DisputeStatus.WARNING_NEEDS_RESPONSE, DisputeStatus.NEEDS_RESPONSE})
UNDECIDED: Final = frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW})
"""The money is away and nobody knows yet for good or not."""
MONEY_AWAY: Final = UNDECIDED | {DisputeStatus.LOST}
DISPUTE_ENDS: Final = frozenset(
    {DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.WARNING_CLOSED, DisputeStatus.PREVENTED}
)

# Stripe may go anywhere between two looks of ours, but never out of an end.
NEXT_DISPUTE: Final[Mapping[DisputeStatus, frozenset[DisputeStatus]]] = {
    status: frozenset({status}) if status in DISPUTE_ENDS else frozenset(DisputeStatus) for status in DisputeStatus
}


def advance_dispute(status: DisputeStatus, to: DisputeStatus) -> DisputeStatus:
    """Return ``to``.

    :raises IllegalMove: Stripe's object cannot have gone from ``status`` to ``to``
    """
    return check_move(NEXT_DISPUTE, status, to)


def is_pressing(*, status: DisputeStatus, due_by: datetime | None, at: datetime) -> bool:
    """Whether the bank will soon have stopped listening and nobody has answered."""
    return status in ANSWERABLE and due_by is not None and due_by <= at + ALARM_BEFORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a lost dispute comes to; the parts add up to the disputed amount.

    owed    of documents, open again (and given up by write-offs of their own), and of a surplus the customer was to
            have back
    fees    of reminders, which bear no VAT: lost as they are
    beyond  what was taken beyond all of that and all that the payment had brought: no supply stands behind it
    """

    owed: Decimal
    fees: Decimal
    beyond: Decimal


def withdrawn(amount: Decimal) -> Lines:
    """The bank takes ``amount`` > 0 away until it has decided: disputed against clearing."""
    return move(amount, debit=Role.DISPUTED, credit=Role.STRIPE_CLEARING)


def dispute_fee(amount: Decimal) -> Lines:
    """What the dispute costs whatever comes of it; negative: it comes back."""
    return move(amount, debit=Role.PAYMENT_FEES, credit=Role.STRIPE_CLEARING)


def reinstated(amount: Decimal) -> Lines:
    """A dispute that was won gives ``amount`` > 0 back: clearing against disputed."""
    return move(amount, debit=Role.STRIPE_CLEARING, credit=Role.DISPUTED)


def lost(loss: Loss) -> Lines:
    """The money stays away: the customer owes it or has had it, or it is a bad debt, against disputed."""
    return (
        PostingLine(role=Role.RECEIVABLE, amount=loss.owed),
        PostingLine(role=Role.BAD_DEBT, amount=loss.fees + loss.beyond),
        PostingLine(role=Role.DISPUTED, amount=-(loss.owed + loss.fees + loss.beyond)),
    )
