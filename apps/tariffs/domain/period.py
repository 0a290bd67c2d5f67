"""Facts of a billing period: included energy, proration, local months, and what a late record changes.

A charge record is priced without them (TARIFFS.md "Quantity, steps, price"). A billing run calls these functions over
the period's energy parts and books the lines they return beside the records; ``ladders.py`` holds tiers, percentages
and commitments. Pure and exact: nothing here is rounded but in ``round_once``. Invariants: the order in which parts
are handed in does not matter; a credit never exceeds what its part charged; what was billed, with what ``what_changes``
finds taken back and added, is what is due.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Final, TypeVar

from apps.core.domain.money import EXACT, round_half_up
from apps.core.domain.zones import zone
from apps.tariffs.domain.rated import AdjustmentKind, ChargingPeriod, RatedSession
from apps.tariffs.domain.terms import Dimension

_MILLIWH_PER_KWH: Final = 1_000_000
_MILLIWH_PER_WH: Final = 1_000
_MICRO: Final = Decimal("0.000001")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Billed = TypeVar("Billed")
Due = TypeVar("Due")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPart:
    """Energy that one charge record charged at one price.

    part_id         unique in the period ("CDR-2026-17/3"); breaks ties of meter time, so that order never matters
    metered_at_ms   when its first energy flowed, UTC epoch ms
    energy_milliwh  charged, ≥ 0
    price           what a kWh was really charged at, ≥ 0, net or gross as its tariff says
    owner           the vehicle, card or contract whose allowance it may use
    """

    part_id: str
    metered_at_ms: int
    energy_milliwh: int
    price: Decimal
    tax_category: str
    owner: str


class LineKind(StrEnum):
    """What a period line is for."""

    INCLUDED = "included"
    ROUNDING = "rounding"
    TIER = "tier"
    TIER_FLAT = "tier_flat"
    PERCENTAGE = "percentage"
    EVENT = "event"
    TRUE_UP = "true_up"
    CAP = "cap"
    BASE_FEE = "base_fee"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodLine:
    """A line of a period: ``amount`` is ``quantity`` × ``price``, exact; a credit's quantity is negative.

    quantity  kWh, units or events, as ``words`` says; for a percentage the money it is taken of
    price     per unit; for a percentage a fraction (0.013)
    """

    kind: LineKind
    words: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    tax_category: str
    owner: str = ""


def line_of(
    *, kind: LineKind, quantity: Decimal, price: Decimal, words: str, tax_category: str, owner: str = ""
) -> PeriodLine:
    """Return a line whose amount is quantity × price."""
    amount = EXACT.multiply(quantity, price)
    return PeriodLine(
        kind=kind,
        words=words,
        quantity=quantity,
        price=price,
        amount=amount,
        tax_category=tax_category,
        owner=owner,
    )


def energy_parts(
    *,
    rated: RatedSession,
    tax_included: bool,
    record: str,
    owner: str,
    cuts: Sequence[tuple[int, int]] = (),
) -> tuple[PeriodPart, ...]:
    """Return the energy that a rated session charged, its step's surplus included, ready for an allowance.

    Where a line of the record took something off (discount, cap, ceiling), each price is brought down pro rata, cut to
    6 decimals, so that crediting all of it never gives back more than was paid.

    record  the charge record's own key, from which the parts' ids are made
    cuts    (UTC epoch ms, register in mWh then), ascending: no part lies on both sides of one
    """
    reductions = _reductions(rated, tax_included=tax_included)
    found: list[PeriodPart] = []
    for period in rated.periods:
        for part in period.parts:
            if part.dimension is Dimension.ENERGY:
                price = part.price
                if part.tax_category in reductions:
                    charged, total = reductions[part.tax_category]
                    share = EXACT.divide(EXACT.multiply(price, charged), total).quantize(_MICRO, ROUND_DOWN)
                    price = min(price, share)
                for at_ms, energy_milliwh in _pieces(period, part.quantity, cuts):
                    found.append(
                        PeriodPart(
                            part_id=f"{record}/{len(found)}",
                            metered_at_ms=at_ms,
                            energy_milliwh=energy_milliwh,
                            price=price,
                            tax_category=part.tax_category,
                            owner=owner,
                        )
                    )
    return tuple(found)


def _pieces(period: ChargingPeriod, quantity: int, cuts: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield when each piece of a part begins and its mWh, in proportion to what the register rose by between cuts."""
    begun_ms, taken = period.start_ms, 0
    if period.energy_milliwh and period.start_register_milliwh is not None:
        for at_ms, register_milliwh in cuts:
            if period.start_ms < at_ms < period.end_ms:
                until = quantity * (register_milliwh - period.start_register_milliwh) // period.energy_milliwh
                yield begun_ms, until - taken
                begun_ms, taken = at_ms, until
    yield begun_ms, quantity - taken


