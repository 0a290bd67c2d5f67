"""Under which VAT an entry stands, as one short code that is kept with it: ``DE|S|0.1900``."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Vat:
    """Whose VAT, in which EN 16931 category (BT-118), at which rate.

    country  ISO 3166-1 alpha-2, whose rate it is; where the buyer owes the tax, the buyer's
    """

    country: str
    category: str
    rate: Decimal

    @property
    def code(self) -> str:
        return f"{self.country}|{self.category}|{self.rate:.4f}"

    @classmethod
    def from_code(cls, code: str) -> Self:
        """Read a code back.

        :raises ValueError: it is none
        """
        country, category, rate = code.split("|")
        return cls(country=country, category=category, rate=Decimal(rate))
