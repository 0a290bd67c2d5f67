"""Charging sessions in the console: what was delivered, what needs a person, and the records made of it."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from unfold.decorators import action, display

from apps.accounts.domain.roles import SUPPORT_ROLES
from apps.accounts.scope import has_role
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core.words import duration, kwh, money
from apps.sessions import admin_budgets  # noqa: F401 - each subject has a module of its own
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import Cdr, ChargingSession, MeterReading, Reservation, StartGrant, WaitingStop

STATUS_LABELS = {
    SessionStatus.LIVE: "info",
    SessionStatus.UNRESOLVED: "warning",
    SessionStatus.SETTLED: "success",
    SessionStatus.REVIEW: "danger",
}

DRILL_DOWNS = {"station__location__id__exact", "tariff_version__tariff__id__exact", "contract__customer__id__exact"}


class ReadingInline(TenantTabular):
    model = MeterReading
    fields = ("at", "register", "context", "frame_id")
    readonly_fields = fields
    per_page = 25
    verbose_name_plural = "meter readings"

    @admin.display(description="register")
    def register(self, reading: MeterReading) -> str:
        return kwh(reading.energy_milliwh)


class CdrInline(TenantTabular):
    model = Cdr
    fields = ("revision", "energy", "net", "tax", "gross", "rated_at", "reason", "revised_by")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="energy")
    def energy(self, cdr: Cdr) -> str:
        return kwh(cdr.energy_milliwh)


def _current(session: ChargingSession) -> Cdr | None:
    """Return the record that counts, of those that are loaded with the session."""
    return max(session.cdrs.all(), key=lambda cdr: cdr.revision, default=None)


def _delivered_kwh(session: ChargingSession) -> Decimal | None:
    if session.meter_stop_milliwh is None or session.meter_start_milliwh is None:
        return None
    return Decimal(session.meter_stop_milliwh - session.meter_start_milliwh) / 1_000_000


@admin.register(ChargingSession)
class ChargingSessionAdmin(TenantAdmin):
    """Facts from the wire: never added, changed or deleted by hand. What is odd is decided with a reason."""

    empty_hint = "Sessions appear as soon as a connected station reports a start."
    list_display = ("started_at", "place", "evse_number", "who", "state", "energy", "gross", "lasted", "trace")
    list_display_links = ("started_at",)
    # A date hierarchy would look through all sessions for the years that they have.
    list_filter = (
        "status",
        "started_at",
        "authorisation",
        ("ended_by_rule", EmptyFieldListFilter),
        ("station", RelatedOnlyFieldListFilter),
        ("contract", RelatedOnlyFieldListFilter),
    )
    list_select_related = ("station__location", "evse", "contract__customer", "token")
    search_fields = (
        "station__identity",
        "id_token__startswith",
        "token__uid",
        "contract__number",
        "contract__customer__name",
        "contract__customer__email",
        "station__location__name",
        "vehicle__plate",
        "transaction_id__exact",
        "transaction_ref__exact",
    )
    fields = (
        ("state", "authorisation", "stop_reason"),
        "why_review",
        ("station", "evse_number", "transaction_id", "transaction_ref"),
        ("contract", "vehicle", "cost_centre", "id_token"),
        ("started_at", "ended_at", "ended_by_rule"),
        ("reserved_from", "occupied_until"),
        ("lasted", "settled_at"),
        ("meter_start", "meter_stop", "energy"),
        ("tariff_version", "time_zone"),
        "is_under_calibration_law",
        "trace",
    )
    readonly_fields = (
        "state",
        "why_review",
        "evse_number",
        "lasted",
        "meter_start",
        "meter_stop",
        "energy",
        "trace",
    )
    inlines = (CdrInline, ReadingInline)
    actions_detail = ("explain", "decide")
    csv_columns = {
        "session": lambda session: session.uid,
        "started_at": lambda session: session.started_at,
        "ended_at": lambda session: session.ended_at,
        "location": lambda session: session.station.location.name,
        "station": lambda session: session.station.identity,
        "evse": lambda session: session.evse.number,
        "status": lambda session: session.status,
        "customer": lambda session: session.contract.customer.name if session.contract else "",
        "contract": lambda session: session.contract.number if session.contract else "",
        "vehicle": lambda session: session.vehicle.plate if session.vehicle else "",
        "cost_centre": lambda session: session.cost_centre.code if session.cost_centre else "",
        "energy_kwh": lambda session: _delivered_kwh(session),
        "currency": lambda session: getattr(_current(session), "currency", ""),
        "net": lambda session: getattr(_current(session), "net", None),
        "gross": lambda session: getattr(_current(session), "gross", None),
    }

    def csv_rows(self, rows: Any) -> Any:
        return rows.select_related("station__location", "evse", "contract__customer", "vehicle", "cost_centre")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let Home's figures lead here by what no filter beside the list offers."""
        return lookup in DRILL_DOWNS or super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> Any:
        # Of each record what a list shows; its documents are long.
        records = Cdr.objects.only("session", "revision", "currency", "net", "gross")
        return super().get_queryset(request).prefetch_related(Prefetch("cdrs", queryset=records))

    @admin.display(description="station", ordering="station")
    def place(self, session: ChargingSession) -> str:
        return f"{session.station}, {session.station.location.name}"

    @admin.display(description="price, gross")
    def gross(self, session: ChargingSession) -> str:
        record = _current(session)
        return money(record.gross) if record else "–"

    @display(description="status", label=STATUS_LABELS, ordering="status")
    def state(self, session: ChargingSession) -> str:
        return session.status

    @admin.display(description="needs a person because")
    def why_review(self, session: ChargingSession) -> str:
        return format_html_join(mark_safe("<br>"), "{}", ((reason,) for reason in session.review_reasons)) or "–"

    @admin.display(description="EVSE", ordering="evse__number")
    def evse_number(self, session: ChargingSession) -> int:
        return session.evse.number

    @admin.display(description="customer", ordering="contract__customer__name")
    def who(self, session: ChargingSession) -> str:
        return session.contract.customer.name if session.contract else session.payer

    @admin.display(description="energy")
    def energy(self, session: ChargingSession) -> str:
        if session.meter_stop_milliwh is None or session.meter_start_milliwh is None:
            return "–"
        return kwh(session.meter_stop_milliwh - session.meter_start_milliwh)

    @admin.display(description="register at start")
    def meter_start(self, session: ChargingSession) -> str:
        return kwh(session.meter_start_milliwh)

    @admin.display(description="register at stop")
    def meter_stop(self, session: ChargingSession) -> str:
        return kwh(session.meter_stop_milliwh)

    @admin.display(description="duration")
    def lasted(self, session: ChargingSession) -> str:
        return duration(session.ended_at - session.started_at if session.ended_at else None)

    @admin.display(description="explain")
    def trace(self, session: ChargingSession) -> str:
        return format_html(
            '<a class="wl-link" href="{}">every step</a>', reverse("console:session", args=[session.uid])
        )

    def has_review_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, SUPPORT_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        actions = super().get_actions_detail(request, object_id)
        session = self.get_object(request, object_id)
        if session is not None and session.status == SessionStatus.REVIEW:
            return actions
        return [one for one in actions if one.path == "explain"]

    @action(description="Explain", url_path="explain", permissions=["view"], icon="account_tree")
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:session", args=[session.uid]))

    @action(description="Decide", url_path="decide", permissions=["review"], icon="rule")
    def decide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:review", args=[session.uid]))


