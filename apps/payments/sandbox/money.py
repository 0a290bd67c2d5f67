"""Stripe's arithmetic: smallest amounts, exponents and the fee. All amounts are integer minor units."""

from apps.payments.sandbox.errors import Refusal

# docs.stripe.com/currencies: the smallest charge per currency; where Stripe names none, one unit that it can settle.
MINIMUM_CHARGE = {
    "aed": 200, "aud": 50, "bhd": 10, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jod": 10, "jpy": 50, "krw": 1, "kwd": 10, "mxn": 1000,
    "myr": 200, "nok": 300, "nzd": 50, "omr": 10, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
    "tnd": 10, "usd": 50,
}  # fmt: skip
NO_DECIMALS = frozenset({"jpy", "krw"})
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
MAXIMUM_CHARGE = 99_999_999
FEE_PER_MILLE = 15
FEE_FIXED = 25
DEBIT_FEE = 35
"""What a SEPA debit costs that is paid."""
FAILED_DEBIT_FEE = 350
"""What a SEPA debit costs that the bank refuses; then it costs nothing else."""
DISPUTE_FEE = 2000
"""What a dispute costs, also one that is won."""


def check_charge_amount(amount: int, currency: str, *, param: str = "amount") -> None:
    """Refuse an amount that Stripe cannot charge.

    :raises Refusal: unknown currency, too small, too large, or three decimals with a last digit other than 0
    """
    minimum = MINIMUM_CHARGE.get(currency)
    if minimum is None:
        raise Refusal(f"Invalid currency: {currency}", param="currency")
    if amount < minimum:
        raise Refusal(
            f"Amount must be at least {printed(minimum, currency)}",
            code="amount_too_small",
            param=param,
        )
    if amount > MAXIMUM_CHARGE:
        raise Refusal(
            f"Amount must be no more than {printed(MAXIMUM_CHARGE, currency)}",
            code="amount_too_large",
            param=param,
        )
    if currency in THREE_DECIMALS and amount % 10:
        raise Refusal(f"Amounts in {currency} must end in 0", code="parameter_invalid_integer", param=param)


def fee(amount: int) -> int:
    """Return Stripe's fee for a captured amount: 1.5 % rounded half up, plus 25 minor units.

    3000 → 45 + 25 = 70; 1033 → 15.495 → 15 + 25 = 40; 1100 → 16.5 → 17 + 25 = 42
    """
    return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED


def printed(amount: int, currency: str) -> str:
    """Write minor units for people: ``12.50 EUR``, ``50 JPY``, ``1.250 KWD``."""
    exponent = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    if exponent == 0:
        return f"{amount} {currency.upper()}"
    whole, part = divmod(amount, 10**exponent)
    return f"{whole}.{part:0{exponent}} {currency.upper()}"
