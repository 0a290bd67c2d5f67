"""Reading taxed top-ups: what is left of each, which of them may pay for a charge record, how the next one is taxed."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from django.db.models import Q, Sum

from apps.contracts.models import ContractPlan
from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import (
    NoTaxRate,
    SellerNotRegistered,
    SupplyKind,
    TaxCategory,
    TaxNotSupported,
    decide_tax,
    find_rate,
)
from apps.invoices.models import Invoice, InvoiceTax, PrepaidRecord
from apps.invoices.services.taxes import buyer_status
from apps.payments.domain.vouchers import Lot, VoucherTax, choose
from apps.payments.models import Wallet, WalletMovement
from apps.payments.wallets import Kind
from apps.sessions.models import Cdr
from apps.stations.models import Location
from apps.tariffs.models import TariffVersion


def lots_of(wallet: Wallet) -> list[Lot]:
    """Return the taxed top-ups of which something is left, the oldest first."""
    paid_in = wallet.movements.filter(kind=Kind.TOP_UP, lot__isnull=False).order_by("lot").values_list("lot", flat=True)
    return [lot for payment_id in paid_in if (lot := get_lot(wallet, payment_id)).left > 0]


def get_lot(wallet: Wallet, payment_id: int) -> Lot:
    """Return a taxed top-up as its movements left it."""
    sums = wallet.movements.filter(lot=payment_id).aggregate(left=Sum("amount"), tax=Sum("tax"))
    return Lot(
        payment_id, Decimal(sums["left"]), Decimal(sums["tax"]), _vat_of(invoice_of_lot(wallet, payment_id)).rate
    )


def invoice_of_lot(wallet: Wallet, payment_id: int) -> Invoice:
    """Return the invoice by which a top-up's VAT was paid."""
    paid_in = wallet.movements.select_related("invoice").get(kind=Kind.TOP_UP, lot=payment_id)
    assert paid_in.invoice is not None, "a taxed top-up has its invoice"
    invoice: Invoice = paid_in.invoice
    return invoice


def _vat_of(invoice: Invoice) -> InvoiceTax:
    row: InvoiceTax = InvoiceTax.objects.get(invoice=invoice)
    return row


def lots_for(wallet: Wallet, cdr: Cdr) -> list[Lot]:
    """Return the taxed top-ups that may pay for a charge record: those of its country and of its only VAT rate.

    The rate is compared as of the top-up: what the law makes of it later taxes nothing again.
    """
    country = cdr.session.station.location.country.code
    categories = {total["tax_category"] for total in cdr.document["totals"]} or {TaxCategory.STANDARD}
    if len(categories) != 1:
        return []
    category = TaxCategory(categories.pop())
    found = []
    for lot in lots_of(wallet):
        invoice = invoice_of_lot(wallet, lot.payment_id)
        is_of_the_country = _vat_of(invoice).country == country
        if is_of_the_country and _has_rate(country, category, lot.rate, on=invoice.tax_date):
            found.append(lot)
    return found


def _has_rate(country: str, category: TaxCategory, rate: Decimal, *, on: date) -> bool:
    try:
        return find_rate(country=country, category=category, on=on) == rate
    except NoTaxRate:
        return False


def lots_that_paid(wallet: Wallet, session_id: int) -> list[tuple[int, Decimal]]:
    """Return (top-up, how much) of the taxed top-ups that paid for a session, the latest first."""
    rows = wallet.movements.filter(kind=Kind.SESSION, lot__isnull=False, cdr__session=session_id).order_by("-lot")
    sums = rows.values("lot").annotate(sum=Sum("amount")).filter(sum__lt=0)
    return [(row["lot"], -Decimal(row["sum"])) for row in sums]


def is_taxed_at_use(session_id: int) -> bool:
    """Tell whether an earlier charge record of a session was left to be invoiced: then it stays so."""
    return PrepaidRecord.objects.filter(cdr__session=session_id, is_taxed_before=False).exists()


def voucher_tax(wallet: Wallet, *, on: date) -> VoucherTax:
    """Decide how a top-up is taxed: from all that the seller sells to this customer on a local day."""
    contract = wallet.contract
    has_plan = ContractPlan.objects.filter(Q(end_day__isnull=True) | Q(end_day__gt=on), contract=contract).exists()
    countries = Location.objects.filter(owner=contract.seller_id).order_by().values_list("country", flat=True)
    versions = TariffVersion.objects.published().filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=_first_instant(on)), tariff__owner=contract.seller_id
    )
    categories = {
        component.tax_category
        for version in versions
        for element in version.terms().elements
        for component in element.price_components
    }
    try:
        decisions = [
            decide_tax(
                supply=SupplyKind.GOODS_ELECTRICITY,
                country=str(country),
                seller_registrations=registrations_of(contract.seller),
                buyer=buyer_status(contract.customer),
                on=on,
                category=TaxCategory(category),
            )
            for country in countries.distinct()
            for category in sorted(categories)
        ]
    except (SellerNotRegistered, TaxNotSupported, NoTaxRate) as refusal:
        return VoucherTax(decision=None, reason=str(refusal))
    return choose(decisions, has_plan=has_plan)


def _first_instant(day: date) -> datetime:
    """Return the first instant (UTC) of a day: what was in force at any time of it counts."""
    return datetime.combine(day, time(), tzinfo=UTC)


def overdrawn_wallets() -> set[int]:
    """Return the wallets whose taxed top-ups pay for what an invoice taxes: the VAT is to be moved."""
    rows = WalletMovement.objects.order_by().values("wallet")
    untaxed = Sum("amount", filter=Q(lot__isnull=True), default=Decimal(0))
    taxed = Sum("amount", filter=Q(lot__isnull=False), default=Decimal(0))
    found = rows.annotate(untaxed=untaxed, taxed=taxed).filter(untaxed__lt=0, taxed__gt=0)
    return set(found.values_list("wallet", flat=True))
