"""The console's first page: what needs a person, and today's counts, each a link to the rows behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounting.selectors import open_discrepancies
from apps.accounts.scope import acting_membership, operated_rows
from apps.console.onboarding import card_of
from apps.console.selectors import unpaid_invoices
from apps.core import clock
from apps.core.words import amount, kwh
from apps.invoices.disputed import open_disputes
from apps.invoices.domain import line_disputes
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.payments.domain.disputes import ANSWERABLE, DisputeStatus, is_pressing
from apps.payments.domain.status import PaymentStatus
from apps.payments.models import Payment, RefundRequest
from apps.payments.selectors import disputes_to_answer
from apps.sessions.domain.status import SessionStatus
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.review_queue import in_review as in_review_sessions
from apps.sessions.review_queue import is_alarming
from apps.stations.models import ChargingStation
from apps.stations.selectors import online


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure and where its rows are listed; ``tone`` is calm, warning or danger."""

    figure: str
    label: str
    url: str
    tone: str = "calm"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the home page's tiles to the admin index (setting UNFOLD, DASHBOARD_CALLBACK)."""
    at = clock.now()
    membership = acting_membership(request)
    zone = ZoneInfo(membership.organisation.time_zone) if membership else ZoneInfo("UTC")
    midnight = datetime.combine(at.astimezone(zone).date(), time(), tzinfo=zone)
    return context | {
        "title": membership.organisation.name if membership else _("All organisations"),
        "attention": needs_a_person(request, at=at),
        "today": counts_of_today(request, midnight=midnight),
        "checklist": card_of(request),
    }


def needs_a_person(request: HttpRequest, *, at: datetime) -> list[Tile]:
    """Return a tile for each kind of work that waits for a person; none when all is well."""
    waiting = operated_rows(request, in_review_sessions())
    in_review = waiting.count()
    longest = waiting.first()
    is_alarming_review = longest is not None and is_alarming(longest.waiting_since, at)
    seen = operated_rows(request, ChargingStation.objects.filter(last_seen_at__isnull=False))
    offline = seen.exclude(online(at)).count()
    drafts = operated_rows(request, Invoice.objects.filter(status=InvoiceStatus.DRAFT)).count()
    stuck = (PaymentStatus.REQUIRES_PAYMENT_METHOD, PaymentStatus.REQUIRES_ACTION)
    failed = operated_rows(request, Payment.objects.filter(status__in=stuck).exclude(latest_charge="")).count()
    overdue = unpaid_invoices(request).filter(due_date__lt=at.date()).count()
    discrepancies = operated_rows(request, open_discrepancies()).count()
    to_confirm = operated_rows(request, RefundRequest.objects.filter(status="open", expires_at__gt=at)).count()
    tiles = (
        _disputes(request, at=at),
        (
            to_confirm,
            ngettext("refund to confirm", "refunds to confirm", to_confirm),
            f"{_list('payments_refundrequest')}?status__exact=open",
            "warning",
        ),
        _disputed_lines(request, at=at),
        (
            discrepancies,
            ngettext("discrepancy with Stripe", "discrepancies with Stripe", discrepancies),
            f"{_list('accounting_discrepancy')}?open=1",
            "danger",
        ),
        (
            in_review,
            ngettext("session in review", "sessions in review", in_review),
            reverse("console:reviews"),
            "danger" if is_alarming_review else "warning",
        ),
        (
            failed,
            ngettext("failed payment", "failed payments", failed),
            f"{_list('payments_payment')}?status__in={','.join(stuck)}",
            "danger",
        ),
        (
            overdue,
            ngettext("overdue invoice", "overdue invoices", overdue),
            f"{reverse('console:unpaid')}?overdue=1",
            "warning",
        ),
        (
            offline,
            ngettext("offline station", "offline stations", offline),
            f"{_list('stations_chargingstation')}?connection=offline",
            "warning",
        ),
        (
            drafts,
            ngettext("draft to issue", "drafts to issue", drafts),
            f"{_list('invoices_invoice')}?status__exact=draft",
            "calm",
        ),
    )
    return [Tile(figure=str(count), label=label, url=url, tone=tone) for count, label, url, tone in tiles if count]


def _disputes(request: HttpRequest, *, at: datetime) -> tuple[int, str, str, str]:
    """Return the tile of disputes to answer: how many, and until when the first can be."""
    waiting = operated_rows(request, disputes_to_answer())
    count, first = waiting.count(), waiting.first()
    label = ngettext("dispute to answer", "disputes to answer", count)
    is_urgent = False
    if first is not None and first.due_by is not None:
        label += " " + _("by %(day)s") % {"day": f"{first.due_by:%Y-%m-%d}"}
        is_urgent = is_pressing(status=DisputeStatus(first.status), due_by=first.due_by, at=at)
    page = f"{_list('payments_dispute')}?status__in={','.join(sorted(ANSWERABLE))}"
    return count, label, page, "danger" if is_urgent else "warning"


def _disputed_lines(request: HttpRequest, *, at: datetime) -> tuple[int, str, str, str]:
    """Return the tile of lines whose customers wait for an answer: how many, and until when the first is due."""
    waiting = operated_rows(request, open_disputes()).select_related("line__invoice__seller")
    count, first = waiting.count(), waiting.first()
    label = ngettext("disputed line to answer", "disputed lines to answer", count)
    is_urgent = False
    if first is not None:
        label += " " + _("by %(day)s") % {"day": f"{first.answer_by:%Y-%m-%d}"}
        today = at.astimezone(ZoneInfo(first.line.invoice.seller.time_zone)).date()
        is_urgent = line_disputes.is_pressing(first.answer_by, today=today)
    return count, label, reverse("console:disputed-lines"), "danger" if is_urgent else "warning"


def counts_of_today(request: HttpRequest, *, midnight: datetime) -> list[Tile]:
    """Return today's figures; ``midnight`` is the local day's first instant."""
    sessions = operated_rows(request, ChargingSession.objects.all()).aggregate(
        live=Count("pk", filter=Q(status=SessionStatus.LIVE)),
        today=Count("pk", filter=Q(started_at__gte=midnight)),
    )
    records = current_revisions(operated_rows(request, Cdr.objects.filter(ended_at__gte=midnight)))
    delivered = records.aggregate(energy=Sum("energy_milliwh"))["energy"] or 0
    since = urlencode({"started_at__gte": midnight.isoformat()})
    listed = _list("charging_sessions_chargingsession")
    return [
        Tile(figure=str(sessions["live"]), label=_("charging now"), url=f"{listed}?status__exact=live"),
        Tile(figure=str(sessions["today"]), label=_("sessions started today"), url=f"{listed}?{since}"),
        Tile(figure=kwh(delivered), label=_("delivered and priced today"), url=_list("charging_sessions_cdr")),
        *_revenue(records),
    ]


def _revenue(records: QuerySet[Cdr]) -> Sequence[Tile]:
    sums = records.order_by("currency").values_list("currency").annotate(total=Sum("gross"))
    return [
        Tile(figure=amount(total, currency), label=_("earned today, gross"), url=_list("charging_sessions_cdr"))
        for currency, total in sums
    ]


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")
