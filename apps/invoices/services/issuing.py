"""Issue a drafted document: check, copy the parties, post, number, freeze, in that order."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from apps.accounts.models import Organisation, User
from apps.contracts.models import Contract, Customer
from apps.contracts.registrations import registrations_of
from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone
from apps.invoices.domain.amounts import LineAmounts, total_up
from apps.invoices.domain.numbers import due_date, format_number
from apps.invoices.domain.status import InvoiceStatus, advance
from apps.invoices.errors import AmountsDisagree, DraftOutdated, NothingToIssue, PartyIncomplete, TaxRefused
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax, NumberSeries
from apps.invoices.selectors import open_holds, outdated_records
from apps.invoices.services.content import content_hash
from apps.invoices.services.deferring import Deferral, deferrals_of, deferred_total, keep
from apps.invoices.services.delivering import deliver
from apps.invoices.services.einvoicing import check_electronic
from apps.invoices.services.news import tell_issued
from apps.ledger import services as ledger
from apps.ledger.domain.vat import Vat
from apps.ledger.services import PostingLine, Role

_ADDRESS = ("name", "street", "postcode", "city", "country")


@transaction.atomic
def issue_invoice(*, invoice_id: int, issued_at: datetime, issued_by: User | None = None) -> Invoice:
    """Number, freeze and post a drafted invoice, receipt or credit note; issuing again returns the first result.

    issued_by  the person who asked for it; None: the billing run, or the rating of an anonymous session

    :raises DraftOutdated: what it bills was revised, sent to review or held since it was drafted
    :raises NothingToIssue: it has no lines
    :raises AmountsDisagree: lines, VAT and totals do not add up by the rule
    :raises PartyIncomplete: seller or buyer lacks legal data
    :raises TaxRefused: the seller has no VAT registration in the country of supply on the tax date
    :raises NotElectronic: the customer wants an electronic invoice, and this would be none
    """
    invoice = lock_document(invoice_id)
    if invoice.status == InvoiceStatus.ISSUED:
        return invoice
    advance(InvoiceStatus(invoice.status), InvoiceStatus.ISSUED)
    lines, taxes = list(invoice.lines.all()), list(invoice.taxes.all())
    if invoice.kind == Invoice.Kind.INVOICE and invoice.contract is not None:
        _check_current(invoice, lines=lines)
    _check_amounts(invoice, lines=lines, taxes=taxes)
    issue_date = fill_in(invoice, taxes=taxes, issued_at=issued_at)
    check_electronic(invoice)
    deferred = deferrals_of(lines, vats={(row.category, row.rate): _vat(row) for row in taxes}, on=issue_date)
    _post(invoice, taxes=taxes, deferred=deferred, posted_on=issue_date, at=issued_at)
    # Draw the number when nothing can refuse any more, so that the series is locked briefly and has no hole.
    series = _take_next_number(seller=invoice.seller, kind=invoice.kind, year=issue_date.year)
    invoice.status = InvoiceStatus.ISSUED
    invoice.series, invoice.sequence = series, series.last_number
    invoice.number = format_number(kind=invoice.kind, year=series.year, sequence=series.last_number)
    invoice.issued_at, invoice.issued_by = issued_at, issued_by
    invoice.content_hash = content_hash(invoice, lines=lines, taxes=taxes)
    invoice.save()
    keep(deferred)
    deliver(invoice, at=issued_at)
    tell_issued(invoice, at=issued_at)
    ring_on_commit("receipt.issued" if invoice.kind == Invoice.Kind.RECEIPT else "invoice.issued", id=invoice.pk)
    return invoice


def fill_in(invoice: Invoice, *, taxes: Sequence[InvoiceTax], issued_at: datetime) -> date:
    """Set what a draft does not have yet but its number: parties, day of issue, which is returned, and due date.

    :raises PartyIncomplete: seller or buyer lacks legal data
    :raises TaxRefused: the seller has no VAT registration in the country of supply on the tax date
    """
    _copy_parties(invoice, taxes=taxes)
    issue_date = issued_at.astimezone(zone(invoice.seller.time_zone)).date()
    invoice.issue_date = issue_date
    invoice.due_date = due_date(issue_date=issue_date, payment_days=_payment_days(invoice))
    return issue_date


def lock_document(invoice_id: int) -> Invoice:
    """Lock a document behind its contract, so that drafting, issuing and crediting of one contract never cross.

    A receipt has none and is locked by itself.
    """
    contract_id = Invoice.objects.values_list("contract_id", flat=True).get(pk=invoice_id)
    if contract_id is not None:
        Contract.objects.select_for_update().get(pk=contract_id)
    document: Invoice = (
        Invoice.objects.select_for_update(of=("self",))
        .select_related("seller", "customer", "contract", "credits", "replaces")
        .get(pk=invoice_id)
    )
    return document


def _payment_days(invoice: Invoice) -> int:
    """A receipt is paid when it is issued, a credit note is nobody's debt."""
    if invoice.kind != Invoice.Kind.INVOICE or invoice.contract is None:
        return 0
    return invoice.contract.payment_days


