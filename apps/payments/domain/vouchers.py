"""When the VAT of a top-up is due, and how much VAT is in what is left of it.

A prepaid wallet is a voucher (Directive 2006/112/EC, art. 30a, 30b). Where it is known at the top-up whose VAT at which
rate the customer will owe, it is a single-purpose voucher: the VAT is due then, and what the customer charges later is
no supply to be taxed again. Else it is a multi-purpose one: the VAT is due when they charge. Which it is stands fast
with the top-up, whatever the seller sells later.

The VAT left in a taxed top-up is what its rest contains, so that its last cent leaves nothing. 50.00 with 19 %:

    moved    left    contains   VAT of the movement
    +50.00   50.00   7.98       +7.98
    −10.00   40.00   6.39       −1.59
    −39.99    0.01   0.00       −6.39
    − 0.01    0.00   0.00        0.00
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from apps.core.domain.money import EXACT, round_half_up
from apps.core.domain.tax import TaxDecision, Treatment


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherTax:
    """How a top-up is taxed. decision: the one that all supplies have, of a single-purpose one; None: at use.

    reason  in words, for an operator
    """

    decision: TaxDecision | None
    reason: str


def choose(decisions: Iterable[TaxDecision], *, has_plan: bool) -> VoucherTax:
    """Decide a top-up's VAT from the decisions for everything that the seller sells to this customer today.

    has_plan  the contract has fees besides its sessions, which are invoiced
    """
    found = {(each.country, each.en16931_category, each.rate): each for each in decisions}
    if has_plan:
        return VoucherTax(decision=None, reason="The contract has a plan, whose fees are invoiced.")
    if not found:
        return VoucherTax(decision=None, reason="Nothing is sold yet, so its VAT is not known.")
    if len(found) > 1:
        told = ", ".join(f"{country} {_percent(rate)} ({code})" for country, code, rate in sorted(found))
        return VoucherTax(decision=None, reason=f"Several rates or countries are possible: {told}.")
    (decision,) = found.values()
    if decision.treatment != Treatment.STANDARD or not decision.rate:
        return VoucherTax(decision=None, reason="No VAT is charged on what is sold.")
    return VoucherTax(
        decision=decision, reason=f"All that is sold bears {_percent(decision.rate)} in {decision.country}."
    )


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def contained(gross: Decimal, *, rate: Decimal, currency: str) -> Decimal:
    """Return the VAT that a gross amount contains: 50.00 with 19 % → 50.00 − 42.02 = 7.98."""
    return gross - round_half_up(EXACT.divide(gross, 1 + rate), currency=currency)


class Lot(NamedTuple):
    """A taxed top-up of which something is left: gross, and the VAT in it by its movements so far."""

    payment_id: int
    left: Decimal
    tax: Decimal
    rate: Decimal


class Part(NamedTuple):
    """What is taken (< 0) of a lot, or given back to it (> 0): gross, and the VAT in it."""

    payment_id: int
    amount: Decimal
    tax: Decimal


def part_of(lot: Lot, amount: Decimal, *, currency: str) -> Part:
    """Move a lot by an amount; its VAT is what the lot then contains less what it contained."""
    tax = contained(lot.left + amount, rate=lot.rate, currency=currency) - lot.tax
    return Part(lot.payment_id, amount, tax)


def take(due: Decimal, oldest_first: Sequence[Lot], *, currency: str) -> tuple[Part, ...] | None:
    """Take a session's whole price from taxed top-ups, the oldest first; None: they do not cover it.

    A session is paid from them whole or not at all, so that it is invoiced whole or not at all.
    """
    if due > sum((lot.left for lot in oldest_first), Decimal(0)):
        return None
    parts = []
    for lot in oldest_first:
        amount = min(due, lot.left)
        if amount > 0:
            parts.append(part_of(lot, -amount, currency=currency))
            due -= amount
    return tuple(parts)
