"""What screens, the demo and the sweepers ask: what is open of an invoice, how its payment stands, what is due."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.invoices.disputed import disputed_amounts
from apps.invoices.domain import line_disputes
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine
from apps.payments.collecting import NextTry, next_tries
from apps.payments.credit import has_credit_for_it, sum_of
from apps.payments.domain.disputes import ANSWERABLE, MONEY_AWAY
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    CANCELABLE,
    UNFINISHED,
    AttemptStatus,
    MethodStatus,
    OperationKind,
    OperationStatus,
    PaymentStatus,
    RefundStatus,
)
from apps.payments.models import (
    Allocation,
    Dispute,
    DocumentBalance,
    FeeAllocation,
    FetchedBack,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
    SavedMethod,
    WriteOff,
)

EXPIRY_TOLD_BEFORE: Final = timedelta(days=30)
DEBIT_CURRENCY: Final = "EUR"
"""SEPA debits are in euro."""


class PaymentWord(StrEnum):
    """How an invoice stands, for people."""

    DRAFT = "draft"
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    CREDITED = "credited"
    CLOSED = "closed"
    FAILED = "failed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentState:
    """How an invoice stands, how much of it is open (gross, never below zero), and why in words.

    disputed  of what is open: what is not asked for, since its customer disputes the lines
    """

    state: PaymentWord
    open_amount: Decimal
    why: str
    disputed: Decimal = Decimal(0)

    @property
    def owed_now(self) -> Decimal:
        """What is open and not disputed."""
        return self.open_amount - self.disputed


def with_open_amounts(documents: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate ``open_amount``, ``allocated``, ``credited``, ``given_back`` and ``written_off`` (``DocumentBalance``).

    All are null of drafts and credit notes.
    """
    sums = ("allocated", "credited", "given_back", "written_off", "open_amount")
    return documents.annotate(**{name: F(f"balance__{name}") for name in sums})


def open_amount(document: Invoice) -> Decimal:
    """Return what is open of an issued document; below zero: so much is to be given back."""
    amount: Decimal = DocumentBalance.objects.values_list("open_amount", flat=True).get(pk=document.pk)
    return amount


def owed_now(invoice: Invoice) -> Decimal:
    """Return what is asked for of a document now: what is open without what its customer disputes, never below zero."""
    disputed = disputed_amounts([invoice.pk]).get(invoice.pk, Decimal(0))
    return line_disputes.owed_now(open_amount(invoice), disputed=disputed)


def to_give_back(document: Invoice, *, credited: Decimal = Decimal(0), gone: Payment | None = None) -> Decimal:
    """Return what a document was paid beyond what it is owed and no refund is under way for, never below zero.

    What of it was given up comes back before anything is given back.

    credited  gross, of a credit note that is only thought of
    gone      a payment whose money its bank took: what is only asked for of it is no refund under way
    """
    under_way = Refund.objects.filter(invoice=document, status__in=[RefundStatus.REQUESTED, RefundStatus.PENDING])
    if gone is not None:
        under_way = under_way.exclude(payment=gone, status=RefundStatus.REQUESTED)
    asked = under_way.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    return max(credited - open_amount(document) - written_off_amount(document) - asked, Decimal(0))


def surplus_of(payment: Payment) -> Decimal:
    """Return what a payment brought that settles no document or fee and is not given back, on its way or fetched."""
    settled = payment.allocations.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    settled += payment.fee_allocations.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    given = payment.refunds.filter(invoice__isnull=True).exclude(status=RefundStatus.FAILED)
    fetched = FetchedBack.objects.filter(dispute__payment=payment, invoice__isnull=True)
    gone = (given.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)) + payment.amount_returned
    gone += fetched.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    return Decimal(payment.amount_received.amount - settled - gone)


