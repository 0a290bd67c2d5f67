"""Take note of what a prepaid wallet decided about a charge record: a named call down from ``payments``."""

from datetime import datetime

from apps.invoices.models import PrepaidRecord


def note_prepaid(*, cdr_id: int, is_taxed_before: bool, at: datetime) -> None:
    """Let a charge record be billed from now on, or never where its VAT was due at top-up; once, whoever repeats it."""
    PrepaidRecord.objects.get_or_create(cdr_id=cdr_id, defaults={"is_taxed_before": is_taxed_before, "decided_at": at})
