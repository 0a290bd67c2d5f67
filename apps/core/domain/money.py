"""Currencies' minor units and the one rounding function.

Owns how an exact ``Decimal`` becomes posted money. Invariants: rounding is half up (ties away from zero, so that a
credit mirrors its charge), happens only where TARIFFS.md "Rounding" says so, and no float is ever involved.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from itertools import chain, repeat
from typing import Final

EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Wide enough that no product of a price, a quantity and a rate is cut; independent of the thread's own context."""


class UnknownCurrency(ValueError):
    """The code is no active ISO 4217 currency with a minor unit."""


class NotRounded(ValueError):
    """The amount has more decimals than its currency's minor unit."""


def _with_exponent(exponent: int, codes: str) -> Iterable[tuple[str, int]]:
    return zip(codes.split(), repeat(exponent))


# ISO 4217 list one, active codes ("-" minor units such as gold are no money here).
MINOR_UNITS: Final[Mapping[str, int]] = dict(
    chain(
        _with_exponent(0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        _with_exponent(
            2,
            "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
            "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
            "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
            "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
            "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED "
            "VES WST XCD XCG YER ZAR ZMW ZWG",
        ),
        _with_exponent(3, "BHD IQD JOD KWD LYD OMR TND"),
        _with_exponent(4, "CLF UYW"),
    )
)

_QUANTA: Final = {exponent: Decimal(1).scaleb(-exponent) for exponent in (0, 2, 3, 4)}


def minor_unit(currency: str) -> int:
    """Return how many decimals the currency's smallest amount has (EUR 2, JPY 0, KWD 3; ISO 4217).

    :raises UnknownCurrency: no active ISO 4217 code in capitals
    """
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is no ISO 4217 currency code") from None


def plain(amount: Decimal) -> str:
    """Write an amount as API and webhooks do: neither an exponent nor needless zeros (``5.95``, ``1000``)."""
    return f"{amount.normalize():f}"


def round_half_up(amount: Decimal, *, currency: str) -> Decimal:
    """Round an exact amount to the currency's minor unit, ties away from zero.

    :raises UnknownCurrency: see ``minor_unit``
    """
    # The context's own method takes no keywords and costs a quarter of the number's.
    return EXACT.quantize(amount, _QUANTA[minor_unit(currency)])


def to_minor(amount: Decimal, *, currency: str) -> int:
    """Return a rounded amount as a count of minor units (1.23 EUR → 123).

    :raises NotRounded: the amount has a fraction of a minor unit; this function never rounds
    """
    rounded = round_half_up(amount, currency=currency)
    if rounded != amount:
        raise NotRounded(f"{amount} {currency} is not rounded to {minor_unit(currency)} decimals")
    return int(rounded.scaleb(minor_unit(currency), context=EXACT))


def from_minor(minor: int, *, currency: str) -> Decimal:
    """Return a count of minor units as an amount with the currency's decimals (123 EUR → 1.23)."""
    return Decimal(minor).scaleb(-minor_unit(currency), context=EXACT)


def allot(total: Decimal, weights: Sequence[Decimal], *, currency: str) -> tuple[Decimal, ...]:
    """Split a rounded total pro rata by largest remainder, so that the shares add up to it exactly.

    The earlier share wins a tie. A negative total is split as its mirror image; a weight of zero gets nothing.

    :raises NotRounded: the total has a fraction of a minor unit
    :raises ValueError: a weight is negative, or all are zero while the total is not
    """
    whole = to_minor(total, currency=currency)
    parts = _as_integers(weights)
    if any(part < 0 for part in parts):
        raise ValueError("a weight is negative")
    shares = _largest_remainder(abs(whole), parts)
    sign = -1 if whole < 0 else 1
    return tuple(from_minor(sign * share, currency=currency) for share in shares)


def _as_integers(weights: Sequence[Decimal]) -> list[int]:
    """Scale decimals to integers of the same proportions."""
    decimals = max((max(0, -int(weight.as_tuple().exponent)) for weight in weights), default=0)
    return [int(weight.scaleb(decimals, context=EXACT)) for weight in weights]


def _largest_remainder(whole: int, weights: Sequence[int]) -> list[int]:
    """Split ``whole`` ≥ 0 over integer weights ≥ 0."""
    weight_sum = sum(weights)
    if weight_sum == 0:
        if whole:
            raise ValueError("nothing to allot to: every weight is zero")
        return [0] * len(weights)
    quotas = [divmod(whole * weight, weight_sum) for weight in weights]
    shares = [quotient for quotient, _ in quotas]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-quotas[index][1], index))
    for index in by_remainder[: whole - sum(shares)]:
        shares[index] += 1
    return shares
