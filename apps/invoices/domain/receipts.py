"""What a receipt, a simplified invoice without a buyer, may come to; how long a full one may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

REPLACEABLE_FOR: Final = timedelta(days=30)

# Country → currency and the most that a simplified invoice may come to, VAT included. Directive 2006/112/EC grants
# EUR 100 in every member state (art. 220a) and lets a state allow up to EUR 400 (art. 238).
_CEILINGS: Final[Mapping[str, tuple[str, str]]] = {
    "AT": ("EUR", "400"),  # UStG 1994 § 11 (6)
    "CH": ("CHF", "400"),  # MWSTV art. 57
    "DE": ("EUR", "250"),  # UStDV § 33
    "ES": ("EUR", "400"),  # Real Decreto 1619/2012 art. 4 (1)
    "FR": ("EUR", "150"),  # CGI annexe II art. 242 nonies A: 150 before VAT; held to gross, it is never too much
    "GB": ("GBP", "250"),  # VAT Notice 700 § 16.6
    "IT": ("EUR", "400"),  # DM 10 May 2019
    "NL": ("EUR", "100"),  # Wet OB 1968 art. 34d
    "PL": ("PLN", "450"),  # Ustawa o VAT art. 106e (5) 3
}
_IN_THE_UNION: Final = ("EUR", "100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Whom a full invoice names (EN 16931 BG-7); vat_id may be blank."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str = ""


def receipt_ceiling(country: str, *, currency: str) -> Decimal | None:
    """Return up to what gross amount a receipt needs no buyer; None where no ceiling in that currency is known.

    country  ISO 3166-1 alpha-2, of the supply
    """
    own_currency, ceiling = _CEILINGS.get(country, _IN_THE_UNION)
    return Decimal(ceiling) if own_currency == currency else None


def is_above_ceiling(gross: Decimal, *, currency: str, country: str) -> bool:
    """Return whether a supply of this amount needs a full invoice, with its buyer."""
    ceiling = receipt_ceiling(country, currency=currency)
    return ceiling is not None and gross > ceiling


def is_replaceable(*, issued_at: datetime, at: datetime) -> bool:
    """Return whether a receipt may still be replaced by a full invoice."""
    return at <= issued_at + REPLACEABLE_FOR
