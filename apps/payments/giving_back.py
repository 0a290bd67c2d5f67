"""Whose documents were paid beyond what they are for since they were credited: given back by itself, or by a person."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments.credit import sum_of
from apps.payments.domain.disputes import UNDECIDED
from apps.payments.domain.status import UNFINISHED, RefundStatus
from apps.payments.models import Allocation, Dispute, Refund
from apps.payments.selectors import under_collection, with_open_amounts


def refundable_ids(documents: QuerySet[Any] | None = None, *, after_failure: bool = False) -> list[int]:
    """Return the customers' invoices of which money of a card or account is to go back by itself, oldest first.

    documents      among these; None: among all
    after_failure  also those of which a refund came back: a person asks for another
    """
    theirs = _overpaid(Invoice.objects.all() if documents is None else documents).filter(
        kind=Invoice.Kind.INVOICE, customer__isnull=False
    )
    busy = _paying().filter(payment__operations__status__in=UNFINISHED)
    free = theirs.filter(Exists(_paying())).exclude(Exists(_disputes()) | Exists(busy))
    if not after_failure:
        free = free.exclude(Exists(_came_back()))
    return list(free.exclude(under_collection()).order_by("pk").values_list("pk", flat=True))


def to_give_back_by_hand(documents: QuerySet[Any]) -> QuerySet[Any]:
    """Narrow documents to those of which a person has to give money back, with ``too_much`` (gross, > 0), oldest first.

    Annotated with why: ``came_back`` (a refund did), ``is_disputed`` (its bank has not decided yet); neither: it is a
    driver’s, and was only credited.
    """
    told = _overpaid(documents).annotate(came_back=Exists(_came_back()), is_disputed=Exists(_disputes()))
    return told.filter(Q(came_back=True) | Q(is_disputed=True) | Q(customer__isnull=True)).order_by("pk")


def _overpaid(documents: QuerySet[Any]) -> QuerySet[Any]:
    """Narrow to credited documents with ``too_much``: paid, no more owed or given up, no refund of it under way."""
    notes = Invoice.objects.filter(credits=OuterRef("pk"), status=InvoiceStatus.ISSUED)
    credited = documents.filter(Exists(notes), status=InvoiceStatus.ISSUED).exclude(kind=Invoice.Kind.TOP_UP)
    under_way = Refund.objects.filter(status__in=[RefundStatus.REQUESTED, RefundStatus.PENDING])
    asked = sum_of(under_way, by="invoice")
    return (
        with_open_amounts(credited)
        .annotate(too_much=-F("open_amount") - F("written_off") - asked)
        # The first follows from the second, and finds the few that are not settled.
        .filter(open_amount__lt=0, too_much__gt=0)
    )


def _paying() -> QuerySet[Any]:
    """Return, for use in ``Exists``, what payments at Stripe settle of a document."""
    return Allocation.objects.filter(invoice=OuterRef("pk"), payment__stripe_id__isnull=False).order_by()


def _came_back() -> QuerySet[Any]:
    return Refund.objects.filter(invoice=OuterRef("pk"), status=RefundStatus.FAILED).order_by()


def _disputes() -> QuerySet[Any]:
    away = [status.value for status in UNDECIDED]
    return Dispute.objects.filter(payment__allocations__invoice=OuterRef("pk"), status__in=away).order_by()
