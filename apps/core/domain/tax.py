"""Which tax, at what rate: rates by country and day, and the decision as one pure table.

Owns the rule book (TARIFFS.md "Which tax"). It is data: a new rate is a new row with the day it starts, never a changed
one, because an old supply keeps the rate of its day. Rates are fractions of the net (``0.19``), spans half-open dates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple


class NoTaxRate(LookupError):
    """The rule book has no rate for this country, category and day."""


class SellerNotRegistered(ValueError):
    """The seller has no tax registration in the charger's country on that day, so may not sell there."""


class TaxNotSupported(NotImplementedError):
    """The decision table has no such row yet; the message names it."""


class TaxCategory(StrEnum):
    """What a price component is taxed as; the rate follows from country and day."""

    STANDARD = "standard"
    REDUCED = "reduced"
    ZERO = "zero"
    EXEMPT = "exempt"


class SupplyKind(StrEnum):
    """Electricity and what goes with it is goods (CJEU C-282/22, C-60/23); fees and memberships are services."""

    GOODS_ELECTRICITY = "goods_electricity"
    SERVICE = "service"


class BuyerKind(StrEnum):
    """Who buys, as far as the place of supply depends on it."""

    PRIVATE = "private"
    BUSINESS = "business"
    RESELLER = "reseller"


class Treatment(StrEnum):
    """How a supply is taxed."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerStatus:
    """The buyer as the tax decision sees it.

    country, vat_id   of a business or reseller; None for a private person
    """

    kind: BuyerKind
    country: str | None = None
    vat_id: str | None = None

    def __post_init__(self) -> None:
        if self.kind is not BuyerKind.PRIVATE and not (self.country and self.vat_id):
            raise ValueError(f"a {self.kind} buyer needs a country and a VAT id")


PRIVATE: Final = BuyerStatus(kind=BuyerKind.PRIVATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A seller's tax registration in one country, valid from ``valid_from`` until before ``valid_to`` (None: open)."""

    country: str
    vat_id: str
    valid_from: date
    valid_to: date | None = None

    def is_valid(self, on: date) -> bool:
        """Tell whether the registration holds on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxDecision:
    """How one supply is taxed.

    country             whose tax it is (ISO 3166-1 alpha-2)
    en16931_category    UNTDID 5305 code of the e-invoice: S, Z, E, AE
    rate                fraction of the net
    legal_text          key of the sentence the document must carry, "" when none
    reason              why, in words for an operator
    seller_vat_id       the registration under which the seller sells
    """

    treatment: Treatment
    country: str
    category: TaxCategory
    en16931_category: str
    rate: Decimal
    legal_text: str
    reason: str
    seller_vat_id: str


class RateSpan(NamedTuple):
    """One rate from a day on, until before ``valid_to`` (None: until further notice)."""

    country: str
    category: TaxCategory
    rate: Decimal
    valid_from: date
    valid_to: date | None


def _spans(country: str, category: TaxCategory, *steps: tuple[str, str]) -> tuple[RateSpan, ...]:
    """Turn (first day, percent) steps into spans, each lasting until the next."""
    starts = [date.fromisoformat(day) for day, _ in steps]
    rates = [Decimal(percent) / 100 for _, percent in steps]
    ends: list[date | None] = [*starts[1:], None]
    return tuple(RateSpan(country, category, *span) for span in zip(rates, starts, ends, strict=True))


# (first day, percent) per country, standard rate. The first day is the earliest we vouch for, not the tax's birth.
_STANDARD_STEPS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "AT": (("1995-01-01", "20"),),
    # Belgium taxes household electricity at 6 %; public charging stays at the standard rate.
    "BE": (("1996-01-01", "21"),),
    "BG": (("2007-01-01", "20"),),
    "CH": (("2011-01-01", "8.0"), ("2018-01-01", "7.7"), ("2024-01-01", "8.1")),
    "CY": (("2014-01-13", "19"),),
    "CZ": (("2013-01-01", "21"),),
    "DE": (("2007-01-01", "19"), ("2020-07-01", "16"), ("2021-01-01", "19")),
    "DK": (("1992-01-01", "25"),),
    "EE": (("2009-07-01", "20"), ("2024-01-01", "22"), ("2025-07-01", "24")),
    "ES": (("2012-09-01", "21"),),
    "FI": (("2013-01-01", "24"), ("2024-09-01", "25.5")),
    "FR": (("2014-01-01", "20"),),
    "GB": (("2011-01-04", "20"),),
    "GR": (("2016-06-01", "24"),),
    "HR": (("2012-03-01", "25"),),
    "HU": (("2012-01-01", "27"),),
    "IE": (("2012-01-01", "23"), ("2020-09-01", "21"), ("2021-03-01", "23")),
    "IT": (("2013-10-01", "22"),),
    "LT": (("2009-09-01", "21"),),
    "LU": (("2015-01-01", "17"), ("2023-01-01", "16"), ("2024-01-01", "17")),
    "LV": (("2012-07-01", "21"),),
    "MT": (("2004-05-01", "18"),),
    "NL": (("2012-10-01", "21"),),
    "NO": (("2005-01-01", "25"),),
    "PL": (("2011-01-01", "23"),),
    "PT": (("2011-01-01", "23"),),
    "RO": (("2017-01-01", "19"), ("2025-08-01", "21")),
    "SE": (("1995-01-01", "25"),),
    "SI": (("2013-07-01", "22"),),
    "SK": (("2011-01-01", "20"), ("2025-01-01", "23")),
}

# The main reduced rate, only where it is certain; elsewhere ``NoTaxRate`` asks for the row instead of guessing.
_REDUCED_STEPS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "AT": (("1995-01-01", "10"),),
    "DE": (("2007-01-01", "7"), ("2020-07-01", "5"), ("2021-01-01", "7")),
    "FR": (("2014-01-01", "5.5"),),
    "NL": (("2012-10-01", "6"), ("2019-01-01", "9")),
}

RATES: Final[Mapping[tuple[str, TaxCategory], tuple[RateSpan, ...]]] = {
    (country, category): _spans(country, category, *steps)
    for category, book in (
        (TaxCategory.STANDARD, _STANDARD_STEPS),
        (TaxCategory.REDUCED, _REDUCED_STEPS),
    )
    for country, steps in book.items()
}

_UNTAXED: Final = frozenset({TaxCategory.ZERO, TaxCategory.EXEMPT})
_EN16931: Final[Mapping[TaxCategory, str]] = {
    TaxCategory.STANDARD: "S",
    TaxCategory.REDUCED: "S",
    TaxCategory.ZERO: "Z",
    TaxCategory.EXEMPT: "E",
}


def find_rate(*, country: str, category: TaxCategory, on: date) -> Decimal:
    """Return the rate of a category in a country on a day, as a fraction of the net (DE standard: 0.19).

    :raises NoTaxRate: the rule book has no such country, category or day
    """
    if category in _UNTAXED and (country, TaxCategory.STANDARD) in RATES:
        return Decimal(0)
    for span in RATES.get((country, category), ()):
        if span.valid_from <= on and (span.valid_to is None or on < span.valid_to):
            return span.rate
    raise NoTaxRate(f"no {category} tax rate for {country!r} on {on.isoformat()}")


class _Question(NamedTuple):
    """What a row of the decision table is asked."""

    country: str
    seller_registrations: tuple[Registration, ...]
    buyer: BuyerStatus
    category: TaxCategory
    on: date


def _electricity_at_the_charger(question: _Question) -> TaxDecision:
    """Tax where the electricity is consumed: the charger's country and rate, whoever buys for own use."""
    registration = _registration_in(question)
    return TaxDecision(
        treatment=Treatment.STANDARD,
        country=question.country,
        category=question.category,
        en16931_category=_EN16931[question.category],
        rate=find_rate(country=question.country, category=question.category, on=question.on),
        legal_text="",
        reason=f"electricity is goods, taxed where the charger stands ({question.country})",
        seller_vat_id=registration.vat_id,
    )


