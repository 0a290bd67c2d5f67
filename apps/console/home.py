"""The console's first page: what needs a person, each a link to the rows behind it, and a period's figures."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum, Window
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from apps.accounting.selectors import open_discrepancies
from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.scope import acting_membership, has_role, operated_rows
from apps.console.onboarding import card_of
from apps.console.performance import EXPORTS, Performance
from apps.console.periods import OFFERED, read_period
from apps.console.selectors import unpaid_invoices
from apps.contracts.models import Contract
from apps.core import clock
from apps.core.domain.cells import csv_text
from apps.core.words import amount
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
from apps.sessions.review_queue import in_review as in_review_sessions
from apps.sessions.review_queue import is_alarming
from apps.stations.models import ChargingStation, Location
from apps.stations.selectors import online

ENDS_SOON: Final = timedelta(days=60)
UNDELIVERED_FOR: Final = timedelta(days=14)
"""How long the home page tells of a mail that did not arrive."""


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
    period = read_period(request.GET.dict(), time_zone=zone.key, at=at)
    performance = Performance(request, period)
    return context | {
        "title": membership.organisation.name if membership else _("All organisations"),
        "attention": needs_a_person(request, at=at),
        "checklist": card_of(request),
        "now": now_and_open(request),
        "has_location": operated_rows(request, Location.objects.all()).exists(),
        "period": period,
        "presets": [(preset.value, label, preset is period.preset) for preset, label in OFFERED.items()],
        "performance": performance,
    }


@require_GET
def figures_file(request: HttpRequest, what: str) -> HttpResponse:
    """Send one of Home's tables as CSV, all of its rows: the period is in the address, as on the page."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    if what not in EXPORTS:
        raise Http404("no such table")
    membership = acting_membership(request)
    zone = membership.organisation.time_zone if membership else "UTC"
    period = read_period(request.GET.dict(), time_zone=zone, at=clock.now())
    response = HttpResponse(csv_text(Performance(request, period).export(what)), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="{what}-{period.first}-{period.last}.csv"'
    return response


def needs_a_person(request: HttpRequest, *, at: datetime) -> list[Tile]:
    """Return a tile for each kind of work that waits for a person; none when all is well."""
    in_review, longest = _count_and_first(operated_rows(request, in_review_sessions()))
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
        _mails(request, at=at),
        _contracts(request, at=at),
        _held(request),
    )
    return [Tile(figure=str(count), label=label, url=url, tone=tone) for count, label, url, tone in tiles if count]


def _disputes(request: HttpRequest, *, at: datetime) -> tuple[int, str, str, str]:
    """Return the tile of disputes to answer: how many, and until when the first can be."""
    count, first = _count_and_first(operated_rows(request, disputes_to_answer()))
    label = ngettext("dispute to answer", "disputes to answer", count)
    is_urgent = False
    if first is not None and first.due_by is not None:
        label += " " + _("by %(day)s") % {"day": f"{first.due_by:%Y-%m-%d}"}
        is_urgent = is_pressing(status=DisputeStatus(first.status), due_by=first.due_by, at=at)
    page = f"{_list('payments_dispute')}?status__in={','.join(sorted(ANSWERABLE))}"
    return count, label, page, "danger" if is_urgent else "warning"


def _mails(request: HttpRequest, *, at: datetime) -> tuple[int, str, str, str]:
    """Return the tile of mails of the last days that did not reach whom they were for."""
    since = at - UNDELIVERED_FOR
    count = operated_rows(request, undelivered(Mail.objects.filter(created_at__gte=since))).count()
    label = ngettext("mail did not arrive", "mails did not arrive", count)
    page = f"{_list('documents_mail')}?arrival=failed&created_at__gte={since.date():%Y-%m-%d}"
    return count, label, page, "warning"


def _disputed_lines(request: HttpRequest, *, at: datetime) -> tuple[int, str, str, str]:
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


def now_and_open(request: HttpRequest) -> list[Tile]:
    """Return who charges now, and what customers still owe, currency by currency."""
    live = operated_rows(request, ChargingSession.objects.filter(status=SessionStatus.LIVE)).count()
    owed = unpaid_invoices(request).order_by("currency").values_list("currency").annotate(open=Sum("open_amount"))
    listed = _list("charging_sessions_chargingsession")
    return [
        Tile(figure=str(live), label=_("charging now"), url=f"{listed}?status__exact=live"),
        *(
            Tile(figure=amount(total, currency), label=_("owed by customers, gross"), url=reverse("console:unpaid"))
            for currency, total in owed
        ),
    ]


def _count_and_first(waiting: Any) -> tuple[int, Any]:
    """Return how many rows there are, and the first of them, in one query."""
    first = waiting.annotate(how_many=Window(Count("*"))).first()
    return (first.how_many, first) if first is not None else (0, None)


def _contracts(request: HttpRequest, *, at: datetime) -> tuple[int, str, str, str]:
    """Return the tile of contracts that end soon and would have to be renewed."""
    ends = {"valid_to__gte": at.isoformat(), "valid_to__lt": (at + ENDS_SOON).isoformat()}
    count = operated_rows(request, Contract.objects.filter(**ends)).count()
    label = ngettext("contract ends within 60 days", "contracts end within 60 days", count)
    return count, label, f"{_list('contracts_contract')}?{urlencode(ends)}", "calm"


def _held(request: HttpRequest) -> tuple[int, str, str, str]:
    count = operated_rows(request, BillingHold.objects.filter(released_at__isnull=True)).count()
    label = ngettext("hold on billing", "holds on billing", count)
    return count, label, f"{_list('invoices_billinghold')}?released_at__isempty=1", "calm"


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")