@admin.register(Cdr)
class CdrAdmin(TenantAdmin):
    empty_hint = (
        "A charge record is written when a session is settled. It is never changed; a correction is revision 2."
    )
    list_display = ("session", "revision", "energy", "net", "tax", "gross", "tax_date", "rated_at")
    list_filter = ("tax_date", ("tariff_version__tariff", RelatedOnlyFieldListFilter))
    list_select_related = ("session__station", "tariff_version__tariff")
    search_fields = ("session__station__identity", "session__contract__customer__name")
    fields = (
        ("session", "revision", "purpose"),
        ("reason", "revised_by", "is_automatic"),
        ("started_at", "ended_at"),
        "energy",
        ("net", "tax", "gross"),
        ("tax_date", "tariff_version"),
        ("engine_version", "rated_at"),
        "content_hash",
        "trace",
    )
    readonly_fields = ("energy", "net", "tax", "gross", "trace")
    csv_columns = {
        "session": lambda cdr: cdr.session.uid,
        "revision": lambda cdr: cdr.revision,
        "purpose": lambda cdr: cdr.purpose,
        "tax_date": lambda cdr: cdr.tax_date,
        "tariff": lambda cdr: cdr.tariff_version.tariff.name,
        "energy_kwh": lambda cdr: Decimal(cdr.energy_milliwh) / 1_000_000,
        "currency": lambda cdr: cdr.currency,
        "net": lambda cdr: cdr.net,
        "tax": lambda cdr: cdr.tax,
        "gross": lambda cdr: cdr.gross,
        "rated_at": lambda cdr: cdr.rated_at,
        "reason": lambda cdr: cdr.reason,
    }

    def csv_rows(self, rows: Any) -> Any:
        return rows.select_related("session", "tariff_version__tariff").defer("inputs", "document")

    @admin.display(description="energy", ordering="energy_milliwh")
    def energy(self, cdr: Cdr) -> str:
        return kwh(cdr.energy_milliwh)

    @admin.display(description="explain")
    def trace(self, cdr: Cdr) -> str:
        return format_html(
            '<a class="wl-link" href="{}">every step</a>', reverse("console:session", args=[cdr.session.uid])
        )


