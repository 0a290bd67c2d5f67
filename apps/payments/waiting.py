"""What the sweepers ask: which rows wait to be looked at again, whatever became of their bells and events."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine
from apps.payments.domain.disputes import DISPUTE_ENDS
from apps.payments.domain.status import (
    OPEN_PAYMENT,
    UNFINISHED,
    WAITING_FOR_MONEY,
    AttemptStatus,
    MethodStatus,
    PaymentStatus,
    RefundStatus,
)
from apps.payments.models import (
    Dispute,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
    SavedMethod,
    StripeEvent,
)
from apps.payments.selectors import disputes_to_answer

DISPUTES_UNHEARD_FOR: Final = timedelta(days=30)
"""How far back Stripe's disputes are listed for one that no event told of; Stripe retries events for three days."""
RESYNC_AFTER: Final = timedelta(hours=1)
PAGE_RESYNC_AFTER: Final = timedelta(minutes=1)


def due_operation_ids(*, at: datetime) -> list[int]:
    """Return the unfinished operations whose alarm has gone off, the longest waiting first."""
    due = PaymentOperation.objects.filter(status__in=UNFINISHED, next_try_at__lte=at)
    return list(due.order_by("next_try_at").values_list("pk", flat=True)[:500])


def due_event_ids(*, at: datetime) -> list[int]:
    """Return the events that wait to be processed, the longest waiting first."""
    due = StripeEvent.objects.filter(processed_at__isnull=True, next_try_at__lte=at)
    return list(due.order_by("next_try_at").values_list("pk", flat=True)[:500])


def stale_payment_ids(*, at: datetime) -> list[int]:
    """Return the collections and links to look at again: Stripe may move them, or owes us their fee, and no event said.

    Open ones and those with a refund under way are looked at hourly; those whose fee is not known, for a day.
    """
    made = Payment.objects.exclude(kind=Payment.Kind.HOLD).exclude(stripe_id__isnull=True, page_id__isnull=True)
    stale = made.filter(synced_at__lte=at - RESYNC_AFTER).filter(
        Q(status__in=OPEN_PAYMENT)
        | Exists(Refund.objects.filter(payment=OuterRef("pk"), status=RefundStatus.PENDING))
        | Q(status=PaymentStatus.SUCCEEDED, balance_transaction="", succeeded_at__gt=at - timedelta(days=1))
    )
    return list(stale.exclude(operations__status__in=UNFINISHED).order_by("synced_at").values_list("pk", flat=True))


def stale_method_ids(*, at: datetime) -> list[int]:
    """Return the requested methods to look at again: the customer may have saved a card and no event said so."""
    requested = SavedMethod.objects.filter(status=MethodStatus.REQUESTED, checkout_session_id__isnull=False)
    return list(
        requested.annotate(seen_at=Coalesce("synced_at", "requested_at"))
        .filter(seen_at__lte=at - RESYNC_AFTER)
        .values_list("pk", flat=True)
    )


def uncaptured_receipt_ids() -> list[int]:
    """Return the issued receipts whose attempt has not heard of them, oldest first."""
    unheard = PaymentAttempt.objects.filter(grant__isnull=False, receipt__isnull=True)
    lines = InvoiceLine.objects.filter(
        cdr__session__grant__in=unheard.values("grant"),
        invoice__kind=Invoice.Kind.RECEIPT,
        invoice__status=InvoiceStatus.ISSUED,
    )
    return sorted(set(lines.values_list("invoice_id", flat=True)))


def overdue_attempt_ids(*, at: datetime, older_than: timedelta) -> list[int]:
    """Return the attempts that nobody has paid in time and no call is under way for."""
    waiting = PaymentAttempt.objects.filter(status__in=WAITING_FOR_MONEY, created_at__lte=at - older_than)
    under_way = PaymentOperation.objects.filter(payment__attempt=OuterRef("pk"), status__in=UNFINISHED)
    return list(waiting.exclude(Exists(under_way)).order_by("pk").values_list("pk", flat=True))


def stale_attempt_ids(*, at: datetime) -> list[int]:
    """Return the attempts to look at again: Stripe may move them and no event said so.

    Open pages each minute, since a driver waits who has paid; what is held, taken or given back hourly; those whose
    fee or refund is not known, for a day.
    """
    unfinished = PaymentOperation.objects.filter(payment=OuterRef("pk"), status__in=UNFINISHED)
    holds = Payment.objects.filter(kind=Payment.Kind.HOLD, attempt__checkout_session_id__isnull=False)
    old, day_ago = Q(synced_at__lte=at - RESYNC_AFTER), at - timedelta(days=1)
    looks = (
        holds.filter(attempt__status=AttemptStatus.CHECKOUT_OPEN, synced_at__lte=at - PAGE_RESYNC_AFTER),
        holds.filter(old, attempt__ended_at__isnull=True),
        holds.filter(old, balance_transaction="", status=PaymentStatus.SUCCEEDED, succeeded_at__gt=day_ago),
        holds.filter(old, refunds__status=RefundStatus.PENDING),
    )
    stale = (look.exclude(Exists(unfinished)).values_list("attempt_id", flat=True) for look in looks)
    return sorted({attempt_id for look in stale for attempt_id in look})


def expiring_attempt_ids(*, until: datetime) -> list[int]:
    """Return the attempts whose hold ends by ``until`` and whose charge has no receipt yet, the most urgent first."""
    holds = Payment.objects.filter(capture_before__lte=until, attempt__status=AttemptStatus.AUTHORISED)
    unbilled = holds.filter(attempt__receipt__isnull=True, attempt__grant__used_by_session__isnull=False)
    return list(unbilled.order_by("capture_before").values_list("attempt_id", flat=True))


def unprepared_dispute_ids() -> list[int]:
    """Return the disputes to answer for which our facts were not put together yet."""
    return list(disputes_to_answer().filter(prepared_at__isnull=True).values_list("pk", flat=True))


def stale_disputes(*, at: datetime) -> list[tuple[str, int]]:
    """Return (id at Stripe, payment) of the disputes that are not over, to be looked at again each hour."""
    open_ = Dispute.objects.exclude(status__in=[s.value for s in DISPUTE_ENDS])
    return list(open_.filter(synced_at__lte=at - RESYNC_AFTER).values_list("stripe_id", "payment_id"))
