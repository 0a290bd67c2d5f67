"""What a document says, in one canonical form whose hash is stored at issue (I6)."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from hashlib import sha256

from apps.contracts.domain.electronic import InvoiceFormat
from apps.core.clock import to_epoch_ms
from apps.core.domain.money import minor_unit
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax
from apps.tariffs.domain.documents import canonical_bytes


def content_hash(invoice: Invoice, *, lines: Iterable[InvoiceLine], taxes: Iterable[InvoiceTax]) -> str:
    """Return the SHA-256 (hexadecimal) of what the document prints: header, parties, lines, VAT, totals."""
    return sha256(canonical_bytes(content_of(invoice, lines=lines, taxes=taxes))).hexdigest()


def content_of(invoice: Invoice, *, lines: Iterable[InvoiceLine], taxes: Iterable[InvoiceTax]) -> dict[str, object]:
    """Return the document as a JSON-able dict; decimals are strings, instants UTC, lines by position."""
    # What was added later is left out where it says nothing, so that older documents keep their hash.
    later: dict[str, object] = {
        "replaces": invoice.replaces_id,
        "buyer_reference": invoice.buyer_reference,
        "format": "" if invoice.invoice_format == InvoiceFormat.FACTURX else str(invoice.invoice_format),
    }
    return {
        **{name: said for name, said in later.items() if said},
        "uid": str(invoice.uid),
        "kind": str(invoice.kind),
        "number": invoice.number,
        "credits": invoice.credits_id,
        "reason": invoice.reason,
        "issue_date": _day(invoice.issue_date),
        "due_date": _day(invoice.due_date),
        "tax_date": _day(invoice.tax_date),
        "period": [_day(invoice.period_from), _day(invoice.period_to)],
        "currency": invoice.currency,
        "amounts_are_gross": invoice.amounts_are_gross,
        "totals": _money(invoice.currency, invoice.net.amount, invoice.tax.amount, invoice.gross.amount),
        "language": invoice.language,
        "seller": invoice.seller_party,
        "buyer": invoice.buyer_party,
        "purchase_order": invoice.purchase_order,
        "lines": [_line(line) for line in sorted(lines, key=lambda line: line.position)],
        "taxes": [_tax(row) for row in sorted(taxes, key=lambda row: (row.category, row.rate))],
    }


def _line(line: InvoiceLine) -> dict[str, object]:
    amounts = [line.net.amount] if line.gross is None else [line.net.amount, line.gross.amount]
    return {
        "position": line.position,
        "cdr": line.cdr_id,
        "credits": line.credits_id,
        # Only fee lines say it, so that what was issued before keeps its hash.
        **({"text": line.text} if line.text else {}),
        "vehicle": line.vehicle,
        "token": line.token,
        **({"cost_centre": line.cost_centre} if line.cost_centre else {}),
        "place": line.place,
        "time_zone": line.time_zone,
        "started_at_ms": to_epoch_ms(line.started_at),
        "ended_at_ms": to_epoch_ms(line.ended_at),
        "energy_milliwh": line.energy_milliwh,
        "prices": line.prices,
        "tax": [line.tax_category, f"{line.tax_rate:.4f}"],
        "amounts": _money(line.currency, *amounts),
    }


def _tax(row: InvoiceTax) -> dict[str, object]:
    return {
        "category": row.category,
        "rate": f"{row.rate:.4f}",
        "country": row.country,
        "legal_text": row.legal_text,
        "amounts": _money(row.currency, row.net.amount, row.tax.amount),
    }


def _money(currency: str, *amounts: Decimal) -> list[str]:
    """Write amounts with their currency's decimals, however many the column holds; a zero has no sign."""
    return [f"{abs(amount) if amount == 0 else amount:.{minor_unit(currency)}f}" for amount in amounts]


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
