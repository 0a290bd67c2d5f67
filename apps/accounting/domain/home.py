"""Charging at home paid back: what a statement lists, and the states of a payment to a driver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.moves import check_move


class HomePayoutStatus(StrEnum):
    """IN_FILE: asked for, so that it is not asked for again · RETURNED: it came back, and is due again."""

    IN_FILE = "in_file"
    PAID = "paid"
    RETURNED = "returned"


NEXT_HOME_PAYOUT: Final[Mapping[HomePayoutStatus, frozenset[HomePayoutStatus]]] = {
    HomePayoutStatus.IN_FILE: frozenset({HomePayoutStatus.PAID, HomePayoutStatus.RETURNED}),
    HomePayoutStatus.PAID: frozenset({HomePayoutStatus.RETURNED}),
    HomePayoutStatus.RETURNED: frozenset(),
}


def advance_home_payout(status: HomePayoutStatus, to: HomePayoutStatus) -> HomePayoutStatus:
    """Return ``to``.

    :raises IllegalMove: a payment to a driver does not go from ``status`` to ``to``
    """
    return check_move(NEXT_HOME_PAYOUT, status, to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a session is worth to its driver; amount without VAT, rounded."""

    amount: Decimal
    energy_milliwh: int


def difference(current: Worth, listed: Sequence[Worth]) -> Worth:
    """Return what a session's current record adds to what statements have listed of it; below zero where it is less."""
    return Worth(
        amount=current.amount - sum((one.amount for one in listed), Decimal(0)),
        energy_milliwh=current.energy_milliwh - sum(one.energy_milliwh for one in listed),
    )


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