def surplus_payment_ids() -> list[int]:
    """Return the payments of which a surplus is to be given back, oldest first.

    Not top-ups, those whose receipt is still to come, those with a call under way, those whose bank has taken money
    back, and those whose surplus came back: about these a person decides.
    """
    given = Refund.objects.filter(invoice__isnull=True).exclude(status=RefundStatus.FAILED)
    came_back = Refund.objects.filter(payment=OuterRef("pk"), origin=Refund.Origin.SURPLUS, status=RefundStatus.FAILED)
    under_way = PaymentOperation.objects.filter(payment=OuterRef("pk"), status__in=UNFINISHED)
    disputed = Dispute.objects.filter(payment=OuterRef("pk"), status__in=[s.value for s in MONEY_AWAY])
    received = (
        Payment.objects.filter(status=PaymentStatus.SUCCEEDED, stripe_id__isnull=False, wallet__isnull=True)
        .exclude(kind=Payment.Kind.HOLD, attempt__receipt__isnull=True)
        .exclude(Exists(came_back) | Exists(under_way) | Exists(disputed))
        .annotate(
            settled=sum_of(Allocation.objects.all(), by="payment") + sum_of(FeeAllocation.objects.all(), by="payment"),
            given=sum_of(given, by="payment", amount="amount"),
        )
    )
    return list(
        received.filter(amount_received__gt=F("settled") + F("given") + F("amount_returned"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def written_off_amount(invoice: Invoice) -> Decimal:
    """Return what of a document is given up and did not come back."""
    return Decimal(WriteOff.objects.filter(invoice=invoice).aggregate(sum=Sum("amount"))["sum"] or 0)


def under_collection() -> Q:
    """Return the condition on documents that a call or a bank is at work on their payment, whose end is not known."""
    at_work = Payment.objects.filter(status__in=[PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_CAPTURE])
    calls = PaymentOperation.objects.filter(status__in=UNFINISHED)
    # One by one: asked for either way at once, no index finds them.
    busy = Q()
    for path in ("invoice", "attempt__receipt"):
        busy |= Q(Exists(at_work.filter(**{path: OuterRef("pk")})))
        busy |= Q(Exists(calls.filter(**{f"payment__{path}": OuterRef("pk")})))
    # A receipt waits for its driver's hold until the attempt has ended, one way or another.
    ended = PaymentAttempt.objects.filter(
        receipt=OuterRef("pk"), status__in=ATTEMPT_ENDS | {AttemptStatus.CAPTURE_FAILED}
    )
    waits = Q(kind=Invoice.Kind.RECEIPT) & ~Q(Exists(ended))
    return waits | busy


def is_under_collection(invoice: Invoice) -> bool:
    return Invoice.objects.filter(under_collection(), pk=invoice.pk).exists()


def open_invoices(**owner: Any) -> QuerySet[Any]:
    """Return customers' issued invoices with something open, of ``customer=`` and the like, the longest due first."""
    return open_among(Invoice.objects.filter(**owner)).order_by("due_date", "pk")


def open_among(invoices: QuerySet[Any]) -> QuerySet[Any]:
    """Narrow documents to customers' issued invoices with something open, and annotate ``open_amount``."""
    issued = invoices.filter(kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED, customer__isnull=False)
    return with_open_amounts(issued).filter(open_amount__gt=0)


def contract_of(invoice_id: int) -> int | None:
    """Return the contract that an invoice bills."""
    contract_id: int | None = Invoice.objects.values_list("contract_id", flat=True).get(pk=invoice_id)
    return contract_id


def active_method(customer_id: int) -> SavedMethod | None:
    """Return the method by which the customer's invoices are collected."""
    method: SavedMethod | None = SavedMethod.objects.filter(customer_id=customer_id, status=MethodStatus.ACTIVE).first()
    return method


def due_invoice_ids(*, at: datetime, customer_id: int | None = None) -> list[int]:
    """Return the invoices that ``collect_invoice`` has something to do for, oldest first; a customer's or all.

    Those open, with a saved method that is to be announced or tried now and nothing under way; those settled or
    credited while an intent for them is still open at Stripe; those open whose customer has credit; and those credited
    after they were paid by bank or written off.
    """
    method = SavedMethod.objects.filter(customer=OuterRef("customer"), status=MethodStatus.ACTIVE).values("pk")[:1]
    issued = Invoice.objects.filter(kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED)
    if customer_id is not None:
        issued = issued.filter(customer=customer_id)
    payments = Payment.objects.filter(invoice=OuterRef("pk"), kind=Payment.Kind.COLLECTION)
    under_way = PaymentOperation.objects.filter(payment__invoice=OuterRef("pk"), status__in=UNFINISHED)
    refused_cancel = PaymentOperation.objects.filter(
        payment__invoice=OuterRef("pk"), kind=OperationKind.CANCEL_INTENT, status=OperationStatus.REJECTED
    )
    busy = payments.filter(
        status__in=[PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION, PaymentStatus.REQUIRES_CAPTURE]
    )
    rows = with_open_amounts(issued.annotate(method=Subquery(method))).exclude(Exists(under_way))
    disputed = disputed_amounts()
    contested = Q(pk__in=_all_disputed(disputed))
    to_collect = rows.filter(open_amount__gt=0, method__isnull=False).exclude(Exists(busy)).exclude(contested)
    to_cancel = rows.filter(Exists(payments.filter(status__in=CANCELABLE))).exclude(Exists(refused_cancel))
    to_cancel = to_cancel.filter(Q(open_amount__lte=0) | contested)
    to_settle = rows.filter(open_amount__gt=0).filter(has_credit_for_it()).exclude(under_collection())
    to_settle = to_settle.exclude(contested)
    in_force = Allocation.objects.filter(bank_receipt__isnull=False, reverses__isnull=True, reversed_by__isnull=True)
    to_give_back = rows.filter(open_amount__lt=0).filter(
        Q(Exists(in_force.filter(invoice=OuterRef("pk")))) | Q(written_off__gt=0)
    )
    due = (to_cancel, to_settle, to_give_back)
    tried = _to_try(to_collect, disputed=disputed, at=at)
    return sorted(tried.union(*(found.values_list("pk", flat=True) for found in due)))


def _all_disputed(disputed: dict[int, Decimal]) -> list[int]:
    """Return the documents of which nothing is open but what is disputed."""
    rows = with_open_amounts(Invoice.objects.filter(pk__in=disputed)).values_list("pk", "open_amount")
    return [pk for pk, is_open in rows if is_open <= disputed[pk]]


def _to_try(invoices: QuerySet[Any], *, disputed: dict[int, Decimal], at: datetime) -> set[int]:
    """Return those of the open invoices, each annotated with its ``method``, that are to be announced or tried now."""
    found = list(invoices.select_related("seller", "contract"))
    methods = SavedMethod.objects.in_bulk({row.method for row in found})
    pairs = [
        (row, methods[row.method])
        for row in found
        if row.currency == DEBIT_CURRENCY or not methods[row.method].is_debit
    ]
    upcoming = next_tries(pairs)
    owed = {
        row.pk: line_disputes.owed_now(row.open_amount, disputed=disputed.get(row.pk, Decimal(0))) for row, _ in pairs
    }
    return {
        row.pk
        for row, _method in pairs
        if (one := upcoming[row.pk]) and (one.needs_notice(owed[row.pk]) or one.is_now(owed[row.pk], at=at))
    }


def expiring_methods(*, on: date) -> QuerySet[SavedMethod]:
    """Return the active cards that expire within 30 days of ``on``, or have expired."""
    soon = on + EXPIRY_TOLD_BEFORE
    ends = Q(expiry_year__lt=soon.year) | Q(expiry_year=soon.year, expiry_month__lt=soon.month)
    cards: QuerySet[SavedMethod] = SavedMethod.objects.filter(ends, status=MethodStatus.ACTIVE).order_by("pk")
    return cards


def attempt_of_receipt(receipt_id: int) -> int | None:
    """Return the attempt whose hold paid for the session that a receipt bills."""
    grants = InvoiceLine.objects.filter(invoice=receipt_id, cdr__isnull=False).values("cdr__session__grant")
    attempt_id: int | None = PaymentAttempt.objects.filter(grant__in=grants).values_list("pk", flat=True).first()
    return attempt_id


def documents_to_give_up() -> QuerySet[Any]:
    """Return what may be written off: invoices and receipts open for something that nothing is under way for."""
    issued = Invoice.objects.exclude(kind=Invoice.Kind.CREDIT_NOTE).filter(status=InvoiceStatus.ISSUED)
    return with_open_amounts(issued).filter(open_amount__gt=0).exclude(under_collection()).order_by("due_date", "pk")


def disputes_to_answer() -> QuerySet[Any]:
    """Return the disputes whose bank waits for our answer, the most pressing first."""
    waiting = Dispute.objects.filter(status__in=[s.value for s in ANSWERABLE], submitted_at__isnull=True)
    return waiting.order_by(F("due_by").asc(nulls_last=True), "pk")


def payment_state(invoice: Invoice) -> PaymentState:
    """Return how one document stands."""
    return payment_states([invoice])[invoice.pk]


def payment_states(invoices: Iterable[Invoice]) -> dict[int, PaymentState]:
    """Return how each document stands, by pk, in nine queries however many there are."""
    documents = {invoice.pk: invoice for invoice in invoices}
    rows = Invoice.objects.filter(pk__in=documents).select_related("seller", "contract")
    amounts = {row.pk: row for row in with_open_amounts(rows)}
    holds = {attempt.receipt_id: attempt for attempt in PaymentAttempt.objects.filter(receipt__in=documents)}
    payments: dict[int, Payment] = {}
    # By their own columns, so that indexes find them: joined, every payment of every seller would be looked at.
    paying = Payment.objects.filter(Q(invoice__in=documents) | Q(attempt__in=[hold.pk for hold in holds.values()]))
    # A page that nobody paid on says nothing of how the document stands.
    paying = paying.exclude(kind=Payment.Kind.LINK, status__in=[PaymentStatus.NEW, PaymentStatus.CANCELED])
    # The latest of each stays.
    for payment in paying.select_related("attempt").order_by("pk"):
        payments[payment.attempt.receipt_id if payment.attempt else payment.invoice_id] = payment
    busy = set(
        PaymentOperation.objects.filter(payment__in=payments.values(), status__in=UNFINISHED).values_list(
            "payment_id", flat=True
        )
    )
    customers = {invoice.customer_id for invoice in documents.values()}
    methods = {
        method.customer_id: method
        for method in SavedMethod.objects.filter(customer__in=customers, status=MethodStatus.ACTIVE)
    }
    disputed = disputed_amounts(documents)
    upcoming = next_tries(
        (row, methods[row.customer_id])
        for row in amounts.values()
        if row.customer_id in methods
        and row.kind == Invoice.Kind.INVOICE
        and row.status == InvoiceStatus.ISSUED
        and row.open_amount > disputed.get(row.pk, 0)
    )
    return {
        pk: _state(
            invoice=invoice,
            amounts=amounts[pk],
            payment=payments.get(pk),
            is_busy=pk in payments and payments[pk].pk in busy,
            method=methods.get(invoice.customer_id),
            upcoming=upcoming.get(pk),
            attempt=holds.get(pk),
            disputed=disputed.get(pk, Decimal(0)),
        )
        for pk, invoice in documents.items()
    }


def _state(
    *,
    invoice: Invoice,
    amounts: Any,
    payment: Payment | None,
    is_busy: bool,
    method: SavedMethod | None,
    upcoming: NextTry | None,
    attempt: PaymentAttempt | None,
    disputed: Decimal,
) -> PaymentState:
    if invoice.status == InvoiceStatus.DRAFT:
        return PaymentState(state=PaymentWord.DRAFT, open_amount=Decimal(0), why=_("Not issued yet."))
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return PaymentState(state=PaymentWord.CREDITED, open_amount=Decimal(0), why=_("A credit note."))
    if invoice.kind == Invoice.Kind.FEE:
        return PaymentState(state=PaymentWord.PAID, open_amount=Decimal(0), why=_("Set off in the owner's statement."))
    left = max(amounts.open_amount, Decimal(0))

    def said(state: PaymentWord, why: str) -> PaymentState:
        return PaymentState(state=state, open_amount=left, why=why, disputed=min(disputed, left))

    if left == 0:
        return said(*_settled(amounts))
    if invoice.kind == Invoice.Kind.RECEIPT and not is_busy:
        return said(*_of_hold(attempt))
    if is_busy or (payment and payment.status in (PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_CAPTURE)):
        return said(PaymentWord.PROCESSING, _("The payment is being finalised."))
    if left <= disputed:
        return said(PaymentWord.DISPUTED, _("All that is open is disputed: nothing is collected until it is answered."))
    if payment and payment.failure_message:
        return said(PaymentWord.FAILED, f"{payment.failure_message} {_coming(upcoming)}".strip())
    if invoice.customer_id is None:
        return said(PaymentWord.OPEN, _("Can be paid by its link."))
    if method is None:
        return said(PaymentWord.OPEN, _("No card is saved to collect it from."))
    return said(PaymentWord.OPEN, _coming(upcoming))


def _coming(upcoming: NextTry | None) -> str:
    """Say when and from what the next try is made; nothing where there is none."""
    if upcoming is None:
        return ""
    told = {"card": upcoming.method, "day": date_format(upcoming.on, "DATE_FORMAT")}
    if upcoming.notice is not None:
        told["day"] = date_format(upcoming.notice.debit_date, "DATE_FORMAT")
        return _("Will be debited on %(day)s from %(card)s.") % told
    if upcoming.is_put_off:
        return _("Will be collected on %(day)s from %(card)s.") % told
    return _("Will be collected from %(card)s.") % told


def _of_hold(attempt: PaymentAttempt | None) -> tuple[PaymentWord, str]:
    """Say how a receipt stands that is open for something and that no call is under way for."""
    if attempt is None or attempt.status in (AttemptStatus.AUTHORISED, AttemptStatus.CAPTURING):
        return PaymentWord.PROCESSING, _("The payment is being finalised.")
    if attempt.status == AttemptStatus.CAPTURED:
        return PaymentWord.OPEN, _("The reserved amount did not suffice.")
    return PaymentWord.OPEN, _("The reserved amount could not be taken.")


def _settled(amounts: Any) -> tuple[PaymentWord, str]:
    if amounts.credited and amounts.credited >= amounts.gross.amount:
        if amounts.given_back and amounts.given_back >= amounts.allocated:
            return PaymentWord.CREDITED, _("Credited in full; the money was given back.")
        if amounts.allocated:
            return PaymentWord.CREDITED, _("Credited in full after it was paid; the money is to be given back.")
        return PaymentWord.CREDITED, _("Credited in full.")
    if amounts.written_off:
        return PaymentWord.CLOSED, _("Nothing is asked for any more.")
    if not amounts.allocated:
        return PaymentWord.PAID, _("Nothing to pay.")
    return PaymentWord.PAID, _("Paid.")
