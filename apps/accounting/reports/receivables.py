"""What customers owed at the end of a day, by how long it was due, down to the balance of the receivable account.

Open documents and opening items are told by their dated parts (credit notes, allocations, refunds, what a bank fetched
back, write-offs), credit by what of bank receipts settled nothing. What is left of a customer's balance in the ledger
stands beside them: fees of reminders, wallets, refunds under way, and what was posted into a later month because its
own was closed. So what each customer owes is what their debtor account says at the accountant's.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db.models import F

from apps.accounting.debtors import numbers_on, receivable_by_customer
from apps.accounting.reports.sheet import Cell, Column, Row, Sheet, added, cells
from apps.accounts.models import Organisation
from apps.contracts.models import Customer
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.invoices.selectors import end_of_day
from apps.ledger.domain.chart import CHART, Role
from apps.payments.credit import sum_of
from apps.payments.domain.status import RefundStatus, RepaymentStatus
from apps.payments.models import (
    Allocation,
    BankReceipt,
    BankRepayment,
    FeeAllocation,
    FetchedBack,
    OpeningItem,
    OpeningSettlement,
    Refund,
    WriteOff,
)
from apps.payments.openings import with_open_amounts

STEPS: Final = (("Not due", 0), ("1 to 30 days", 30), ("31 to 60 days", 60), ("61 to 90 days", 90))
"""How many days beyond the due date each column holds at most; the last one holds the rest."""


def receivables_sheet(entity: Organisation, on: date) -> Sheet:
    """Return what each customer owed at the end of a day of the seller, by age; drivers stand together."""
    sums: dict[tuple[str, int | None], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * (len(STEPS) + 2))
    for document in _documents(entity, on):
        sums[document.currency, document.customer_id][_step(document.due_date, on)] += document.open_then
    for item in _opening_items(entity, on):
        sums[item.currency, item.customer_id][_step(item.due_date, on)] += item.open_amount
    for receipt in _receipts(entity, on):
        sums[receipt.currency, receipt.customer_id][-1] -= receipt.left_then
    balances = receivable_by_customer(entity, on)
    names = Customer.objects.in_bulk({pk for _, pk in (*sums, *balances) if pk is not None})
    accounts = numbers_on(entity, on)
    rows = [
        _row(
            names.get(pk) if pk else None,
            sums[currency, pk],
            balance=balances.get((currency, pk), Decimal(0)),
            account=accounts.get(pk, "") if pk else "",
            currency=currency,
        )
        for currency, pk in sorted({*sums, *balances}, key=lambda key: (key[0], key[1] or 0))
        if any(sums[currency, pk]) or balances.get((currency, pk))
    ]
    columns = (
        Column("Customer"),
        Column("Number"),
        *(Column(title, is_number=True) for title, _ in STEPS),
        Column("Longer", is_number=True),
        Column("Credit", is_number=True),
        Column("Fees, under way", is_number=True),
        Column("Owed", is_number=True),
        Column("Debtor account"),
    )
    return Sheet(
        title="Receivables by age",
        columns=columns,
        rows=sorted(rows, key=lambda row: row.currency),
        totals=added(rows, label="Together", of=range(2, len(columns) - 1), width=len(columns)),
        note=f"At the end of {on:%-d %B %Y}. The total is the balance of {CHART[Role.RECEIVABLE].code} "
        f"{CHART[Role.RECEIVABLE].name}.",
    )


def _row(customer: Customer | None, amounts: list[Decimal], *, balance: Decimal, account: str, currency: str) -> Row:
    """Return a customer's row: by age, credit, and what of the balance neither documents nor credit explain."""
    name = Cell(customer.name, ("customer", str(customer.pk))) if customer else Cell("Drivers and unknown payers")
    number = customer.number if customer else ""
    rest = balance - sum(amounts, Decimal(0))
    return Row(cells=cells(name, number, *amounts, rest, balance, account), currency=currency)


def _documents(entity: Organisation, on: date) -> Any:
    """Return the documents with something open at the end of a day (``open_then``), which may be less than nothing."""
    end = end_of_day(on, time_zone=entity.time_zone)
    issued = Invoice.objects.filter(seller=entity, status=InvoiceStatus.ISSUED, issued_at__lt=end)
    notes = issued.filter(kind=Invoice.Kind.CREDIT_NOTE)
    refunds = Refund.objects.filter(status=RefundStatus.SUCCEEDED, succeeded_at__lt=end)
    return (
        issued.exclude(kind=Invoice.Kind.CREDIT_NOTE)
        .annotate(
            open_then=F("gross")
            - sum_of(Allocation.objects.filter(allocated_at__lt=end), by="invoice")
            - sum_of(notes, by="credits", amount=-F("gross"))
            + sum_of(refunds, by="invoice")
            + sum_of(FetchedBack.objects.filter(fetched_at__lt=end), by="invoice")
            - sum_of(WriteOff.objects.filter(written_at__lt=end), by="invoice")
        )
        .exclude(open_then=0)
        .order_by("pk")
    )


def _opening_items(entity: Organisation, on: date) -> Any:
    """Return what of the opening items that had come was open at the end of a day."""
    end = end_of_day(on, time_zone=entity.time_zone)
    items = OpeningItem.objects.filter(seller=entity, recorded_at__lt=end)
    return with_open_amounts(items, before=end).filter(open_amount__gt=0).order_by("pk")


def _receipts(entity: Organisation, on: date) -> Any:
    """Return bank receipts with what of them settled nothing and was not paid back at the end of a day."""
    end = end_of_day(on, time_zone=entity.time_zone)
    paid_back = BankRepayment.objects.filter(status=RepaymentStatus.EXECUTED, executed_on__lte=on)
    return (
        BankReceipt.objects.filter(seller=entity, booked_on__lte=on)
        .annotate(
            left_then=F("amount")
            - sum_of(Allocation.objects.filter(allocated_at__lt=end), by="bank_receipt")
            - sum_of(paid_back, by="bank_receipt")
            - sum_of(FeeAllocation.objects.filter(allocated_at__lt=end), by="bank_receipt")
            - sum_of(OpeningSettlement.objects.filter(settled_at__lt=end), by="bank_receipt")
        )
        .exclude(left_then=0)
        .order_by("pk")
    )


def _step(due: date | None, on: date) -> int:
    late = (on - due).days if due else 0
    return next((at for at, (_, most) in enumerate(STEPS) if late <= most), len(STEPS))
