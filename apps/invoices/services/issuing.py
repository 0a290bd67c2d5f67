"""Issue a drafted document: check, copy the parties, post, number, freeze, in that order."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final

from django.db import transaction

from apps.accounts.models import Organisation, User
from apps.contracts.models import Customer
from apps.contracts.registrations import registrations_of
from apps.core.bells import ring_on_commit
from apps.core.domain.tax import Registration
from apps.core.domain.zones import zone
from apps.core.rows import update_rows
from apps.invoices.domain.amounts import LineAmounts, total_up
from apps.invoices.domain.numbers import due_date, format_number
from apps.invoices.domain.status import InvoiceStatus, advance
from apps.invoices.errors import AmountsDisagree, DraftOutdated, NothingToIssue, PartyIncomplete, TaxRefused
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax, NumberSeries
from apps.invoices.selectors import correcting_records, open_holds, outdated_records
from apps.invoices.services.content import content_hash
from apps.invoices.services.deferring import Deferral, deferrals_of, deferred_total, keep
from apps.invoices.services.delivering import deliver
from apps.invoices.services.documents import DocumentInHand, lock_documents, take_in_hand
from apps.invoices.services.einvoicing import check_electronic
from apps.invoices.services.news import tell_issued
from apps.invoices.services.plans import check_plans
from apps.ledger import services as ledger
from apps.ledger.domain.vat import Vat
from apps.ledger.services import Posting, PostingLine, Role

_ADDRESS = ("name", "street", "postcode", "city", "country")
_SET_AT_ISSUE: Final = (
    *("status", "series", "sequence", "number", "seller_party", "buyer_party", "invoice_format", "buyer_reference"),
    *("issued_at", "issue_date", "due_date", "issued_by", "content_hash"),
)


def issue_invoice(*, invoice_id: int, issued_at: datetime, issued_by: User | None = None) -> Invoice:
    """Issue one drafted document; see ``issue_invoices``.

    :raises Invoice.DoesNotExist: the draft was thrown away
    """
    invoices = issue_invoices(invoice_ids=[invoice_id], issued_at=issued_at, issued_by=issued_by)
    if not invoices:
        raise Invoice.DoesNotExist(f"draft {invoice_id} is no more")
    return invoices[0]


@transaction.atomic
def issue_invoices(
    *, invoice_ids: Collection[int], issued_at: datetime, issued_by: User | None = None
) -> list[Invoice]:
    """Number, freeze and post drafted documents, all or none; issuing again returns the first result.

    Drafts that were thrown away are left out. Days may lie since they were drafted: their plans are looked at too.

    issued_by  the person who asked for it; None: the billing run, or the rating of an anonymous session

    :raises DocumentRefused: see ``issue_documents``
    """
    invoices = lock_documents(invoice_ids)
    drafts = [invoice for invoice in invoices if invoice.status != InvoiceStatus.ISSUED]
    check_plans(drafts)
    issue_documents(take_in_hand(drafts), issued_at=issued_at, issued_by=issued_by)
    return invoices


def issue_documents(documents: Sequence[DocumentInHand], *, issued_at: datetime, issued_by: User | None = None) -> None:
    """Number, freeze and post drafts that the running transaction has locked, all or none, in their order.

    :raises DraftOutdated: what one bills was revised, sent to review or held since it was drafted
    :raises NothingToIssue: one has no lines
    :raises AmountsDisagree: lines, VAT and totals do not add up by the rule
    :raises PartyIncomplete: seller or buyer lacks legal data
    :raises TaxRefused: the seller has no VAT registration in the country of supply on the tax date
    :raises NotElectronic: the customer wants an electronic invoice, and this would be none
    """
    _check_current(documents)
    registrations = _Registrations()
    deferred: list[Deferral] = []
    postings: defaultdict[int, list[Posting]] = defaultdict(list)
    for document in documents:
        invoice, taxes = document.invoice, document.taxes
        advance(InvoiceStatus(invoice.status), InvoiceStatus.ISSUED)
        _check_amounts(invoice, lines=document.lines, taxes=taxes)
        issue_date = fill_in(invoice, taxes=taxes, registrations=registrations.of(invoice.seller), issued_at=issued_at)
        check_electronic(invoice)
        vats = {(row.category, row.rate): _vat(row) for row in taxes}
        deferrals = deferrals_of(document.lines, vats=vats, on=issue_date)
        postings[invoice.seller_id].append(_posting(invoice, taxes=taxes, deferred=deferrals, posted_on=issue_date))
        deferred += deferrals
    for seller_id in sorted(postings):
        ledger.post_all(entity_id=seller_id, postings=postings[seller_id], at=issued_at)
    # Draw the numbers when nothing can refuse any more, so that a series is locked briefly and has no hole.
    _number(documents)
    for document in documents:
        invoice = document.invoice
        invoice.status, invoice.issued_at, invoice.issued_by = InvoiceStatus.ISSUED, issued_at, issued_by
        invoice.content_hash = content_hash(invoice, lines=document.lines, taxes=document.taxes)
    update_rows([document.invoice for document in documents], fields=_SET_AT_ISSUE)
    keep(deferred)
    _tell([document.invoice for document in documents], at=issued_at)


def _tell(invoices: Sequence[Invoice], *, at: datetime) -> None:
    """Bring what is being issued to its customers, webhooks and tasks."""
    for invoice in invoices:
        deliver(invoice, at=at)
    tell_issued(invoices, at=at)
    for invoice in invoices:
        ring_on_commit("receipt.issued" if invoice.kind == Invoice.Kind.RECEIPT else "invoice.issued", id=invoice.pk)


class _Registrations:
    """The VAT registrations of sellers, each asked for once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Registration, ...]] = {}

    def of(self, seller: Organisation) -> tuple[Registration, ...]:
        if seller.pk not in self._known:
            self._known[seller.pk] = registrations_of(seller)
        return self._known[seller.pk]


