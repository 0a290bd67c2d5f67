"""Fees in advance that were not earned yet at the end of a day: line by line, and in which months they will be."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from apps.accounting.reports.sheet import Cell, Column, Row, Sheet, added, cells
from apps.accounts.models import Organisation
from apps.invoices.models import DeferredFee, InvoiceLine
from apps.invoices.services.deferring import unearned
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.models import Journal

_ACCOUNT = CHART[Role.DEFERRED_FEES]


def deferred_fees_sheet(entity: Organisation, on: date) -> Sheet:
    """Return each line of which something was deferred at the end of a day, with what is left of it."""
    fees: dict[InvoiceLine, list[DeferredFee]] = defaultdict(list)
    for fee in _unearned_then(entity, on):
        fees[fee.line].append(fee)
    rows = [_row(line, parts) for line, parts in fees.items()]
    columns = (
        Column("Document"),
        Column("Customer"),
        Column("What"),
        Column("Earned from"),
        Column("until"),
        Column("Net of the line", is_number=True),
        Column("Not earned yet", is_number=True),
    )
    return Sheet(
        title="Deferred base fees",
        columns=columns,
        rows=rows,
        totals=added(rows, label="Together", of=(6,), width=7),
        note=f"At the end of {on:%-d %B %Y}. The total is the balance of {_ACCOUNT.code} {_ACCOUNT.name}. "
        "Each month earns its days when it is over.",
    )


def earning_sheet(entity: Organisation, on: date) -> Sheet:
    """Return in which month what was deferred at the end of a day is earned."""
    sums: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for fee in _unearned_then(entity, on):
        sums[fee.currency, fee.last_day.replace(day=1)] += fee.amount.amount
    rows = [
        Row(cells=cells(f"{month:%B %Y}", amount), currency=currency)
        for (currency, month), amount in sorted(sums.items())
        if amount
    ]
    return Sheet(
        title="When they are earned",
        columns=(Column("Month"), Column("Net", is_number=True)),
        rows=rows,
        totals=added(rows, label="Together", of=(1,), width=2),
    )


def _row(line: InvoiceLine, parts: Iterable[DeferredFee]) -> Row:
    parts, invoice = list(parts), line.invoice
    customer = invoice.customer
    return Row(
        cells=cells(
            Cell(invoice.number, ("document", str(invoice.uid))),
            Cell(customer.name, ("customer", str(customer.pk))) if customer else "",
            (line.credits or line).text,
            min(part.first_day for part in parts),
            max(part.last_day for part in parts),
            line.net.amount,
            sum((part.amount.amount for part in parts), Decimal(0)),
        ),
        currency=line.currency,
    )


def _unearned_then(entity: Organisation, on: date) -> Iterable[DeferredFee]:
    """Return the parts that the journal of a document had deferred by then and no journal had earned."""
    posted = Journal.objects.filter(
        entity=entity,
        posted_on__lte=on,
        key=Concat(Value("invoice:"), Cast(OuterRef("line__invoice_id"), CharField()), Value(":issued")),
    )
    rows: Iterable[DeferredFee] = (
        unearned(by=on)
        .filter(Exists(posted), line__invoice__seller=entity)
        .select_related("line__invoice__customer", "line__credits")
        .order_by("line__invoice__issue_date", "line", "first_day")
    )
    return rows