def _registration_in(question: _Question) -> Registration:
    """Return the seller's registration in the charger's country.

    :raises SellerNotRegistered: there is none on that day
    """
    for registration in question.seller_registrations:
        if registration.country == question.country and registration.is_valid(question.on):
            return registration
    raise SellerNotRegistered(f"the seller has no tax registration in {question.country} on {question.on.isoformat()}")


_TABLE: Final[Mapping[tuple[SupplyKind, BuyerKind], Callable[[_Question], TaxDecision]]] = {
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.PRIVATE): _electricity_at_the_charger,
    # A foreign business too: the place of supply is that of consumption (Directive 2006/112/EC, art. 39).
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.BUSINESS): _electricity_at_the_charger,
}


def decide_tax(
    *,
    supply: SupplyKind,
    country: str,
    seller_registrations: tuple[Registration, ...],
    buyer: BuyerStatus,
    on: date,
    category: TaxCategory = TaxCategory.STANDARD,
) -> TaxDecision:
    """Decide how a supply is taxed (TARIFFS.md "Which tax").

    country   the charger's (ISO 3166-1 alpha-2)
    on        the tax date: the local date of the end of supply

    :raises SellerNotRegistered: the seller has no registration there on that day
    :raises TaxNotSupported: the table has no row for this supply and buyer yet
    :raises NoTaxRate: the rule book has no rate for that country and day
    """
    row = _TABLE.get((supply, buyer.kind))
    if row is None:
        raise TaxNotSupported(f"no tax rule yet for {supply} sold to a {buyer.kind} buyer")
    return row(_Question(country, seller_registrations, buyer, category, on))
