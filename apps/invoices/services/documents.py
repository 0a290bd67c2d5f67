"""Documents in hand: an invoice, receipt or credit note with its lines and VAT rows; written, locked and read together.

What one statement can do for many is done for all of them at once.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.contracts.models import Contract
from apps.core.rows import insert_rows
from apps.invoices.domain.amounts import DocumentAmounts
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInHand:
    """A document with its lines by position and its VAT rows, as they are in the database."""

    invoice: Invoice
    lines: Sequence[InvoiceLine]
    taxes: Sequence[InvoiceTax]


def compose(
    document: Invoice,
    *,
    lines: Sequence[InvoiceLine],
    totals: DocumentAmounts,
    sources: Mapping[tuple[str, Decimal], tuple[str, str]],
) -> DocumentInHand:
    """Return a draft with its totals, lines and VAT rows, to be written.

    sources  for each VAT category and rate the country whose VAT it is, and the legal text
    """
    document.net, document.tax, document.gross = totals.net, totals.tax, totals.gross
    taxes = [
        InvoiceTax(
            category=row.category,
            rate=row.rate,
            country=sources[row.category, row.rate][0],
            legal_text=sources[row.category, row.rate][1],
            currency=document.currency,
            net=row.net,
            tax=row.tax,
        )
        for row in totals.categories
    ]
    return DocumentInHand(invoice=document, lines=lines, taxes=taxes)


def write_documents(documents: Sequence[DocumentInHand]) -> None:
    """Save drafts with their lines and VAT rows; those that are there already are written anew under their key."""
    invoices = [document.invoice for document in documents]
    written_anew = [invoice for invoice in invoices if invoice.pk is not None]
    insert_rows([invoice for invoice in invoices if invoice.pk is None])
    for invoice in written_anew:
        invoice.save()
    for document in documents:
        for line in document.lines:
            line.invoice_id = document.invoice.pk
        for row in document.taxes:
            row.invoice_id = document.invoice.pk
    insert_rows([line for document in documents for line in document.lines])
    insert_rows([row for document in documents for row in document.taxes])


def write_document(
    document: Invoice,
    *,
    lines: Sequence[InvoiceLine],
    totals: DocumentAmounts,
    sources: Mapping[tuple[str, Decimal], tuple[str, str]],
) -> None:
    """Save one draft, as ``compose`` puts it together."""
    write_documents([compose(document, lines=lines, totals=totals, sources=sources)])


def lock_documents(invoice_ids: Collection[int]) -> list[Invoice]:
    """Lock documents behind their contracts, so that drafting, issuing and crediting of one contract never cross.

    Contracts first, each in the order of their keys, so that two who lock several never wait for each other. A receipt
    has none and is locked by itself. What is no more is left out.
    """
    documents = Invoice.objects.filter(pk__in=invoice_ids)
    contract_ids = documents.filter(contract__isnull=False).order_by().values_list("contract_id", flat=True)
    lock_contracts(list(contract_ids))
    locked = documents.select_for_update(of=("self",)).select_related(
        "seller", "customer", "contract", "credits", "replaces"
    )
    return list(locked.order_by("contract", "pk"))


def lock_document(invoice_id: int) -> Invoice:
    """Lock one document behind its contract.

    :raises Invoice.DoesNotExist: it is no more
    """
    documents = lock_documents([invoice_id])
    if not documents:
        raise Invoice.DoesNotExist(f"document {invoice_id} is no more")
    return documents[0]


def lock_contracts(contract_ids: Collection[int]) -> list[Contract]:
    """Lock contracts in the order of their keys and return them with seller and customer."""
    locked = Contract.objects.select_for_update(of=("self",)).select_related("seller", "customer")
    return list(locked.filter(pk__in=contract_ids).order_by("pk"))


def take_in_hand(invoices: Sequence[Invoice]) -> list[DocumentInHand]:
    """Read the lines and VAT rows of locked documents."""
    lines: defaultdict[int, list[InvoiceLine]] = defaultdict(list)
    for line in InvoiceLine.objects.filter(invoice__in=invoices).order_by("invoice", "position"):
        lines[line.invoice_id].append(line)
    taxes: defaultdict[int, list[InvoiceTax]] = defaultdict(list)
    for row in InvoiceTax.objects.filter(invoice__in=invoices).order_by("invoice", "category", "rate"):
        taxes[row.invoice_id].append(row)
    return [DocumentInHand(invoice=invoice, lines=lines[invoice.pk], taxes=taxes[invoice.pk]) for invoice in invoices]