def _check_current(invoice: Invoice, *, lines: Sequence[InvoiceLine]) -> None:
    """Look at what an invoice on a contract bills as it is now; minutes or days may lie between draft and issue.

    :raises DraftOutdated: a record was revised, sent to review or held, or the contract was held
    """
    changed = outdated_records([line.cdr_id for line in lines if line.cdr_id is not None]).first()
    if changed is not None:
        raise DraftOutdated(f"{changed.session} has changed since it was drafted. Draft it again and look at it.")
    if open_holds().filter(contract=invoice.contract_id).exists():
        raise DraftOutdated("The contract is held from billing.")


def _check_amounts(invoice: Invoice, *, lines: Sequence[InvoiceLine], taxes: Sequence[InvoiceTax]) -> None:
    """Add the stored lines again and compare (EN 16931 BR-CO-10, 14, 15).

    :raises NothingToIssue: there are none
    :raises AmountsDisagree: the sums are others than those stored
    """
    if not lines:
        raise NothingToIssue(f"{invoice} has no lines")
    totals = total_up([amounts_of(line) for line in lines], currency=invoice.currency)
    if (totals.net, totals.tax, totals.gross) != (invoice.net.amount, invoice.tax.amount, invoice.gross.amount):
        raise AmountsDisagree(f"{invoice} states {invoice.gross}, its lines give {totals.gross} {invoice.currency}")
    stated = {(row.category, row.rate, row.net.amount, row.tax.amount) for row in taxes}
    if stated != {(row.category, row.rate, row.net, row.tax) for row in totals.categories}:
        raise AmountsDisagree(f"the VAT rows of {invoice} do not follow from its lines")


def amounts_of(line: InvoiceLine) -> LineAmounts:
    """Return a stored line's amounts as the domain's value."""
    return LineAmounts(
        category=line.tax_category,
        rate=line.tax_rate,
        net=line.net.amount,
        gross=None if line.gross is None else line.gross.amount,
    )


def _copy_parties(invoice: Invoice, *, taxes: Sequence[InvoiceTax]) -> None:
    """Copy the legal data as of now; a credit note repeats what the invoice it credits said.

    The buyer of an invoice in a receipt's stead is no customer of ours: the draft has what the driver stated.
    """
    if invoice.credits is not None:
        invoice.seller_party, invoice.buyer_party = invoice.credits.seller_party, invoice.credits.buyer_party
        return
    # Where the buyer owes the tax, the supply is a service, sold from where its seller is established.
    taxed = next((row.country for row in taxes if row.category not in {"AE", "O"}), invoice.seller.country.code)
    country = invoice.seller.country.code if invoice.kind == Invoice.Kind.FEE else taxed
    vat_id = _seller_vat_id(invoice.seller, country=country, on=invoice.tax_date)
    invoice.seller_party = _seller_party(invoice.seller, vat_id=vat_id)
    _check_complete("seller", invoice.seller_party)
    # A simplified invoice names no buyer (Directive 2006/112/EC, art. 226b).
    if invoice.buyer is not None:
        invoice.buyer_party = _owner_party(invoice.buyer, on=invoice.tax_date)
        _check_complete("owner", invoice.buyer_party)
    elif invoice.customer is not None:
        invoice.buyer_party = _buyer_party(invoice.customer)
        invoice.invoice_format = invoice.customer.invoice_format
    if invoice.buyer_party:
        _check_complete("customer", invoice.buyer_party)
    if invoice.contract is not None and not invoice.buyer_reference:
        # Added since the draft, as whoever was refused for want of it will do.
        invoice.buyer_reference = invoice.contract.buyer_reference


def _check_complete(role: str, party: dict[str, str]) -> None:
    if missing := [field for field in _ADDRESS if not party[field]]:
        raise PartyIncomplete(f"the {role} “{party['name']}” has no {', '.join(missing)}")


def _seller_vat_id(seller: Organisation, *, country: str, on: date) -> str:
    for registration in registrations_of(seller):
        if registration.country == country and registration.is_valid(on):
            return registration.vat_id
    raise TaxRefused(f"{seller} has no tax registration in {country} on {on.isoformat()}")


