"""Which tax, at what rate: rates by country and day, and the decision as one pure table.

Owns the rule book (TARIFFS.md "Which tax"). It is data: a new rate is a new row with the day it starts, never a changed
one, because an old supply keeps the rate of its day. Rates are fractions of the net (``0.19``), spans half-open dates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple


class NoTaxRate(LookupError):
    """The rule book has no rate for this country, category and day."""


class SellerNotRegistered(ValueError):
    """The seller has no tax registration where one is needed on that day, so may not sell there."""


class TaxNotSupported(NotImplementedError):
    """The decision table does not reach so far; the message names the supply."""


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
    OUTSIDE_SCOPE = "outside_scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerStatus:
    """The buyer as the tax decision sees it.

    country   where a business or reseller is established; None for a private person
    vat_id    its VAT identifier, outside the Union its number as a business there; without one a buyer is private
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

    country             whose tax it is (ISO 3166-1 alpha-2): the place of supply
    en16931_category    UNTDID 5305 code of the e-invoice: S, Z, E, AE, O
    rate                fraction of the net
    legal_text          key of the sentence the document must carry, "" when none: reverse_charge, outside_scope
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
    "IS": (("2015-01-01", "24"),),
    "IT": (("2013-10-01", "22"),),
    # Liechtenstein is in Switzerland's VAT territory, Monaco in France's.
    "LI": (("2011-01-01", "8.0"), ("2018-01-01", "7.7"), ("2024-01-01", "8.1")),
    "LT": (("2009-09-01", "21"),),
    "LU": (("2015-01-01", "17"), ("2023-01-01", "16"), ("2024-01-01", "17")),
    "LV": (("2012-07-01", "21"),),
    "MC": (("2014-01-01", "20"),),
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


# The Union's VAT territory by the countries of ISO 3166-1; Monaco counts with France (Directive 2006/112/EC, art. 7).
_UNION: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MC MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
_LEFT_UNION: Final[Mapping[str, date]] = {"GB": date(2021, 1, 1)}

# Where a domestic sale of electricity to a reseller is under reverse charge (art. 199a (1) (e), an option of each
# member state), from and until before which day. Only where it is certain; elsewhere the domestic rate is charged.
_DOMESTIC_REVERSE_CHARGE: Final[Mapping[str, tuple[date, date | None]]] = {
    "AT": (date(2014, 1, 1), None),  # UStBBKV § 2 Z 3
    "DE": (date(2013, 9, 1), None),  # UStG § 13b Abs. 2 Nr. 5 b
    "IT": (date(2015, 1, 1), date(2027, 1, 1)),  # DPR 633/1972 art. 17 (6) d-quater
}


def is_in_union(country: str, *, on: date) -> bool:
    """Tell whether a country is in the Union's VAT territory on a day."""
    return country in _UNION or on < _LEFT_UNION.get(country, date.min)


class _Where(StrEnum):
    """Where the buyer is established, seen from the seller; a private person's home is of no matter."""

    HOME = "in the seller's country"
    UNION = "in another member state"
    OUTSIDE = "outside the Union"


class _Place(StrEnum):
    """Whose country is the place of supply."""

    CHARGER = "charger"
    SELLER = "seller"
    BUYER = "buyer"


class _Rule(NamedTuple):
    """A row of the decision table.

    reason  in words for an operator, with the article of Directive 2006/112/EC
    """

    treatment: Treatment
    place: _Place
    reason: str


_CONSUMED: Final = _Rule(
    Treatment.STANDARD, _Place.CHARGER, "electricity is goods, taxed where the charger stands ({country}), art. 39"
)
_FOREIGN_SERVICE: Final = _Rule(
    Treatment.REVERSE_CHARGE, _Place.BUYER, "a service to a business in {country}, which owes the tax, art. 44 and 196"
)
_EXPORTED_SERVICE: Final = _Rule(
    Treatment.OUTSIDE_SCOPE, _Place.BUYER, "a service to a business in {country}, outside the Union, art. 44"
)
_HOME_SERVICE: Final = _Rule(
    Treatment.STANDARD, _Place.SELLER, "a service to a business in the seller's own country ({country}), art. 44"
)

