"""When an open invoice may next be tried with its customer's saved method. Read only; the rule is in the domain."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from apps.contracts.models import Contract
from apps.core.domain.zones import zone
from apps.invoices.models import Invoice
from apps.payments.domain.collecting import Tries, next_try_date
from apps.payments.domain.failures import Failure
from apps.payments.domain.status import OperationKind, OperationStatus
from apps.payments.models import DebitNotice, PaymentOperation, SavedMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """The next try of an invoice with a method.

    try_no  counts from 1 · on  the day it is for, the seller's · notice  what was announced for it, of a debit
    """

    invoice: Invoice
    method: SavedMethod
    try_no: int
    on: date
    notice: DebitNotice | None

    @property
    def is_put_off(self) -> bool:
        """Return whether it is made later than at once: on the due date, or again after a refusal."""
        return self.try_no > 1 or self.on != self.invoice.issue_date

    def needs_notice(self, amount: Decimal) -> bool:
        """Return whether the debit of so much must be announced first."""
        return self.method.is_debit and (self.notice is None or self.notice.amount.amount < amount)

    def is_now(self, amount: Decimal, *, at: datetime) -> bool:
        """Return whether so much may be collected now."""
        if self.needs_notice(amount):
            return False
        begins = self.notice.not_before if self.notice else day_begins(self.on, self.invoice)
        return begins <= at

    def may_be_debited_at(self, *, at: datetime) -> datetime:
        """Return from when a debit announced now may be made: after the notice agreed, not before its day."""
        contract = self.invoice.contract
        days = contract.debit_notice_days if contract else 1
        return max(at + timedelta(days=days), day_begins(self.on, self.invoice))


def day_begins(day: date, invoice: Invoice) -> datetime:
    """Return the first instant of a day where the seller is."""
    return datetime.combine(day, time.min, tzinfo=zone(invoice.seller.time_zone)).astimezone(UTC)


def next_try(invoice: Invoice, method: SavedMethod) -> NextTry | None:
    """Return the next try of one invoice; None: it is not tried with this method again."""
    return next_tries([(invoice, method)])[invoice.pk]


def next_tries(pairs: Iterable[tuple[Invoice, SavedMethod]]) -> dict[int, NextTry | None]:
    """Return the next try of each invoice with its method, by the invoice's pk, in two queries however many."""
    method_of = {invoice.pk: method for invoice, method in pairs}
    invoices = {invoice.pk: invoice for invoice, _ in pairs}
    among: dict[str, Any] = {"method__in": set(method_of.values())}
    made: dict[int, list[PaymentOperation]] = {pk: [] for pk in invoices}
    for operation in tries(payment__invoice__in=invoices, **among).select_related("payment").order_by("pk"):
        assert operation.payment is not None
        assert operation.payment.invoice_id is not None
        if operation.method_id == method_of[operation.payment.invoice_id].pk:
            made[operation.payment.invoice_id].append(operation)
    notices: dict[tuple[int, int, int], DebitNotice] = {}
    for notice in DebitNotice.objects.filter(invoice__in=invoices, **among).order_by("pk"):
        notices[notice.invoice_id, notice.method_id, notice.try_no] = notice
    found: dict[int, NextTry | None] = {}
    for pk, invoice in invoices.items():
        on, try_no = _day_of(invoice, made[pk]), len(made[pk]) + 1
        notice = notices.get((pk, method_of[pk].pk, try_no))
        found[pk] = NextTry(invoice=invoice, method=method_of[pk], try_no=try_no, on=on, notice=notice) if on else None
    return found


def tries(**of: Any) -> QuerySet[PaymentOperation]:
    """Return the operations that were a try of ``payment__invoice=…`` with ``method=…``, successful or not.

    A call whose key was spent on nothing is no try; its successor is.
    """
    return PaymentOperation.objects.filter(
        Q(kind=OperationKind.CONFIRM_INTENT) | Q(status=OperationStatus.REJECTED),
        payment__kind="collection",
        retried_by__isnull=True,
        **of,
    )


def _day_of(invoice: Invoice, made: list[PaymentOperation]) -> date | None:
    if not made:
        return _first_date(invoice)
    local = zone(invoice.seller.time_zone)
    payment = made[-1].payment
    assert payment is not None
    return next_try_date(
        Tries(
            count=len(made),
            first_date=made[0].created_at.astimezone(local).date(),
            last_date=made[-1].created_at.astimezone(local).date(),
            failure=Failure(code=payment.failure_code, advice=payment.failure_advice),
        )
    )


def _first_date(invoice: Invoice) -> date:
    is_at_due = invoice.contract is not None and invoice.contract.collects_on == Contract.CollectsOn.DUE
    first = invoice.due_date if is_at_due else invoice.issue_date
    assert first is not None, "an issued invoice has its days"
    return first
