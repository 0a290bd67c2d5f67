"""Compare a balance transaction with what our books say of it, and propose why they differ.

What a balance transaction changes on Stripe's balance (its net) is what its journals change on our clearing account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.money import round_half_up


class DifferenceKind(StrEnum):
    """UNKNOWN_HERE: Stripe moved money that no journal tells of · UNKNOWN_THERE: a journal tells of money that Stripe
    never moved · AMOUNT: both know it and differ · CURRENCY: Stripe settled it in another currency · PAYOUT: its parts
    do not add up · BALANCE: Stripe's balance is not the sum of what we read."""

    UNKNOWN_HERE = "unknown_here"
    UNKNOWN_THERE = "unknown_there"
    AMOUNT = "amount"
    CURRENCY = "currency"
    PAYOUT = "payout"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement in words; ``key`` names it for ever, ``entry`` and ``payout`` are row ids."""

    key: str
    kind: DifferenceKind
    subject: str
    stripe_says: str
    we_say: str
    cause: str
    entry: int | None = None
    payout: int | None = None


class Sort(StrEnum):
    """What a kind of balance transaction is to our books."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    PAYOUT = "payout"
    PAYOUT_FAILED = "payout_failed"
    TRANSFER = "transfer"
    FEE = "fee"
    OTHER = "other"


# docs.stripe.com/reports/balance-transaction-types
_SORTS: Final[Mapping[str, Sort]] = {
    "charge": Sort.PAYMENT,
    "payment": Sort.PAYMENT,
    "refund": Sort.REFUND,
    "payment_refund": Sort.REFUND,
    "refund_failure": Sort.REFUND_FAILED,
    "payment_failure_refund": Sort.REFUND_FAILED,
    "payout": Sort.PAYOUT,
    "payout_failure": Sort.PAYOUT_FAILED,
    "payout_cancel": Sort.PAYOUT_FAILED,
    "transfer": Sort.TRANSFER,
    "transfer_refund": Sort.TRANSFER,
    "transfer_cancel": Sort.TRANSFER,
    "stripe_fee": Sort.FEE,
    "stripe_fx_fee": Sort.FEE,
    "stripe_balance_payment_debit": Sort.FEE,
    "network_cost": Sort.FEE,
    "tax_fee": Sort.FEE,
}


def sort_of(kind: str, *, source: str) -> Sort:
    """Return what a kind means; an ``adjustment`` is a dispute's if one is its source."""
    if kind == "adjustment":
        return Sort.DISPUTE if source.startswith(("du_", "dp_")) else Sort.OTHER
    return _SORTS.get(kind, Sort.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What our rows say of a balance transaction's source.

    journal_key, fee_key  the journals that tell of it, blank: no such row
    about                 the payment it belongs to, where no row of ours stands for it
    name                  our row in words · why: what its state proposes as the cause of a difference
    """

    journal_key: str = ""
    fee_key: str = ""
    about: str = ""
    name: str = ""
    why: str = ""


def disagreement(
    *, net: Decimal, currency: str, fee: Decimal, told: Told, posted: Mapping[str, Mapping[str, Decimal]]
) -> tuple[DifferenceKind, str] | None:
    """Say how a balance transaction and its journals differ, and what we say; None where they agree.

    posted  per journal key what it changes on our clearing account, by currency
    """
    if not told.journal_key:
        return DifferenceKind.UNKNOWN_HERE, "nothing"
    if told.journal_key not in posted:
        return DifferenceKind.UNKNOWN_HERE, f"{told.name}, nothing booked"
    keys = [told.journal_key, *([told.fee_key] if fee else [])]
    ours: dict[str, Decimal] = {}
    for key in keys:
        for each, amount in posted.get(key, {}).items():
            ours[each] = ours.get(each, Decimal(0)) + amount
    if set(ours) - {currency}:
        return DifferenceKind.CURRENCY, _all_in_words(ours)
    if ours.get(currency, Decimal(0)) != net:
        return DifferenceKind.AMOUNT, _all_in_words(ours)
    return None


def in_words(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency's decimals: ``-20.00 EUR``."""
    return f"{round_half_up(amount, currency=currency)} {currency}"


def _all_in_words(amounts: Mapping[str, Decimal]) -> str:
    return " and ".join(in_words(amount, currency) for currency, amount in sorted(amounts.items())) or "nothing"