_TABLE: Final[Mapping[tuple[SupplyKind, BuyerKind, _Where], _Rule]] = {
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.PRIVATE, _Where.HOME): _CONSUMED,
    # A foreign business that charges for its own use pays the charger's country too (CJEU C-282/22, C-60/23).
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.BUSINESS, _Where.HOME): _CONSUMED,
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.BUSINESS, _Where.UNION): _CONSUMED,
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.BUSINESS, _Where.OUTSIDE): _CONSUMED,
    # ``_domestic`` turns this row into reverse charge where national law has it so.
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.RESELLER, _Where.HOME): _Rule(
        Treatment.STANDARD, _Place.BUYER, "electricity to a reseller in the seller's own country ({country}), art. 38"
    ),
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.RESELLER, _Where.UNION): _Rule(
        Treatment.REVERSE_CHARGE,
        _Place.BUYER,
        "electricity to a reseller in {country}, which owes the tax, art. 38 and 195",
    ),
    (SupplyKind.GOODS_ELECTRICITY, BuyerKind.RESELLER, _Where.OUTSIDE): _Rule(
        Treatment.OUTSIDE_SCOPE, _Place.BUYER, "electricity to a reseller in {country}, outside the Union, art. 38"
    ),
    (SupplyKind.SERVICE, BuyerKind.PRIVATE, _Where.HOME): _Rule(
        Treatment.STANDARD,
        _Place.SELLER,
        "a service to a private person, taxed in the seller's country ({country}), art. 45",
    ),
    (SupplyKind.SERVICE, BuyerKind.BUSINESS, _Where.HOME): _HOME_SERVICE,
    (SupplyKind.SERVICE, BuyerKind.BUSINESS, _Where.UNION): _FOREIGN_SERVICE,
    (SupplyKind.SERVICE, BuyerKind.BUSINESS, _Where.OUTSIDE): _EXPORTED_SERVICE,
    (SupplyKind.SERVICE, BuyerKind.RESELLER, _Where.HOME): _HOME_SERVICE,
    (SupplyKind.SERVICE, BuyerKind.RESELLER, _Where.UNION): _FOREIGN_SERVICE,
    (SupplyKind.SERVICE, BuyerKind.RESELLER, _Where.OUTSIDE): _EXPORTED_SERVICE,
}

# O, not G: G exempts goods that leave the Union (art. 146), whereas here nothing is supplied inside it. A document with
# O bears no other category and no VAT identifier (EN 16931 BR-O-02, BR-O-11), so such a line needs one of its own.
_UNTAXED_CATEGORY: Final = {Treatment.REVERSE_CHARGE: "AE", Treatment.OUTSIDE_SCOPE: "O"}


def decide_tax(
    *,
    supply: SupplyKind,
    country: str,
    seller_registrations: tuple[Registration, ...],
    buyer: BuyerStatus,
    on: date,
    category: TaxCategory = TaxCategory.STANDARD,
    seller_country: str | None = None,
) -> TaxDecision:
    """Decide how a supply is taxed (TARIFFS.md "Which tax").

    country         of electricity the charger's, of a service the seller's (ISO 3166-1 alpha-2)
    on              the tax date: the local date of the end of supply
    seller_country  where the seller is established; None: in ``country``

    :raises SellerNotRegistered: the seller has no registration in ``country``, or where tax is due, on that day
    :raises TaxNotSupported: what is sold across a border from outside the Union
    :raises NoTaxRate: the rule book has no rate for that country and day
    """
    seller_country = seller_country or country
    where = _where(buyer, seller_country=seller_country, on=on)
    rule = _domestic(_TABLE[supply, buyer.kind, where], where, buyer=buyer, on=on)
    registration = _registration_in(country, seller_registrations, on=on)
    place = {_Place.CHARGER: country, _Place.SELLER: seller_country, _Place.BUYER: buyer.country or ""}[rule.place]
    reason = rule.reason.format(country=place)
    if rule.treatment is Treatment.STANDARD:
        return TaxDecision(
            treatment=rule.treatment,
            country=place,
            category=category,
            en16931_category=_EN16931[category],
            rate=find_rate(country=place, category=category, on=on),
            legal_text="",
            reason=reason,
            seller_vat_id=_registration_in(place, seller_registrations, on=on).vat_id,
        )
    if not (is_in_union(country, on=on) and is_in_union(seller_country, on=on)):
        raise TaxNotSupported(f"no tax rule for {supply} from outside the Union to a {buyer.kind} buyer in {place}")
    return TaxDecision(
        treatment=rule.treatment,
        country=place,
        category=category,
        en16931_category=_UNTAXED_CATEGORY[rule.treatment],
        rate=Decimal(0),
        legal_text=rule.treatment.value,
        reason=reason,
        seller_vat_id=registration.vat_id,
    )


def _where(buyer: BuyerStatus, *, seller_country: str, on: date) -> _Where:
    if buyer.country is None or buyer.kind is BuyerKind.PRIVATE or buyer.country == seller_country:
        return _Where.HOME
    return _Where.UNION if is_in_union(buyer.country, on=on) else _Where.OUTSIDE


def _domestic(rule: _Rule, where: _Where, *, buyer: BuyerStatus, on: date) -> _Rule:
    """Turn a domestic sale to a reseller into reverse charge where national law has it so on that day."""
    if rule.place is not _Place.BUYER or where is not _Where.HOME:
        return rule
    first_day, end = _DOMESTIC_REVERSE_CHARGE.get(buyer.country or "", (date.max, None))
    if first_day <= on and (end is None or on < end):
        return rule._replace(treatment=Treatment.REVERSE_CHARGE, reason=f"{rule.reason} and 199a")
    return rule


def _registration_in(country: str, registrations: tuple[Registration, ...], *, on: date) -> Registration:
    """Return the seller's registration in a country.

    :raises SellerNotRegistered: there is none on that day
    """
    for registration in registrations:
        if registration.country == country and registration.is_valid(on):
            return registration
    raise SellerNotRegistered(f"the seller has no tax registration in {country} on {on.isoformat()}")
