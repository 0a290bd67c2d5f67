"""Stripe's books in the console: payouts with what they consist of, and the list of what does not agree."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from apps.accounting.domain.differences import Sort, sort_of
from apps.accounting.models import BalanceEntry, Discrepancy, Payout
from apps.accounting.selectors import totals_by_kind, with_part_counts
from apps.accounting.services.reconciling import NotResolvable, resolve_discrepancy
from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.scope import has_role, operator_of
from apps.accounts.tenant_admin import ReasonForm, TenantAdmin
from apps.core import clock
from apps.core.words import amount, money
from apps.ledger.models import Journal

PAYOUT_LABELS: Final = {"paid": "success", "failed": "danger", "canceled": "danger", "in transit": "info"}
DISCREPANCY_LABELS: Final = {"open": "danger", "resolved": "success", "agrees by now": "success"}
KIND_NAMES: Final = {
    Sort.PAYMENT: "Payments",
    Sort.REFUND: "Refunds",
    Sort.REFUND_FAILED: "Refunds that came back",
    Sort.DISPUTE: "Disputes",
    Sort.PAYOUT_FAILED: "Payouts that came back",
    Sort.TRANSFER: "Transfers",
    Sort.FEE: "Stripe's fees",
}


@admin.register(Payout)
class PayoutAdmin(TenantAdmin):
    empty_hint = (
        "Stripe sends the balance to your bank account, usually each working day. Each payout appears here within a "
        "quarter of an hour, with the payments, fees, refunds and disputes that it consists of."
    )
    list_display = ("created_at", "paid_out", "state", "arrives_at", "consists_of", "banked_on")
    list_filter = ("status", "currency")
    search_fields = ("stripe_id",)
    date_hierarchy = "created_at"
    fields = (
        ("paid_out", "state", "failure_code"),
        ("created_at", "arrives_at", "banked_on"),
        "parts",
        ("stripe_id", "is_automatic", "synced_at"),
    )
    readonly_fields = ("paid_out", "state", "parts")

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_part_counts(super().get_queryset(request))

    @admin.display(description="paid out", ordering="amount")
    def paid_out(self, payout: Payout) -> str:
        return money(payout.amount)

    @display(description="status", label=PAYOUT_LABELS, ordering="status")
    def state(self, payout: Payout) -> str:
        return payout.status.replace("_", " ")

    @admin.display(description="consists of")
    def consists_of(self, payout: Payout) -> str:
        if not payout.is_automatic:
            return "Stripe does not say"
        if payout.lines_pulled_at is None:
            return "being read"
        parts = payout.part_count  # type: ignore[attr-defined]
        return f"{parts} movement" + ("" if parts == 1 else "s")

    @admin.display(description="consists of")
    def parts(self, payout: Payout) -> str:
        if not payout.is_automatic:
            return "It was asked for by hand. Of such a payout Stripe does not say what it consists of."
        if payout.lines_pulled_at is None:
            return "What it consists of is being read from Stripe."
        return _table(payout)


def _table(payout: Payout) -> str:
    """Return the parts by kind with totals that add up to the payout, and say so where they do not."""
    rows = totals_by_kind(payout)
    page = reverse("admin:accounting_balanceentry_changelist")
    cells = (
        (
            f"{page}?payout__id__exact={payout.pk}&kind__exact={row['kind']}",
            _kind_name(row["kind"]),
            row["count"],
            *(amount(row[each], payout.currency) for each in ("amount", "fee", "net")),
        )
        for row in rows
    )
    body = format_html_join(
        "",
        '<tr><td><a class="wl-link" href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>',
        cells,
    )
    whole = {each: sum(row[each] for row in rows) for each in ("count", "amount", "fee", "net")}
    is_right = whole["net"] == payout.amount.amount
    verdict = "This is what was paid out." if is_right else f"But {money(payout.amount)} were paid out."
    return format_html(
        '<div class="wl-scroll wl-fits"><table class="wl-sums"><thead><tr><th>What</th><th>Count</th><th>Amount</th>'
        "<th>Stripe's fee</th><th>Left</th></tr></thead><tbody>{}</tbody><tfoot><tr><th>Together</th><td>{}</td>"
        '<td>{}</td><td>{}</td><td>{}</td></tr></tfoot></table></div><p class="{}">{}</p>',
        body,
        whole["count"],
        *(amount(whole[each], payout.currency) for each in ("amount", "fee", "net")),
        "wl-muted" if is_right else "wl-bad",
        verdict,
    )


def _kind_name(kind: str) -> str:
    source = "du_" if kind == "adjustment" else ""
    return KIND_NAMES.get(sort_of(kind, source=source), kind.replace("_", " ").capitalize())


@admin.register(BalanceEntry)
class BalanceEntryAdmin(TenantAdmin):
    empty_hint = (
        "Each movement on your Stripe balance appears here, tied to the journal in your books that says the same."
    )
    list_display = ("created_at", "what", "moved", "costs", "left", "payout", "ours")
    list_filter = ("kind", "currency", ("journal_key", admin.EmptyFieldListFilter))
    list_select_related = ("payout",)
    search_fields = ("stripe_id__startswith", "source__startswith", "intent__startswith", "journal_key__startswith")
    date_hierarchy = "created_at"
    fields = (
        ("what", "description"),
        ("moved", "costs", "left"),
        ("created_at", "available_on", "payout"),
        ("ours", "matched_at"),
        ("stripe_id", "source", "intent"),
    )
    readonly_fields = ("what", "moved", "costs", "left", "ours")

    def get_queryset(self, request: HttpRequest) -> Any:
        journal = Journal.objects.filter(entity=OuterRef("seller"), key=OuterRef("journal_key")).values("pk")
        return super().get_queryset(request).annotate(journal_id=Subquery(journal))

    @admin.display(description="what", ordering="kind")
    def what(self, entry: BalanceEntry) -> str:
        return entry.kind.replace("_", " ")

    @admin.display(description="amount", ordering="amount")
    def moved(self, entry: BalanceEntry) -> str:
        return money(entry.amount)

    @admin.display(description="Stripe's fee", ordering="fee")
    def costs(self, entry: BalanceEntry) -> str:
        return money(entry.fee)

    @admin.display(description="left", ordering="net")
    def left(self, entry: BalanceEntry) -> str:
        return money(entry.net)

    @admin.display(description="in our books", ordering="journal_key")
    def ours(self, entry: BalanceEntry) -> str:
        if entry.journal_id is None:  # type: ignore[attr-defined]
            return entry.journal_key or "nothing yet"
        page = reverse("admin:ledger_journal_change", args=[entry.journal_id])  # type: ignore[attr-defined]
        return format_html('<a class="wl-link" href="{}">{}</a>', page, entry.journal_key)


class IsOpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Open"), ("0", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in ("0", "1"):
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "1")


@admin.register(Discrepancy)
class DiscrepancyAdmin(TenantAdmin):
    empty_hint = (
        "Stripe's books and yours agree. They are compared every quarter of an hour; whatever one of them "
        "knows and the other does not is listed here with what probably happened, for you to work off."
    )
    list_display = ("found_at", "subject", "stripe_says", "we_say", "cause", "state")
    list_filter = (IsOpenFilter, "kind")
    search_fields = ("subject", "key", "cause", "note")
    date_hierarchy = "found_at"
    fields = (
        "subject",
        ("stripe_says", "we_say"),
        "cause",
        ("found_at", "state"),
        ("resolved_at", "resolved_by", "note"),
        ("entry", "payout"),
    )
    readonly_fields = ("state",)
    csv_columns = {
        "found_at": lambda row: row.found_at,
        "subject": lambda row: row.subject,
        "stripe_says": lambda row: row.stripe_says,
        "we_say": lambda row: row.we_say,
        "cause": lambda row: row.cause,
        "resolved_at": lambda row: row.resolved_at,
        "note": lambda row: row.note,
    }
    actions_detail = ("resolve",)

    @display(description="state", label=DISCREPANCY_LABELS, ordering="resolved_at")
    def state(self, row: Discrepancy) -> str:
        if row.resolved_at is None:
            return "open"
        return "agrees by now" if row.resolved_by_id is None else "resolved"

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        row = self.get_object(request, object_id)
        is_open = row is not None and row.resolved_at is None
        return super().get_actions_detail(request, object_id) if is_open else []

    @action(description="Resolve", url_path="resolve", permissions=["money"], icon="task_alt")
    def resolve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            resolve_discrepancy(discrepancy_id=row.pk, note=cleaned["reason"], by=operator_of(request), at=clock.now())
            return "Resolved. It is not listed again."

        return self.act(
            request,
            obj=row,
            title=f"Resolve: {row.subject}",
            text=f"Stripe says {row.stripe_says}; your books say {row.we_say}. {row.cause} Say what was done about it, "
            "for example who made it and under which journal it is booked.",
            submit="Resolve",
            form_class=ReasonForm,
            refused=(NotResolvable,),
            do=do,
        )
