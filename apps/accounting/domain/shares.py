"""What a platform keeps of an owner's sessions, and what is the owner's: exact, rounded once a session.

Worked with 10 % of net, 0.02 a kWh and 0.25 a session, for a session of 20 kWh that cost 8.40 net:

    exact fee   0.10 × 8.40 + 0.02 × 20 + 0.25 = 0.84 + 0.40 + 0.25 = 1.49
    fee         round(1.49) = 1.49, at most the net 8.40
    share       8.40 − 1.49 = 6.91

Always: share + fee = net, 0 ≤ fee ≤ net, 0 ≤ share. What takes a line back, or a part of it, takes
back as much of its fee; in parts that add up to the line, all of it.
VAT is no part of either: all of what the customer paid of it is the owner's to declare.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT, allot, from_minor, round_half_up

MILLIWH_PER_KWH: Final = 1_000_000
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRule:
    """What a platform keeps, net, in one currency; the parts add up.

    percent             of a session's net, 0–100 · per_kwh, per_session  unrounded prices ≥ 0
    minimum_per_month   rounded, ≥ 0: what the fees of a month come to at least, as far as the owner's shares reach
    """

    percent: Decimal = _NOTHING
    per_kwh: Decimal = _NOTHING
    per_session: Decimal = _NOTHING
    minimum_per_month: Decimal = _NOTHING

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError("a percentage is between 0 and 100")
        if min(self.per_kwh, self.per_session, self.minimum_per_month) < 0:
            raise ValueError("a fee is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """One of a session's lines (one a VAT category) on a document: ``net`` rounded, ≥ 0."""

    net: Decimal
    energy_milliwh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How a line's net is parted: ``fee`` is the platform's, ``share`` the owner's; rounded."""

    net: Decimal
    fee: Decimal

    @property
    def share(self) -> Decimal:
        return self.net - self.fee

    def __neg__(self) -> "Share":
        return Share(net=-self.net, fee=-self.fee)

    def __add__(self, other: "Share") -> "Share":
        return Share(net=self.net + other.net, fee=self.fee + other.fee)


def session_fee(rule: ShareRule, *, net: Decimal, energy_milliwh: int, currency: str) -> Decimal:
    """Return what the platform keeps of one session: rounded half up here and nowhere else, at most the net.

    :raises ValueError: the net is below zero; what is taken back is mirrored, not computed
    """
    if net < 0:
        raise ValueError("a session's net is not negative")
    of_net = EXACT.divide(EXACT.multiply(net, rule.percent), Decimal(100))
    of_energy = EXACT.divide(EXACT.multiply(rule.per_kwh, Decimal(energy_milliwh)), Decimal(MILLIWH_PER_KWH))
    exact = EXACT.add(EXACT.add(of_net, of_energy), rule.per_session)
    return min(round_half_up(exact, currency=currency), net)


def share_session(rule: ShareRule, lines: Sequence[BilledLine], *, currency: str) -> tuple[Share, ...]:
    """Part a session's lines: the fee of the whole, allotted over the lines by their net (largest remainder)."""
    net = sum((line.net for line in lines), from_minor(0, currency=currency))
    fee = session_fee(rule, net=net, energy_milliwh=sum(line.energy_milliwh for line in lines), currency=currency)
    fees = allot(fee, [line.net for line in lines], currency=currency)
    return tuple(Share(net=line.net, fee=part) for line, part in zip(lines, fees, strict=True))


def taken_back(given: Share, *, before: Share, net: Decimal, currency: str) -> Share:
    """Return the share of a line that takes ``net`` (≤ 0) of another back: all of it gives all of its fee back.

    before  what earlier lines took of it, negative. The fee is rounded on the running total, so that parts add up to
            the whole whatever their number.
    """
    if not given.net:
        return Share(net=net, fee=-before.fee)
    taken = -(before.net + net)
    fee = round_half_up(EXACT.divide(EXACT.multiply(given.fee, taken), given.net), currency=currency)
    return Share(net=net, fee=-fee - before.fee)


def minimum_top_up(rule: ShareRule, shares: Iterable[Share], *, currency: str) -> Decimal:
    """Return what a month's fees lack of the minimum, but no more than the owner's shares of the month."""
    parts = list(shares)
    zero = from_minor(0, currency=currency)
    fees = sum((part.fee for part in parts), zero)
    left = sum((part.share for part in parts), zero)
    return max(min(rule.minimum_per_month - fees, left), zero)


def reversal_amount(
    *, transferred: Decimal, reversed_before: Decimal, refunded: Decimal, received: Decimal, currency: str
) -> Decimal:
    """Return how much of a transfer to fetch back now that so much of the payment was refunded in all, ≥ 0.

    Rounded on the running total, so that parts add up to the whole whatever their number.
    """
    due = round_half_up(EXACT.divide(EXACT.multiply(transferred, refunded), received), currency=currency)
    return max(min(due, transferred) - reversed_before, from_minor(0, currency=currency))
