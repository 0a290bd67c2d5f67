"""The smallest amounts that Stripe charges a card with (docs.stripe.com/currencies, "Minimum and maximum charge")."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT, minor_unit

_LEAST: Final[Mapping[str, str]] = {
    "AED": "2.00", "AUD": "0.50", "BRL": "0.50", "CAD": "0.50", "CHF": "0.50", "CZK": "15.00", "DKK": "2.50",
    "EUR": "0.50", "GBP": "0.30", "HKD": "4.00", "HUF": "175.00", "INR": "0.50", "JPY": "50", "MXN": "10.00",
    "MYR": "2.00", "NOK": "3.00", "NZD": "0.50", "PLN": "2.00", "RON": "2.00", "SEK": "3.00", "SGD": "0.50",
    "THB": "10.00", "USD": "0.50",
}  # fmt: skip


def least_charge(currency: str) -> Decimal:
    """Return the smallest amount Stripe takes, what a charge comes to below it is waived; else one minor unit.

    :raises UnknownCurrency: no ISO 4217 code
    """
    one_minor_unit = Decimal(1).scaleb(-minor_unit(currency), context=EXACT)
    return Decimal(_LEAST.get(currency, one_minor_unit))