def fill_in(
    invoice: Invoice, *, taxes: Sequence[InvoiceTax], registrations: Sequence[Registration], issued_at: datetime
) -> date:
    """Set what a draft does not have yet but its number: parties, day of issue, which is returned, and due date.

    registrations  the seller's for VAT

    :raises PartyIncomplete: seller or buyer lacks legal data
    :raises TaxRefused: the seller has no VAT registration in the country of supply on the tax date
    """
    _copy_parties(invoice, taxes=taxes, registrations=registrations)
    issue_date = issued_at.astimezone(zone(invoice.seller.time_zone)).date()
    invoice.issue_date = issue_date
    invoice.due_date = due_date(issue_date=issue_date, payment_days=_payment_days(invoice))
    return issue_date


def _payment_days(invoice: Invoice) -> int:
    """A receipt is paid when it is issued, a credit note is nobody's debt."""
    if invoice.kind != Invoice.Kind.INVOICE or invoice.contract is None:
        return 0
    return invoice.contract.payment_days


def _check_current(documents: Sequence[DocumentInHand]) -> None:
    """Look at what invoices on contracts bill as it is now; minutes or days may lie between draft and issue.

    :raises DraftOutdated: a record was revised, sent to review or held, what it corrects is not credited, or the
        contract was held
    """
    of_contracts = [
        document
        for document in documents
        if document.invoice.kind == Invoice.Kind.INVOICE and document.invoice.contract is not None
    ]
    if not of_contracts:
        return
    cdr_ids = [line.cdr_id for document in of_contracts for line in document.lines if line.cdr_id is not None]
    changed = outdated_records(cdr_ids).first()
    if changed is not None:
        raise DraftOutdated(f"{changed.session} has changed since it was drafted. Draft it again and look at it.")
    if correcting_records(cdr_ids):
        raise DraftOutdated("It corrects what is billed already. Let its billing run go, which credits that first.")
    if open_holds().filter(contract__in=[document.invoice.contract_id for document in of_contracts]).exists():
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


def _copy_parties(invoice: Invoice, *, taxes: Sequence[InvoiceTax], registrations: Sequence[Registration]) -> None:
    """Copy the legal data as of now; a credit note repeats what the invoice it credits said.

    The buyer of an invoice in a receipt's stead is no customer of ours: the draft has what the driver stated.
    """
    if invoice.credits is not None:
        invoice.seller_party, invoice.buyer_party = invoice.credits.seller_party, invoice.credits.buyer_party
        return
    # Where the buyer owes the tax, the supply is a service, sold from where its seller is established.
    taxed = next((row.country for row in taxes if row.category not in {"AE", "O"}), invoice.seller.country.code)
    country = invoice.seller.country.code if invoice.kind == Invoice.Kind.FEE else taxed
    vat_id = _seller_vat_id(invoice.seller, registrations, country=country, on=invoice.tax_date)
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


def _seller_vat_id(seller: Organisation, registrations: Sequence[Registration], *, country: str, on: date) -> str:
    for registration in registrations:
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


def _posting(
    invoice: Invoice, *, taxes: Sequence[InvoiceTax], deferred: Sequence[Deferral], posted_on: date
) -> Posting:
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
    return Posting(
        key=journal_key(invoice),
        posted_on=posted_on,
        tax_date=invoice.tax_date,
        text=_posting_text(invoice)[:200],
        lines=lines,
        currency=invoice.currency,
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


def _number(documents: Sequence[DocumentInHand]) -> None:
    """Draw a number for each document, in their order; the series are locked in a fixed one."""
    of_series: defaultdict[tuple[int, str, int], list[Invoice]] = defaultdict(list)
    for document in documents:
        invoice = document.invoice
        assert invoice.issue_date is not None, "the day of issue is set before the number"
        of_series[invoice.seller_id, str(invoice.kind), invoice.issue_date.year].append(invoice)
    for (seller_id, kind, year), invoices in sorted(of_series.items()):
        series = _draw_numbers(seller_id=seller_id, kind=kind, year=year, count=len(invoices))
        for sequence, invoice in enumerate(invoices, start=series.last_number - len(invoices) + 1):
            invoice.series, invoice.sequence = series, sequence
            invoice.number = format_number(kind=kind, year=year, sequence=sequence)


def _draw_numbers(*, seller_id: int, kind: str, year: int, count: int) -> NumberSeries:
    """Lock the series, opened on first use, and count it up one by one; the lock holds until the commit.

    Returns it with the last of the numbers drawn.
    """
    of_year = NumberSeries.objects.select_for_update().filter(seller=seller_id, kind=kind, year=year)
    series: NumberSeries | None = of_year.first()
    if series is None:
        NumberSeries.objects.get_or_create(seller_id=seller_id, kind=kind, year=year)
        series = of_year.get()
    for _ in range(count):
        series.last_number += 1
        series.save(update_fields=["last_number"])
    return series