def _reductions(rated: RatedSession, *, tax_included: bool) -> dict[str, tuple[Decimal, Decimal]]:
    """Return what each category charged and the sum of its parts, for those where something was taken off all of it.

    A capped idle fee is no reduction of the energy: its cap counts as if the idle parts were lower.
    """
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for period in rated.periods:
        for part in period.parts:
            sums[part.tax_category] += part.amount
    off: defaultdict[str, Decimal] = defaultdict(Decimal)
    for adjustment in rated.adjustments:
        lowered = sums if adjustment.kind is AdjustmentKind.IDLE_CAP else off
        for share in adjustment.split:
            lowered[share.tax_category] += share.gross if tax_included else share.net
    charged = {total.tax_category: total.gross if tax_included else total.net for total in rated.totals}
    return {category: (charged[category], total) for category, total in sums.items() if total and off[category] < 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludedEnergy:
    """What of one part an allowance covers."""

    part: PeriodPart
    energy_milliwh: int


def share_pool(*, parts: Iterable[PeriodPart], included_milliwh: int) -> tuple[IncludedEnergy, ...]:
    """Let all parts draw on one allowance, earliest meter time first, until it is used up inside one of them.

    What costs nothing draws nothing: included energy is used only where it saves something.

    :raises ValueError: two parts share an id, or the allowance or an energy or price is negative
    """
    if included_milliwh < 0:
        raise ValueError(f"an allowance of {included_milliwh} mWh is negative")
    covered = []
    for part in _in_order(parts):
        energy_milliwh = min(part.energy_milliwh, included_milliwh)
        if part.price and energy_milliwh:
            included_milliwh -= energy_milliwh
            covered.append(IncludedEnergy(part=part, energy_milliwh=energy_milliwh))
    return tuple(covered)


def share_each(*, parts: Iterable[PeriodPart], included_milliwh: Mapping[str, int]) -> tuple[IncludedEnergy, ...]:
    """Let each owner's parts draw on its own allowance; who is not named has none.

    :raises ValueError: see ``share_pool``
    """
    by_owner: defaultdict[str, list[PeriodPart]] = defaultdict(list)
    for part in _in_order(parts):
        by_owner[part.owner].append(part)
    return tuple(
        covered
        for owner in sorted(by_owner.keys() & included_milliwh.keys())
        for covered in share_pool(parts=by_owner[owner], included_milliwh=included_milliwh[owner])
    )


def included_lines(covered: Iterable[IncludedEnergy], *, each_owner: bool = False) -> tuple[PeriodLine, ...]:
    """Return one credit per price and tax category ("−12.500 kWh × 0.39 included"), in order of first use.

    each_owner  a line of its own for each owner, as ``share_each`` divides
    """
    sums: dict[tuple[str, Decimal, str], int] = {}
    for cover in covered:
        owner = cover.part.owner if each_owner else ""
        key = (owner, cover.part.price, cover.part.tax_category)
        sums[key] = sums.get(key, 0) + cover.energy_milliwh
    return tuple(
        line_of(
            kind=LineKind.INCLUDED,
            quantity=-_kwh(energy_milliwh),
            price=price,
            words=f"−{_kwh_words(energy_milliwh)} kWh × {price:f} included",
            tax_category=category,
            owner=owner,
        )
        for (owner, price, category), energy_milliwh in sums.items()
    )


def _in_order(parts: Iterable[PeriodPart]) -> list[PeriodPart]:
    ordered = sorted(parts, key=lambda part: (part.metered_at_ms, part.part_id))
    ids = Counter(part.part_id for part in ordered)
    for part in ordered:
        if ids[part.part_id] > 1:
            raise ValueError(f"the part {part.part_id} is there twice")
        if part.energy_milliwh < 0 or part.price < 0:
            raise ValueError(f"the part {part.part_id} has a negative energy or price")
    return ordered


def prorate(*, included_milliwh: int, period_start: date, period_end: date, joined: date) -> int:
    """Return the allowance of who joins within a period: days left, the day of joining included, down to a whole Wh.

    period_end  not included; who joined before the period has all of it, who joins after it nothing

    :raises ValueError: the period has no day
    """
    days = (period_end - period_start).days
    if days <= 0:
        raise ValueError(f"no day lies between {period_start} and {period_end}")
    return prorate_days(
        included_milliwh=included_milliwh, days=min(max((period_end - joined).days, 0), days), of_days=days
    )


def prorate_days(*, included_milliwh: int, days: int, of_days: int) -> int:
    """Return an allowance for some days of a period, down to a whole Wh; 0 ≤ days ≤ of_days."""
    return included_milliwh * days // of_days // _MILLIWH_PER_WH * _MILLIWH_PER_WH


def local_month(at_ms: int, *, time_zone: str) -> date:
    """Return the first day of the local month in which an instant (UTC epoch ms) lies.

    The zone's rules of that very instant decide: an offset kept from the day a contract began would move the month's
    end by an hour in half of the year.

    :raises ValueError: no such zone
    """
    local = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone(time_zone))
    return date(local.year, local.month, 1)


