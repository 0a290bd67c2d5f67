"""How a charge of a period is taxed, as one short key that is stored with it: ``DE|S|0.1900|net``."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from apps.core.domain.money import EXACT, round_half_up
from apps.core.domain.tax import TaxDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Whose VAT in which EN 16931 category at which rate, and whether amounts are stated with it.

    country  whose rate it is; where the buyer owes the tax, the buyer's
    """

    country: str
    category: str
    rate: Decimal
    tax_included: bool

    @classmethod
    def of(cls, decision: TaxDecision, *, tax_included: bool) -> Self:
        return cls(
            country=decision.country,
            category=decision.en16931_category,
            rate=decision.rate,
            tax_included=tax_included,
        )

    @classmethod
    def from_key(cls, key: str) -> Self:
        """Read a key back."""
        country, category, rate, side = key.split("|")
        return cls(country=country, category=category, rate=Decimal(rate), tax_included=side == "gross")

    @property
    def key(self) -> str:
        return "|".join((self.country, self.category, f"{self.rate:.4f}", "gross" if self.tax_included else "net"))

    def round(self, amount: Decimal, *, currency: str) -> tuple[Decimal, Decimal]:
        """Round an exact amount once, on its own side of the tax; return net and gross."""
        stated = round_half_up(amount, currency=currency)
        if self.tax_included:
            return round_half_up(EXACT.divide(stated, 1 + self.rate), currency=currency), stated
        return stated, stated + round_half_up(EXACT.multiply(stated, self.rate), currency=currency)
