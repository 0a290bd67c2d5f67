"""Give up what will not be paid, and book it back when it is paid or credited after all."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceTax
from apps.ledger import services as ledger
from apps.payments.domain.postings import written_off
from apps.payments.domain.write_offs import CategoryShare, added_up, moved, split_gross
from apps.payments.models import WriteOff
from apps.payments.selectors import is_under_collection, open_amount, written_off_amount


class NotWrittenOff(Exception):
    """The document cannot be given up now; the message says why, and nothing was changed."""


@transaction.atomic
def write_off(*, invoice_id: int, reason: str, by: User, at: datetime) -> WriteOff:
    """Give up all that an invoice or receipt is open for: bad debt and VAT, per category, against the receivable.

    :raises NotWrittenOff: nothing is open, its payment is under way, it is no issued invoice, or the reason is empty
    """
    document: Invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if document.status != InvoiceStatus.ISSUED or document.kind == Invoice.Kind.CREDIT_NOTE:
        raise NotWrittenOff(f"{document} is no issued invoice.")
    if not reason.strip():
        raise NotWrittenOff("A write-off needs a reason.")
    if is_under_collection(document):
        raise NotWrittenOff(f"A payment of {document} is under way. Wait until it is known how it ends.")
    amount = open_amount(document)
    if amount <= 0:
        raise NotWrittenOff(f"Nothing of {document} is open.")
    row = _move_to(document, written_off_amount(document) + amount, reason=reason, by=by, at=at)
    # An intent that is still open for it is canceled.
    ring_on_commit("invoice.settled", id=document.pk)
    return row


def give_up(*, document: Invoice, at_most: Decimal, reason: str, at: datetime) -> WriteOff | None:
    """Give up by itself, up to ``at_most``, what a locked document is open for; None where it is open for nothing."""
    amount = min(at_most, open_amount(document))
    if amount <= 0:
        return None
    return _move_to(document, written_off_amount(document) + amount, reason=reason, by=None, at=at)


def bring_back(*, document: Invoice, at: datetime) -> WriteOff | None:
    """Take back of a locked document's write-off what was paid or credited after all; None where nothing was."""
    given_up = written_off_amount(document)
    if given_up <= 0 or (surplus := -open_amount(document)) <= 0:
        return None
    return _move_to(document, max(given_up - surplus, Decimal(0)), reason="Paid or credited after all.", by=None, at=at)


def _move_to(document: Invoice, total: Decimal, *, reason: str, by: User | None, at: datetime) -> WriteOff:
    """Let ``total`` of a locked document be written off, by a row and a journal of the difference."""
    before = _standing(document)
    after = split_gross(total, document_categories(document), currency=document.currency) if total else ()
    change = moved(before=before, after=after)
    row: WriteOff = WriteOff.objects.create(
        invoice=document,
        currency=document.currency,
        amount=sum((part.gross for part in change), Decimal(0)),
        categories=[_as_json(part) for part in change],
        reason=reason.strip()[:200],
        decided_by=by,
        written_at=at,
    )
    today = at.astimezone(zone(document.seller.time_zone)).date()
    ledger.post(
        entity_id=document.seller_id,
        key=f"write_off:{row.pk}",
        posted_on=today,
        tax_date=today,
        text=f"{'Write-off' if row.amount.amount > 0 else 'Recovered'} of {document}"[:200],
        lines=written_off(change),
        currency=document.currency,
        at=at,
    )
    return row


def document_categories(document: Invoice) -> tuple[CategoryShare, ...]:
    """Return what the document's VAT categories come to after its credit notes."""
    notes = Invoice.objects.filter(credits=document, status=InvoiceStatus.ISSUED)
    rows = InvoiceTax.objects.filter(invoice__in=[document.pk, *notes.values_list("pk", flat=True)]).order_by("pk")
    return added_up(
        [
            CategoryShare(
                category=row.category, rate=row.rate, net=row.net.amount, tax=row.tax.amount, country=row.country
            )
            for row in rows
        ]
    )


def _standing(document: Invoice) -> tuple[CategoryShare, ...]:
    rows = WriteOff.objects.filter(invoice=document).order_by("pk").values_list("categories", flat=True)
    return added_up([_from_json(part) for row in rows for part in row])


def _as_json(part: CategoryShare) -> dict[str, str]:
    return {
        "country": part.country,
        "category": part.category,
        "rate": str(part.rate),
        "net": str(part.net),
        "tax": str(part.tax),
    }


def _from_json(part: dict[str, Any]) -> CategoryShare:
    return CategoryShare(
        category=part["category"],
        rate=Decimal(part["rate"]),
        net=Decimal(part["net"]),
        tax=Decimal(part["tax"]),
        country=part.get("country", ""),
    )
