"""Take back what was issued: a credit note mirrors lines, in a series of its own, and is issued at once."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.invoices.domain.amounts import total_up
from apps.invoices.domain.bands import mirrored
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.errors import NotCreditable
from apps.invoices.models import BillingRun, Invoice, InvoiceLine
from apps.invoices.services.drafting import write_document
from apps.invoices.services.issuing import amounts_of, issue_invoice, lock_document


@transaction.atomic
def credit_invoice(*, invoice_id: int, reason: str, at: datetime, by: User | None) -> Invoice:
    """Credit all of an invoice or receipt that is not credited yet; doing it again returns the first result.

    What was billed is not billed again by itself: that takes a new revision of the charge record.

    reason  printed on the credit note, at most 200 characters · by  who decided it

    :raises NotCreditable: it is a draft or a credit note, or the reason is empty
    """
    invoice = _lock_creditable(invoice_id, reason=reason)
    lines = list(invoice.lines.filter(credited_by__isnull=True))
    if not lines:
        done: Invoice = invoice.credit_notes.latest("pk")
        return done
    return _credit(invoice, lines=lines, reason=reason, at=at, by=by, run=None)


@transaction.atomic
def credit_lines(
    *, invoice_id: int, line_ids: Sequence[int], reason: str, at: datetime, run: BillingRun | None = None
) -> Invoice | None:
    """Credit some lines of an invoice in full; None when each of them was credited before.

    The note is a document of its own: on net amounts its VAT is that of its own sum, so several notes for one invoice
    may differ from the invoice by a cent of VAT, as EN 16931 has it.

    :raises NotCreditable: it is a draft or a credit note, or the reason is empty
    """
    invoice = _lock_creditable(invoice_id, reason=reason)
    lines = list(invoice.lines.filter(pk__in=line_ids, credited_by__isnull=True))
    if not lines:
        return None
    return _credit(invoice, lines=lines, reason=reason, at=at, by=None, run=run)


def _lock_creditable(invoice_id: int, *, reason: str) -> Invoice:
    invoice = lock_document(invoice_id)
    if invoice.kind == Invoice.Kind.CREDIT_NOTE or invoice.status != InvoiceStatus.ISSUED:
        raise NotCreditable(f"{invoice} is no issued invoice or receipt")
    if not reason.strip():
        raise NotCreditable(f"a credit note for {invoice} needs a reason")
    return invoice


def _credit(
    invoice: Invoice,
    *,
    lines: Sequence[InvoiceLine],
    reason: str,
    at: datetime,
    by: User | None,
    run: BillingRun | None,
) -> Invoice:
    """Write the mirror image of the lines and issue it."""
    note = Invoice(
        seller=invoice.seller,
        customer=invoice.customer,
        contract=invoice.contract,
        run=run,
        kind=Invoice.Kind.CREDIT_NOTE,
        credits=invoice,
        reason=reason.strip()[:200],
        period_from=invoice.period_from,
        period_to=invoice.period_to,
        tax_date=invoice.tax_date,
        currency=invoice.currency,
        amounts_are_gross=invoice.amounts_are_gross,
        language=invoice.language,
        purchase_order=invoice.purchase_order,
    )
    write_document(
        note,
        lines=[_mirrored(line, position=position) for position, line in enumerate(lines, start=1)],
        totals=total_up([-amounts_of(line) for line in lines], currency=invoice.currency),
        sources={(row.category, row.rate): (row.country, row.legal_text) for row in invoice.taxes.all()},
    )
    return issue_invoice(invoice_id=note.pk, issued_at=at, issued_by=by)


def _mirrored(line: InvoiceLine, *, position: int) -> InvoiceLine:
    amounts = -amounts_of(line)
    return InvoiceLine(
        position=position,
        credits=line,
        vehicle=line.vehicle,
        token=line.token,
        place=line.place,
        time_zone=line.time_zone,
        started_at=line.started_at,
        ended_at=line.ended_at,
        energy_milliwh=-line.energy_milliwh,
        prices=mirrored(line.prices),
        tax_category=line.tax_category,
        tax_rate=line.tax_rate,
        currency=line.currency,
        net=amounts.net,
        gross=amounts.gross,
    )