def by_local_month(parts: Iterable[PeriodPart], *, time_zone: str) -> dict[date, tuple[PeriodPart, ...]]:
    """Sort parts into the local months of their meter times, months and parts ascending."""
    months: defaultdict[date, list[PeriodPart]] = defaultdict(list)
    for part in _in_order(parts):
        months[local_month(part.metered_at_ms, time_zone=time_zone)].append(part)
    return {month: tuple(months[month]) for month in sorted(months)}


def what_changes(
    *, billed: Sequence[tuple[Billed, PeriodLine]], due: Sequence[tuple[PeriodLine, Due]]
) -> tuple[list[Billed], list[tuple[PeriodLine, Due]]]:
    """Return what was billed and is no longer due, and what is due and not billed, each line answering for one.

    billed, due  lines with whatever the caller knows them by; the same order comes back

    A billed line is never edited: what is no longer due is taken back by ``reversed_line``, so that a late record makes
    a run that books only the difference.
    """
    unbilled = list(due)
    gone: list[Billed] = []
    for key, line in billed:
        same = next((pair for pair in unbilled if pair[0] == line), None)
        if same is None:
            gone.append(key)
        else:
            unbilled.remove(same)
    return gone, unbilled


def reversed_line(line: PeriodLine) -> PeriodLine:
    """Return the line that takes another one back."""
    return replace(
        line, kind=LineKind.REVERSAL, words=f"reversed: {line.words}", quantity=-line.quantity, amount=-line.amount
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletDebit:
    """What a wallet pays of an amount: ``paid`` is the one number that stands on the invoice and in the wallet."""

    paid: Decimal
    owed: Decimal
    balance: Decimal


def round_once(*, amount: Decimal, balance: Decimal, currency: str) -> WalletDebit:
    """Round an exact gross amount once and pay it from a wallet as far as that reaches.

    balance  ≥ 0, rounded to the currency's minor unit

    :raises ValueError: the amount or the balance is negative
    """
    if amount < 0 or balance < 0:
        raise ValueError("a wallet pays no negative amount and holds none")
    gross = round_half_up(amount, currency=currency)
    paid = min(gross, balance)
    return WalletDebit(paid=paid, owed=gross - paid, balance=balance - paid)


def _kwh(energy_milliwh: int) -> Decimal:
    return EXACT.divide(Decimal(energy_milliwh), Decimal(_MILLIWH_PER_KWH))


def _kwh_words(energy_milliwh: int) -> str:
    """Write kWh with three decimals, and more only where they are not zero."""
    whole = energy_milliwh % _MILLIWH_PER_WH == 0
    return f"{_kwh(energy_milliwh):.3f}" if whole else f"{_kwh(energy_milliwh):f}"
