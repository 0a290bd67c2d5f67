"""Announce a debit before it is made (SEPA pre-notification): amount, day and mandate, once for each try."""

from datetime import datetime
from decimal import Decimal

from apps.core.domain.zones import zone
from apps.invoices.models import Invoice
from apps.payments.collecting import NextTry, next_try
from apps.payments.models import DebitNotice, SavedMethod
from apps.payments.services.letters import announce


def get_ready(*, invoice: Invoice, method: SavedMethod, amount: Decimal, at: datetime) -> bool:
    """Announce the next try of a locked invoice where it must be; return whether it may be made now."""
    upcoming = next_try(invoice, method)
    if upcoming is None:
        return False
    if upcoming.needs_notice(amount):
        _announce(upcoming, amount, at=at)
        return False
    return upcoming.is_now(amount, at=at)


def _announce(upcoming: NextTry, amount: Decimal, *, at: datetime) -> None:
    not_before = upcoming.may_be_debited_at(at=at)
    notice, is_new = DebitNotice.objects.get_or_create(
        invoice=upcoming.invoice,
        method=upcoming.method,
        try_no=upcoming.try_no,
        amount=amount,
        currency=upcoming.invoice.currency,
        defaults={
            "debit_date": not_before.astimezone(zone(upcoming.invoice.seller.time_zone)).date(),
            "not_before": not_before,
            "announced_at": at,
        },
    )
    if is_new:
        announce(notice=notice, at=at)
