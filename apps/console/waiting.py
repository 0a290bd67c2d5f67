"""What needs a person: each kind of work with how much there is of it, and a link to the rows.

Everything that is only counted is counted in one query, with the sessions that run.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, Value, Window
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounting.selectors import open_discrepancies
from apps.accounts.scope import operated_rows
from apps.console.selectors import overpaid_documents
from apps.console.tiles import Tile, list_of
from apps.contracts.models import Contract
from apps.documents.models import Mail
from apps.documents.selectors import undelivered
from apps.invoices.disputed import open_disputes
from apps.invoices.domain import line_disputes
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import BillingHold, Invoice
from apps.payments.domain.disputes import ANSWERABLE, DisputeStatus, is_pressing
from apps.payments.domain.status import PaymentStatus
from apps.payments.models import Payment, RefundRequest
from apps.payments.selectors import disputes_to_answer
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.sessions.review_queue import in_review, is_alarming
from apps.stations.models import ChargingStation
from apps.stations.selectors import online

ENDS_SOON: Final = timedelta(days=60)
UNDELIVERED_FOR: Final = timedelta(days=14)
"""How long the home page tells of a mail that did not arrive."""
STUCK: Final = (PaymentStatus.REQUIRES_PAYMENT_METHOD, PaymentStatus.REQUIRES_ACTION)

Shown = tuple[int, str, str, str]
"""How many, what, where its rows are, and the tone."""


def needs_a_person(request: HttpRequest, counts: Mapping[str, int], *, at: datetime) -> list[Tile]:
    """Return a tile for each kind of work that waits for a person, the most pressing first; none when all is well.

    counts  ``counts_of``
    """
    tiles: tuple[Shown, ...] = (
        _disputes(request, at),
        _refunds(counts["refunds"]),
        _disputed_lines(request, at),
        _overpaid(counts["overpaid"]),
        _discrepancies(counts["discrepancies"]),
        _reviews(request, at),
        _failed(counts["failed"]),
        _overdue(counts["overdue"]),
        _offline(counts["offline"]),
        _drafts(counts["drafts"]),
        _mails(counts["mails"], at),
        _contracts(counts["contracts"], at),
        _held(counts["held"]),
    )
    return [Tile(figure=str(count), label=label, url=url, tone=tone) for count, label, url, tone in tiles if count]


def counts_of(request: HttpRequest, *, overdue: int, at: datetime) -> dict[str, int]:
    """Count everything that is only counted, in one query; ``overdue`` is known from what is owed."""
    seen = ChargingStation.objects.filter(last_seen_at__isnull=False)
    rows = {
        "refunds": RefundRequest.objects.filter(status="open", expires_at__gt=at),
        "discrepancies": open_discrepancies(),
        "failed": Payment.objects.filter(status__in=STUCK).exclude(latest_charge=""),
        "offline": seen.exclude(online(at)),
        "drafts": Invoice.objects.filter(status=InvoiceStatus.DRAFT),
        "mails": undelivered(Mail.objects.filter(created_at__gte=at - UNDELIVERED_FOR)),
        "contracts": Contract.objects.filter(**_ends_soon(at)),
        "held": BillingHold.objects.filter(released_at__isnull=True),
        "live": ChargingSession.objects.filter(status=SessionStatus.LIVE),
    }
    mine = {what: operated_rows(request, found) for what, found in rows.items()}
    return {**_count_all({**mine, "overpaid": overpaid_documents(request)}), "overdue": overdue}


def _count_all(rows: Mapping[str, Any]) -> dict[str, int]:
    counted = [
        found.order_by().annotate(counted_as=Value(what)).values("counted_as").annotate(how_many=Count("*"))
        for what, found in rows.items()
    ]
    told = counted[0].union(*counted[1:], all=True).values_list("counted_as", "how_many")
    return dict.fromkeys(rows, 0) | dict(told)


def _refunds(count: int) -> Shown:
    label = ngettext("refund to confirm", "refunds to confirm", count)
    return count, label, f"{list_of('payments_refundrequest')}?status__exact=open", "warning"


def _discrepancies(count: int) -> Shown:
    label = ngettext("discrepancy with Stripe", "discrepancies with Stripe", count)
    return count, label, f"{list_of('accounting_discrepancy')}?open=1", "danger"


def _overpaid(count: int) -> Shown:
    label = ngettext("document to give money back of", "documents to give money back of", count)
    return count, label, reverse("console:to-give-back"), "danger"


def _failed(count: int) -> Shown:
    label = ngettext("failed payment", "failed payments", count)
    return count, label, f"{list_of('payments_payment')}?status__in={','.join(STUCK)}", "danger"


def _overdue(count: int) -> Shown:
    label = ngettext("overdue invoice", "overdue invoices", count)
    return count, label, f"{reverse('console:unpaid')}?overdue=1", "warning"


def _offline(count: int) -> Shown:
    label = ngettext("offline station", "offline stations", count)
    return count, label, f"{list_of('stations_chargingstation')}?connection=offline", "warning"


def _drafts(count: int) -> Shown:
    label = ngettext("draft to issue", "drafts to issue", count)
    return count, label, f"{list_of('invoices_invoice')}?status__exact=draft", "calm"


def _mails(count: int, at: datetime) -> Shown:
    label = ngettext("mail did not arrive", "mails did not arrive", count)
    since = f"{(at - UNDELIVERED_FOR).date():%Y-%m-%d}"
    return count, label, f"{list_of('documents_mail')}?arrival=failed&created_at__gte={since}", "warning"


def _contracts(count: int, at: datetime) -> Shown:
    label = ngettext("contract ends within 60 days", "contracts end within 60 days", count)
    return count, label, f"{list_of('contracts_contract')}?{urlencode(_ends_soon(at))}", "calm"


def _ends_soon(at: datetime) -> dict[str, str]:
    return {"valid_to__gte": at.isoformat(), "valid_to__lt": (at + ENDS_SOON).isoformat()}


def _held(count: int) -> Shown:
    label = ngettext("hold on billing", "holds on billing", count)
    return count, label, f"{list_of('invoices_billinghold')}?released_at__isempty=1", "calm"


def _reviews(request: HttpRequest, at: datetime) -> Shown:
    count, longest = _count_and_first(operated_rows(request, in_review()))
    is_urgent = longest is not None and is_alarming(longest.waiting_since, at)
    label = ngettext("session in review", "sessions in review", count)
    return count, label, reverse("console:reviews"), "danger" if is_urgent else "warning"


def _disputes(request: HttpRequest, at: datetime) -> Shown:
    """Return the tile of disputes to answer: how many, and until when the first can be."""
    count, first = _count_and_first(operated_rows(request, disputes_to_answer()))
    label = ngettext("dispute to answer", "disputes to answer", count)
    is_urgent = False
    if first is not None and first.due_by is not None:
        label += " " + _("by %(day)s") % {"day": f"{first.due_by:%Y-%m-%d}"}
        is_urgent = is_pressing(status=DisputeStatus(first.status), due_by=first.due_by, at=at)
    page = f"{list_of('payments_dispute')}?status__in={','.join(sorted(ANSWERABLE))}"
    return count, label, page, "danger" if is_urgent else "warning"


def _disputed_lines(request: HttpRequest, at: datetime) -> Shown:
    """Return the tile of lines whose customers wait for an answer: how many, and until when the first is due."""
    waiting = operated_rows(request, open_disputes()).select_related("line__invoice__seller")
    count, first = _count_and_first(waiting)
    label = ngettext("disputed line to answer", "disputed lines to answer", count)
    is_urgent = False
    if first is not None:
        label += " " + _("by %(day)s") % {"day": f"{first.answer_by:%Y-%m-%d}"}
        today = at.astimezone(ZoneInfo(first.line.invoice.seller.time_zone)).date()
        is_urgent = line_disputes.is_pressing(first.answer_by, today=today)
    return count, label, reverse("console:disputed-lines"), "danger" if is_urgent else "warning"


def _count_and_first(waiting: Any) -> tuple[int, Any]:
    """Return how many rows there are, and the first of them, in one query."""
    first = waiting.annotate(how_many=Window(Count("*"))).first()
    return (first.how_many, first) if first is not None else (0, None)
