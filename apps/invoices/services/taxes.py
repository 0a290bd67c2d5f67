"""Which VAT a charge record bears on a document: the rule book's answer, compared with the record's own rate."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from apps.accounts.models import Organisation
from apps.contracts.models import Customer
from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import (
    PRIVATE,
    BuyerKind,
    BuyerStatus,
    NoTaxRate,
    Registration,
    SellerNotRegistered,
    SupplyKind,
    TaxCategory,
    TaxDecision,
    TaxNotSupported,
    decide_tax,
)
from apps.core.domain.vat_ids import is_vat_id
from apps.invoices.errors import TaxDisagrees, TaxRefused
from apps.sessions.models import Cdr, ChargingSession


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedPart:
    """What a charge record costs under one VAT category and rate; amounts rounded, in the record's currency.

    categories  the tariff's tax categories that come to it; empty: the record priced nothing
    """

    decision: TaxDecision
    net: Decimal
    gross: Decimal
    categories: tuple[str, ...] = ()


def buyer_status(customer: Customer) -> BuyerStatus:
    """Return the customer as the rule book sees it; whoever gives no VAT identifier counts as a private person.

    So does whoever gives one that is none of their country: a wrong number does not make the buyer owe the VAT.
    """
    country = customer.country.code
    if customer.kind == Customer.Kind.PRIVATE or not customer.vat_id or not is_vat_id(customer.vat_id, country=country):
        return PRIVATE
    return BuyerStatus(kind=BuyerKind.BUSINESS, country=country, vat_id=customer.vat_id)


def decide_fee(*, seller: Organisation, buyer: Organisation, on: date) -> TaxDecision:
    """Decide the VAT of a platform's fee: a service, taxed by where platform and owner are established.

    An owner without a VAT identifier in its own country counts as a private person.

    :raises TaxRefused: the platform is not registered at home, or the rule book has no row for it
    """
    home = next(
        (
            row
            for row in registrations_of(buyer)
            if row.country == buyer.country.code and row.is_valid(on) and is_vat_id(row.vat_id, country=row.country)
        ),
        None,
    )
    status = BuyerStatus(kind=BuyerKind.BUSINESS, country=buyer.country.code, vat_id=home.vat_id) if home else PRIVATE
    try:
        return decide_tax(
            supply=SupplyKind.SERVICE,
            country=seller.country.code,
            seller_registrations=registrations_of(seller),
            buyer=status,
            on=on,
        )
    except (SellerNotRegistered, TaxNotSupported, NoTaxRate) as refusal:
        raise TaxRefused(f"the fee of {seller} to {buyer}: {refusal}") from refusal


def country_of(session: ChargingSession) -> str:
    """Return the country in which the charger stands."""
    country: str = session.station.location.country.code
    return country


def decide_for(
    cdr: Cdr, *, country: str, registrations: tuple[Registration, ...], buyer: BuyerStatus
) -> tuple[TaxedPart, ...]:
    """Decide the VAT of one charge record: electricity, taxed where the charger stands, as of the end of supply.

    country  see ``country_of``; whoever decides for many asks once a station

    Returns a part for each VAT category and rate, in the order of the record's totals; a record without any costs
    nothing under the standard rate.

    :raises TaxRefused: the seller may not sell there on that day, or the rule book has no row for the supply
    :raises TaxDisagrees: the record was rated with another rate
    """
    totals = cdr.document["totals"]
    if not totals:
        decision = _decide(cdr, TaxCategory.STANDARD, country=country, registrations=registrations, buyer=buyer)
        return (TaxedPart(decision=decision, net=cdr.net.amount, gross=cdr.gross.amount),)
    parts: dict[tuple[str, Decimal], TaxedPart] = {}
    for total in totals:
        decision = _decide(
            cdr, TaxCategory(total["tax_category"]), country=country, registrations=registrations, buyer=buyer
        )
        _check_rate(cdr, total["rate"], decision)
        key = decision.en16931_category, decision.rate
        before = parts.get(key)
        parts[key] = TaxedPart(
            decision=decision,
            net=Decimal(total["net"]) + (before.net if before else 0),
            gross=Decimal(total["gross"]) + (before.gross if before else 0),
            categories=(*(before.categories if before else ()), total["tax_category"]),
        )
    return tuple(parts.values())


def _decide(
    cdr: Cdr, category: TaxCategory, *, country: str, registrations: tuple[Registration, ...], buyer: BuyerStatus
) -> TaxDecision:
    try:
        return _decide_electricity(country, category, registrations, buyer, cdr.tax_date)
    except (SellerNotRegistered, TaxNotSupported, NoTaxRate) as refusal:
        raise TaxRefused(f"charge record {cdr}: {refusal}") from refusal


@lru_cache(maxsize=4096)
def _decide_electricity(
    country: str, category: TaxCategory, registrations: tuple[Registration, ...], buyer: BuyerStatus, on: date
) -> TaxDecision:
    """Ask the rule book, whose answer depends on nothing else; a run asks the same for most of its records."""
    return decide_tax(
        supply=SupplyKind.GOODS_ELECTRICITY,
        country=country,
        seller_registrations=registrations,
        buyer=buyer,
        on=on,
        category=category,
    )


def _check_rate(cdr: Cdr, rated_with: str, decision: TaxDecision) -> None:
    if Decimal(rated_with) != decision.rate:
        raise TaxDisagrees(
            f"charge record {cdr} was rated with VAT {rated_with}, "
            f"the rule book says {decision.rate} in {decision.country} on {cdr.tax_date}"
        )
