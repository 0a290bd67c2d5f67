"""How much VAT a written-off amount corrects.

A gross amount is split over its document's VAT categories pro rata (largest remainder), and each part into net and VAT
at the category's own proportion, rounded half up. What a further write-off or a late payment moves is the difference
of two such splits, so that after the last cent of it is paid every category is back at zero::

    119.00 of 119.00 (S 19 %)        →  100.00 bad debt + 19.00 VAT
    paid late 50.00, left 69.00      →   57.98          + 11.02      moved back  42.02 + 7.98
    paid late 69.00, left  0.00      →    0.00          +  0.00      moved back  57.98 + 11.02
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from apps.core.domain.money import EXACT, allot, from_minor, round_half_up
from apps.ledger.domain.vat import Vat


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryShare:
    """So much of an amount is under one VAT category (EN 16931 BT-118) and rate; net and tax rounded, signed.

    country  whose VAT it is; within a document category and rate say it already
    """

    category: str
    rate: Decimal
    net: Decimal
    tax: Decimal
    country: str = ""

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    @property
    def vat(self) -> str:
        """Return the code under which it is posted; blank where the country is not known."""
        return Vat(country=self.country, category=self.category, rate=self.rate).code if self.country else ""

    @property
    def key(self) -> tuple[str, Decimal]:
        return self.category, self.rate


def split_gross(amount: Decimal, categories: Sequence[CategoryShare], *, currency: str) -> tuple[CategoryShare, ...]:
    """Split a gross amount ≥ 0 over what is left of a document's categories.

    :raises ValueError: there is an amount and no category has anything
    """
    parts = allot(amount, [max(row.gross, Decimal(0)) for row in categories], currency=currency)
    return tuple(_part(row, part, currency=currency) for row, part in zip(categories, parts, strict=True))


def _part(row: CategoryShare, gross: Decimal, *, currency: str) -> CategoryShare:
    tax = from_minor(0, currency=currency)
    if gross:
        tax = round_half_up(EXACT.divide(EXACT.multiply(gross, row.tax), row.gross), currency=currency)
    return replace(row, net=gross - tax, tax=tax)


def added_up(rows: Sequence[CategoryShare]) -> tuple[CategoryShare, ...]:
    """Add up the rows of each category and rate, in order of first appearance."""
    sums: dict[tuple[str, Decimal], CategoryShare] = {}
    for row in rows:
        known = sums.get(row.key)
        sums[row.key] = row if known is None else _sum(known, row)
    return tuple(sums.values())


def _sum(one: CategoryShare, other: CategoryShare) -> CategoryShare:
    country = one.country or other.country
    return replace(one, net=one.net + other.net, tax=one.tax + other.tax, country=country)


def moved(*, before: Sequence[CategoryShare], after: Sequence[CategoryShare]) -> tuple[CategoryShare, ...]:
    """Return by how much each category changes; categories that do not are left out."""
    minus = [replace(row, net=-row.net, tax=-row.tax) for row in before]
    return tuple(row for row in added_up([*after, *minus]) if row.net or row.tax)