def _seller_party(seller: Organisation, *, vat_id: str) -> dict[str, str]:
    """EN 16931 BG-4 and the account to pay to (BG-17)."""
    return {
        **{field: str(getattr(seller, field)) for field in _ADDRESS if field != "country"},
        "country": seller.country.code,
        "vat_id": vat_id,
        "registration_number": seller.registration_number,
        "email": seller.email,
        "phone": seller.phone,
        "iban": seller.iban,
        "bic": seller.bic,
        "account_holder": seller.account_holder,
    }


def _buyer_party(customer: Customer) -> dict[str, str]:
    """EN 16931 BG-7."""
    return {
        **{field: str(getattr(customer, field)) for field in _ADDRESS if field != "country"},
        "country": customer.country.code,
        "number": customer.number,
        "vat_id": customer.vat_id,
        "email": customer.email,
        **_electronic_address(customer),
    }


def _electronic_address(customer: Customer) -> dict[str, str]:
    """EN 16931 BT-49, where it is another than the e-mail address."""
    if not customer.electronic_address:
        return {}
    return {
        "electronic_address": customer.electronic_address,
        "electronic_address_scheme": customer.electronic_address_scheme,
    }


def _owner_party(owner: Organisation, *, on: date) -> dict[str, str]:
    """EN 16931 BG-7 of a fee invoice, the VAT identifier being that of the owner's own country."""
    home = [row for row in registrations_of(owner) if row.country == owner.country.code and row.is_valid(on)]
    return {
        **{field: str(getattr(owner, field)) for field in _ADDRESS if field != "country"},
        "country": owner.country.code,
        "number": "",
        "vat_id": home[0].vat_id if home else "",
        "email": owner.email,
    }


def _post(
    invoice: Invoice, *, taxes: Sequence[InvoiceTax], deferred: Sequence[Deferral], posted_on: date, at: datetime
) -> None:
    """Debit the receivable, credit revenue and VAT per category; a credit note's amounts are negative, so reversed.

    What is not earned yet is credited to deferred fees instead of revenue.
    """
    revenue = _revenue_of(invoice)
    lines = [PostingLine(role=Role.RECEIVABLE, amount=invoice.gross.amount)]
    for row in taxes:
        vat = _vat(row)
        later = deferred_total(deferred, vat)
        lines.append(PostingLine(role=revenue, amount=later - row.net.amount, vat=vat))
        lines.append(PostingLine(role=Role.DEFERRED_FEES, amount=-later, vat=vat))
        lines.append(PostingLine(role=Role.VAT_PAYABLE, amount=-row.tax.amount, vat=vat))
    ledger.post(
        entity_id=invoice.seller_id,
        key=journal_key(invoice),
        posted_on=posted_on,
        tax_date=invoice.tax_date,
        text=_posting_text(invoice)[:200],
        lines=lines,
        currency=invoice.currency,
        at=at,
    )


def _vat(row: InvoiceTax) -> str:
    return Vat(country=row.country, category=row.category, rate=row.rate).code


def _revenue_of(invoice: Invoice) -> Role:
    """Return what the net is earned as; of a top-up nothing is earned before the customer charges."""
    kinds = {invoice.kind, invoice.credits.kind if invoice.credits else invoice.kind}
    if Invoice.Kind.TOP_UP in kinds:
        return Role.PREPAYMENT_TAXED
    return Role.REVENUE_SERVICES if invoice.kind == Invoice.Kind.FEE else Role.REVENUE_ENERGY


def _posting_text(invoice: Invoice) -> str:
    """Say what was issued to whom for which days; of an anonymous driver's documents, for what."""
    days = f"{invoice.period_from} to {invoice.period_to}"
    if invoice.buyer is not None:
        return f"Fees to {invoice.buyer.name}, {days}"
    if invoice.customer is None:
        if invoice.replaces is not None:
            return f"Invoice in the stead of {invoice.replaces.number}"
        return f"Credit note for {invoice.credits.number}" if invoice.credits else f"Receipt, {days}"
    if invoice.kind == Invoice.Kind.TOP_UP:
        return f"Top-up by {invoice.customer.name}"
    what = "Invoice to" if invoice.kind == Invoice.Kind.INVOICE else "Credit note to"
    return f"{what} {invoice.customer.name}, {days}"


def journal_key(invoice: Invoice) -> str:
    """Return the natural key of the journal that an issued document posts."""
    return f"invoice:{invoice.pk}:issued"


def _take_next_number(*, seller: Organisation, kind: str, year: int) -> NumberSeries:
    """Lock the series, opened on first use, and count it up by one; the lock holds until the commit."""
    of_year = NumberSeries.objects.select_for_update().filter(seller=seller, kind=kind, year=year)
    series: NumberSeries | None = of_year.first()
    if series is None:
        NumberSeries.objects.get_or_create(seller=seller, kind=kind, year=year)
        series = of_year.get()
    series.last_number += 1
    series.save(update_fields=["last_number"])
    return series