@admin.register(StartGrant)
class StartGrantAdmin(TenantAdmin):
    empty_hint = "A grant is the permission to charge once, written before a start."
    list_display = ("granted_at", "station", "contract", "limit", "expires_at", "used_by_session")
    list_filter = (("station", RelatedOnlyFieldListFilter),)
    list_select_related = ("station", "contract__customer", "used_by_session__station")
    search_fields = ("station__identity", "contract__number")
    date_hierarchy = "granted_at"
    fields = (
        ("station", "evse"),
        "contract",
        "tariff_version",
        ("currency", "limit_amount", "waive_below", "discount_percent"),
        ("granted_at", "expires_at"),
        "used_by_session",
    )

    @admin.display(description="limit")
    def limit(self, grant: StartGrant) -> str:
        return "none" if grant.limit_amount is None else f"{grant.limit_amount.normalize():f} {grant.currency}"


@admin.register(WaitingStop)
class WaitingStopAdmin(TenantAdmin):
    """What a person looks at where no session fits: nothing can be done to a stop, but its session can be decided."""

    empty_hint = "A stop is kept here when it names no transaction of ours; it ends its session once that is known."
    list_display = ("received_at", "station", "ended_at", "register", "id_token", "transaction_id", "session")
    list_filter = (("session", EmptyFieldListFilter), ("station", RelatedOnlyFieldListFilter))
    list_select_related = ("station", "session__station")
    search_fields = ("station__identity", "id_token")
    date_hierarchy = "received_at"
    fields = ("station", ("received_at", "ended_at"), "register", ("id_token", "transaction_id"), "session", "frame_id")
    readonly_fields = ("register",)

    @admin.display(description="register", ordering="meter_stop_milliwh")
    def register(self, stop: WaitingStop) -> str:
        return kwh(stop.meter_stop_milliwh)


@admin.register(Reservation)
class ReservationAdmin(TenantAdmin):
    empty_hint = "A reservation is written when a station agrees to keep a connector for a card (station → Reserve)."
    list_display = ("reserved_at", "station", "contract", "expires_at", "status", "used_by", "expired_session")
    list_filter = ("status", ("station", RelatedOnlyFieldListFilter), ("contract", RelatedOnlyFieldListFilter))
    list_select_related = ("station", "contract__customer", "used_by__station", "expired_session__station")
    search_fields = ("station__identity", "contract__number", "contract__customer__name")
    date_hierarchy = "reserved_at"
    fields = (
        ("station", "evse", "reservation_id"),
        ("contract", "token"),
        ("tariff_version", "discount_percent"),
        ("reserved_at", "expires_at"),
        ("status", "closed_at"),
        ("used_by", "expired_session"),
    )
