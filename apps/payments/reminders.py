"""How unpaid invoices stand as far as reminders go, and which get one now."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.contracts.models import Contract
from apps.core.domain.zones import zone
from apps.invoices.disputed import disputed_amounts
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments.collecting import next_tries
from apps.payments.domain.disputes import MONEY_AWAY
from apps.payments.domain.dunning import NextStep, Standing, Terms, next_step
from apps.payments.domain.status import MethodStatus
from apps.payments.models import Dispute, DunningPause, DunningStep, SavedMethod
from apps.payments.selectors import DEBIT_CURRENCY, under_collection, with_open_amounts


def terms_of(contract: Contract) -> Terms:
    """Return what a contract says of reminders."""
    return Terms(
        days=tuple(contract.reminder_days),
        fees=tuple(Decimal(fee) for fee in contract.reminder_fees),
        least=contract.reminder_least,
        suspends_after=contract.suspends_after,
    )


def remindable() -> QuerySet[Any]:
    """Return the issued invoices of contracts with reminders of which something is open, the longest due first."""
    issued = Invoice.objects.filter(
        kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED, contract__isnull=False
    ).exclude(contract__reminder_days=[])
    return (
        with_open_amounts(issued)
        .filter(open_amount__gt=0)
        .select_related("contract", "customer", "seller")
        .order_by("due_date", "pk")
    )


def due_reminder_ids(*, at: datetime) -> list[int]:
    """Return the invoices that get a reminder now, each on its seller's day."""
    overdue = remindable().filter(due_date__lt=at.date())
    return [pk for pk, step in next_steps(overdue, at=at).items() if step.is_due]


def next_steps(invoices: Iterable[Any], *, at: datetime) -> dict[int, NextStep]:
    """Return the next reminder of each invoice, as ``remindable`` gives them; eight queries however many there are."""
    rows = list(invoices)
    standings = standings_of(rows)
    return {row.pk: next_step(standings[row.pk], terms_of(row.contract), today=today_of(row, at=at)) for row in rows}


def today_of(invoice: Invoice, *, at: datetime) -> date:
    """Return the seller's day."""
    return at.astimezone(zone(invoice.seller.time_zone)).date()


def standings_of(rows: Iterable[Any]) -> dict[int, Standing]:
    """Return how invoices stand, as ``remindable`` gives them."""
    by_pk = {row.pk: row for row in rows}
    sent: dict[int, list[date]] = {pk: [] for pk in by_pk}
    for invoice_id, taken_on in (
        DunningStep.objects.filter(invoice__in=by_pk).order_by("level").values_list("invoice_id", "taken_on")
    ):
        sent[invoice_id].append(taken_on)
    pauses = dict(DunningPause.objects.filter(invoice__in=by_pk).order_by("pk").values_list("invoice_id", "until"))
    busy = set(Invoice.objects.filter(under_collection(), pk__in=by_pk).values_list("pk", flat=True))
    disputed = set(
        Dispute.objects.filter(
            payment__allocations__invoice__in=by_pk, status__in=[status.value for status in MONEY_AWAY]
        ).values_list("payment__allocations__invoice", flat=True)
    )
    contested = disputed_amounts(by_pk)
    methods = {
        method.customer_id: method
        for method in SavedMethod.objects.filter(
            customer__in={row.customer_id for row in by_pk.values()}, status=MethodStatus.ACTIVE
        )
    }
    pairs = [
        (row, method)
        for row in by_pk.values()
        if (method := methods.get(row.customer_id)) and (row.currency == DEBIT_CURRENCY or not method.is_debit)
    ]
    tries = next_tries(pairs)
    return {
        pk: Standing(
            due_date=row.due_date,
            open_amount=row.open_amount,
            contested_amount=contested.get(pk, Decimal(0)),
            sent_on=tuple(sent[pk]),
            paused_until=pauses.get(pk),
            next_try=upcoming.on if (upcoming := tries.get(pk)) else None,
            is_processing=pk in busy,
            is_disputed=pk in disputed,
        )
        for pk, row in by_pk.items()
    }
