"""What stands out among the drafts of a billing run beside what the same contracts were billed last."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

NOTABLE_PERCENT: Final = 30
NOTABLE_AMOUNT: Final = Decimal(10)
"""In whatever currency: a small bill that doubles is no news."""


class Remark(StrEnum):
    """Why somebody should look, the most urgent first."""

    MISSING = "missing"
    MUCH_MORE = "much more"
    MUCH_LESS = "much less"
    NEW = "new"
    USUAL = "usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What one contract is billed in one currency.

    net      as the documents state it · sessions: how many lines bill one
    """

    net: Decimal
    energy_milliwh: int
    sessions: int


def change_percent(now: Billed, before: Billed) -> int | None:
    """Return by how many percent the net amount changed, half away from zero; None where nothing was billed before."""
    if not before.net:
        return None
    return int(((now.net - before.net) / abs(before.net) * 100).to_integral_value(rounding="ROUND_HALF_UP"))


def remark_on(now: Billed | None, before: Billed | None) -> Remark:
    """Say what stands out: more or less by 30 % and by at least 10.00, new, or nothing where something was usual."""
    if now is None:
        return Remark.MISSING
    if before is None:
        return Remark.NEW
    change = now.net - before.net
    if abs(change) < NOTABLE_AMOUNT or abs(change) * 100 < abs(before.net) * NOTABLE_PERCENT:
        return Remark.USUAL
    return Remark.MUCH_MORE if change > 0 else Remark.MUCH_LESS
