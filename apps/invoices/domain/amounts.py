"""The money of a document: line amounts, VAT per category, totals (TARIFFS.md, Rounding and tax).

Two rules, chosen by who buys. Worked with 19 % VAT:

    net    lines 10.01 + 10.01 → net 20.02, VAT round(20.02 × 0.19 = 3.8038) = 3.80, gross 23.82
    gross  lines 11.91 + 11.91 → gross 23.82; line nets round(11.91 ÷ 1.19 = 10.0084) = 10.01, so net 20.02,
           VAT 23.82 − 20.02 = 3.80

Either way EN 16931 BR-CO-10 (Σ line net = net), BR-CO-14 (Σ category VAT = VAT) and BR-CO-15 (net + VAT = gross)
hold to the cent. Rounding is half away from zero, so a credit note's amounts mirror what it credits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.core.domain.money import EXACT, from_minor, round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAmounts:
    """What one line adds to a document.

    category  EN 16931 VAT category code (BT-151) · rate  fraction of the net
    net       rounded (BT-131) · gross  rounded; None on documents that state net amounts
    """

    category: str
    rate: Decimal
    net: Decimal
    gross: Decimal | None

    @property
    def stated(self) -> Decimal:
        """The amount that the document states for the line."""
        return self.net if self.gross is None else self.gross

    def __neg__(self) -> "LineAmounts":
        gross = None if self.gross is None else -self.gross
        return LineAmounts(category=self.category, rate=self.rate, net=-self.net, gross=gross)


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryAmounts:
    """One row of the VAT breakdown (EN 16931 BG-23): ``net`` BT-116, ``tax`` BT-117."""

    category: str
    rate: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentAmounts:
    """The totals of a document: ``net`` BT-109, ``tax`` BT-110, ``gross`` BT-112; categories by code and rate."""

    net: Decimal
    tax: Decimal
    gross: Decimal
    categories: tuple[CategoryAmounts, ...]


def line_amounts(
    *, category: str, rate: Decimal, net: Decimal, gross: Decimal, amounts_are_gross: bool, currency: str
) -> LineAmounts:
    """State a charge record's rounded ``net`` and ``gross`` as a line of a net or a gross document."""
    if not amounts_are_gross:
        return LineAmounts(category=category, rate=rate, net=net, gross=None)
    return LineAmounts(
        category=category,
        rate=rate,
        net=round_half_up(EXACT.divide(gross, 1 + rate), currency=currency),
        gross=gross,
    )


def total_up(lines: Sequence[LineAmounts], *, currency: str) -> DocumentAmounts:
    """Add the lines of one document: tax per category, then totals; no line gives zeros.

    :raises ValueError: some lines state gross amounts and some do not
    """
    if len({line.gross is None for line in lines}) > 1:
        raise ValueError("a document states either net or gross amounts")
    categories = tuple(
        _category([line for line in lines if (line.category, line.rate) == key], currency)
        for key in sorted({(line.category, line.rate) for line in lines})
    )
    net = _sum((line.net for line in lines), currency)
    tax = _sum((category.tax for category in categories), currency)
    return DocumentAmounts(net=net, tax=tax, gross=net + tax, categories=categories)


def _category(lines: Sequence[LineAmounts], currency: str) -> CategoryAmounts:
    """Tax one category: on its net sum, or what its gross lines contain."""
    category, rate = lines[0].category, lines[0].rate
    net = _sum((line.net for line in lines), currency)
    gross = [line.gross for line in lines if line.gross is not None]
    tax = _sum(gross, currency) - net if gross else round_half_up(EXACT.multiply(net, rate), currency=currency)
    return CategoryAmounts(category=category, rate=rate, net=net, tax=tax)


def _sum(amounts: Iterable[Decimal], currency: str) -> Decimal:
    return sum(amounts, from_minor(0, currency=currency))
