"""Amounts as Stripe counts them: integers of its own minor units (docs.stripe.com/currencies).

They are ISO 4217's but for three currencies: Stripe keeps two decimals for ISK and UGX, which must be zeros, and none
for MGA.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT, NotRounded, minor_unit

STRIPE_EXPONENTS: Final[Mapping[str, int]] = {"ISK": 2, "UGX": 2, "MGA": 0}


def _exponent(currency: str) -> int:
    return STRIPE_EXPONENTS.get(currency, minor_unit(currency))


def to_stripe(amount: Decimal, *, currency: str) -> int:
    """Return a rounded amount as Stripe's integer: 12.34 EUR → 1234, 500 JPY → 500, 1.250 KWD → 1250, 9 ISK → 900.

    :raises NotRounded: Stripe has no integer for this amount; this function never rounds
    """
    scaled = amount.scaleb(_exponent(currency), context=EXACT)
    if scaled != scaled.to_integral_value(context=EXACT):
        raise NotRounded(f"{amount} {currency} is no whole number of Stripe's minor units")
    return int(scaled)


def from_stripe(amount: int, *, currency: str) -> Decimal:
    """Return Stripe's integer as an amount with the currency's own decimals: 1234 EUR → 12.34, 900 ISK → 9."""
    exact = Decimal(amount).scaleb(-_exponent(currency), context=EXACT)
    return exact.quantize(Decimal(1).scaleb(-minor_unit(currency)), context=EXACT)
