"""Which VAT a charge record bears on a document: the rule book's answer, compared with the record's own rate."""

from decimal import Decimal

from apps.accounts.models import Organisation
from apps.contracts.models import Customer
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
from apps.invoices.errors import MixedTaxCategories, TaxDisagrees, TaxRefused
from apps.sessions.models import Cdr


def registrations_of(seller: Organisation) -> tuple[Registration, ...]:
    """Return the seller's VAT registrations as the rule book reads them."""
    return tuple(
        Registration(country=row.country.code, vat_id=row.vat_id, valid_from=row.valid_from, valid_to=row.valid_to)
        for row in seller.tax_registrations.order_by("country", "valid_from")
    )


def buyer_status(customer: Customer) -> BuyerStatus:
    """Return the customer as the rule book sees it; whoever gives no VAT identifier counts as a private person."""
    if customer.kind == Customer.Kind.PRIVATE or not customer.vat_id:
        return PRIVATE
    return BuyerStatus(kind=BuyerKind.BUSINESS, country=customer.country.code, vat_id=customer.vat_id)


def decide_for(cdr: Cdr, *, registrations: tuple[Registration, ...], buyer: BuyerStatus) -> TaxDecision:
    """Decide the VAT of one charge record: electricity, taxed where the charger stands, as of the end of supply.

    :raises TaxRefused: the seller may not sell there on that day, or the rule book has no row for the supply
    :raises TaxDisagrees: the record was rated with another rate
    :raises MixedTaxCategories: the record spans several categories
    """
    totals = cdr.document["totals"]
    if len(totals) > 1:
        raise MixedTaxCategories(f"charge record {cdr} spans {len(totals)} VAT categories, which one line cannot state")
    try:
        decision = decide_tax(
            supply=SupplyKind.GOODS_ELECTRICITY,
            country=cdr.session.station.location.country.code,
            seller_registrations=registrations,
            buyer=buyer,
            on=cdr.tax_date,
            category=TaxCategory(totals[0]["tax_category"]) if totals else TaxCategory.STANDARD,
        )
    except (SellerNotRegistered, TaxNotSupported, NoTaxRate) as refusal:
        raise TaxRefused(f"charge record {cdr}: {refusal}") from refusal
    if totals and Decimal(totals[0]["rate"]) != decision.rate:
        raise TaxDisagrees(
            f"charge record {cdr} was rated with VAT {totals[0]['rate']}, "
            f"the rule book says {decision.rate} in {decision.country} on {cdr.tax_date}"
        )
    return decision
