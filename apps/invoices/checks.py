"""I6 for invoices: an issued document still says what it said. The other invariants are SQL views (migration 0002)."""

from collections.abc import Iterator

from apps.core.audit import register
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.invoices.services.content import content_hash


@register("I6")
def issued_documents_hash_to_what_was_stored() -> Iterator[tuple[str, str]]:
    """Yield each issued document whose content no longer gives its hash."""
    issued = Invoice.objects.filter(status=InvoiceStatus.ISSUED).prefetch_related("lines", "taxes").order_by("pk")
    for invoice in issued.iterator(chunk_size=100):
        if content_hash(invoice, lines=invoice.lines.all(), taxes=invoice.taxes.all()) != invoice.content_hash:
            yield f"invoice {invoice.number}", "does not hash to what was stored at issue"
