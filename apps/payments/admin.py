"""Money at Stripe in the console: read only; payments move by projecting Stripe's objects, refunds have a page."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from apps.accounts.domain.roles import SUPPORT_ROLES
from apps.accounts.scope import has_role
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.invoices.models import Invoice
from apps.payments import (  # noqa: F401 their classes register themselves
    admin_bank,
    admin_disputes,
    admin_dunning,
    admin_openings,
    admin_refund_requests,
    admin_searches,
    admin_wallets,
    admin_write_offs,
)
from apps.payments.domain.status_words import attempt_in_words, payment_in_words
from apps.payments.models import (
    Allocation,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
    SavedMethod,
    StripeEvent,
    Transfer,
)

ATTEMPT_LABELS = {
    attempt_in_words("created"): "",
    attempt_in_words("checkout_expired"): "",
    attempt_in_words("released"): "",
    attempt_in_words("captured"): "success",
    attempt_in_words("authorised"): "info",
    attempt_in_words("capturing"): "info",
    attempt_in_words("checkout_open"): "info",
    attempt_in_words("hold_expired"): "danger",
    attempt_in_words("capture_failed"): "danger",
    attempt_in_words("payment_failed"): "danger",
    attempt_in_words("releasing"): "warning",
}

PAYMENT_LABELS = {
    payment_in_words("new"): "",
    payment_in_words("requires_confirmation"): "",
    payment_in_words("requires_capture"): "info",
    payment_in_words("succeeded"): "success",
    payment_in_words("processing"): "info",
    payment_in_words("requires_payment_method"): "danger",
    payment_in_words("requires_action"): "warning",
    payment_in_words("canceled"): "warning",
}
ACCOUNT_FIELDS = ("country", "bank_code", "mandate_reference")
METHOD_TIMES = ("requested_at", "activated_at", "ended_at", "ended_why")
OPERATION_LABELS = {"done": "success", "rejected": "danger", "unknown": "warning", "pending": "info"}


class OperationInline(TenantTabular):
    model = PaymentOperation
    fk_name = "payment"
    fields = ("created_at", "what", "status", "attempts", "next_try_at", "ended_at", "error")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="what")
    def what(self, operation: PaymentOperation) -> str:
        return operation.asks


class AllocationInline(TenantTabular):
    model = Allocation
    fk_name = "payment"
    fields = ("invoice", "settles", "reason", "allocated_at")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="settles")
    def settles(self, allocation: Allocation) -> str:
        return money(allocation.amount)


class RefundInline(TenantTabular):
    model = Refund
    fields = (
        "requested_at",
        "origin",
        "status",
        "gives_back",
        "credit_note",
        "reason",
        "requested_by",
        "failure_message",
    )
    readonly_fields = fields

    @admin.display(description="gives back")
    def gives_back(self, refund: Refund) -> str:
        return money(refund.amount)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(TenantAdmin):
    """The token is not shown: whoever knows it is the driver."""

    empty_hint = "Drivers who scan the sticker of a connector and pay by phone appear here."
    list_display = ("created_at", "evse", "state", "holds", "captured", "receipt", "why")
    list_filter = ("status", ("evse", RelatedOnlyFieldListFilter))
    list_select_related = ("evse__station", "receipt", "payment")
    search_fields = ("pay_code", "receipt__number", "payment__stripe_id__startswith", "checkout_session_id__startswith")
    date_hierarchy = "created_at"
    fields = (
        ("evse", "pay_code"),
        "state",
        ("holds", "captured", "held_until"),
        "why",
        ("receipt", "session"),
        ("tariff_version", "language"),
        ("created_at", "authorised_at", "ended_at"),
        "payment_page",
        "calls",
    )
    readonly_fields = ("state", "holds", "captured", "held_until", "why", "session", "payment_page", "calls")
    actions_detail = ("refund",)
    csv_columns = {
        "created_at": lambda attempt: attempt.created_at,
        "ended_at": lambda attempt: attempt.ended_at,
        "station": lambda attempt: attempt.evse.station.identity,
        "evse": lambda attempt: attempt.evse.number,
        "status": lambda attempt: attempt.status,
        "currency": lambda attempt: attempt.currency,
        "held": lambda attempt: None if attempt.is_free else attempt.hold_amount,
        "captured": lambda attempt: None if attempt.is_free else attempt.payment.amount_received,
        "receipt": lambda attempt: attempt.receipt.number if attempt.receipt else "",
        "why": lambda attempt: attempt.failure_message or attempt.release_reason,
    }

    def csv_rows(self, rows: Any) -> Any:
        return rows.select_related("evse__station", "receipt", "payment")

    @display(
        description="status",
        label=ATTEMPT_LABELS,
        ordering="status",
    )
    def state(self, attempt: PaymentAttempt) -> str:
        return attempt.stands

    @admin.display(description="held", ordering="hold_amount")
    def holds(self, attempt: PaymentAttempt) -> str:
        return "nothing, free of charge" if attempt.is_free else money(attempt.hold_amount)

    @admin.display(description="captured", ordering="payment__amount_received")
    def captured(self, attempt: PaymentAttempt) -> str:
        return "–" if attempt.is_free else money(attempt.payment.amount_received)

    @admin.display(description="the bank holds it until")
    def held_until(self, attempt: PaymentAttempt) -> Any:
        return None if attempt.is_free else attempt.payment.capture_before

    @admin.display(description="why")
    def why(self, attempt: PaymentAttempt) -> str:
        return attempt.failure_message or attempt.release_reason.replace("_", " ") or "–"

    @admin.display(description="session")
    def session(self, attempt: PaymentAttempt) -> str:
        session = attempt.grant.used_by_session if attempt.grant else None
        if session is None:
            return "–"
        return format_html(
            '<a class="wl-link" href="{}">every step</a>', reverse("console:session", args=[session.uid])
        )

    @admin.display(description="at Stripe")
    def payment_page(self, attempt: PaymentAttempt) -> str:
        if attempt.is_free:
            return "–"
        page = reverse("admin:payments_payment_change", args=[attempt.payment.pk])
        return format_html('<a class="wl-link" href="{}">{}</a>', page, attempt.payment.stripe_id or "not made yet")

    @admin.display(description="calls")
    def calls(self, attempt: PaymentAttempt) -> str:
        if attempt.is_free:
            return "–"
        rows = (
            (
                reverse("admin:payments_paymentoperation_change", args=[call.pk]),
                call.asks,
                call.status,
                f"{call.created_at:%Y-%m-%d %H:%M:%S}",
                call.error,
            )
            for call in attempt.payment.operations.order_by("pk")
        )
        return format_html_join("", '<div><a class="wl-link" href="{}">{}</a>: {} · {} UTC {}</div>', rows) or "–"

    def has_support_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, SUPPORT_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        attempt = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if attempt and attempt.receipt_id else []

    @action(description="Credit or refund", url_path="refund", permissions=["support"], icon="undo")
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        attempt = self.get_object_or_404(request, object_id)
        if attempt.receipt is None:
            raise Http404("no receipt yet")
        document = Invoice.objects.filter(replaces=attempt.receipt).first() or attempt.receipt
        return HttpResponseRedirect(reverse("console:refund", args=[document.uid]))


@admin.register(Payment)
class PaymentAdmin(TenantAdmin):
    empty_hint = "Issued invoices of customers with a saved card are collected by themselves; each try appears here."
    list_display = ("created_at", "kind", "pays", "customer", "state", "asked", "received", "failure_message")
    list_filter = ("kind", "status", ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("invoice", "customer", "attempt__receipt")
    search_fields = (
        "invoice__number",
        "attempt__receipt__number",
        "customer__name",
        "customer__number",
        "customer__email",
        "stripe_id__startswith",
        "uid__exact",
    )
    csv_columns = {
        "payment": lambda payment: payment.uid,
        "created_at": lambda payment: payment.created_at,
        "succeeded_at": lambda payment: payment.succeeded_at,
        "kind": lambda payment: payment.kind,
        "status": lambda payment: payment.status,
        "customer": lambda payment: payment.customer.name if payment.customer else "",
        "document": lambda payment: payment.invoice or (payment.attempt.receipt if payment.attempt else ""),
        "currency": lambda payment: payment.currency,
        "amount": lambda payment: payment.amount,
        "received": lambda payment: payment.amount_received,
        "stripe_id": lambda payment: payment.stripe_id,
    }
    date_hierarchy = "created_at"
    fields = (
        ("kind", "pays", "customer"),
        "state",
        ("asked", "still_held", "received"),
        ("failure_code", "failure_advice", "failure_message"),
        ("stripe_id", "latest_charge", "balance_transaction"),
        ("created_at", "capture_before", "succeeded_at", "synced_at"),
    )
    readonly_fields = ("pays", "state", "asked", "still_held", "received")
    inlines = (AllocationInline, RefundInline, OperationInline)

    @display(
        description="status",
        label=PAYMENT_LABELS,
        ordering="status",
    )
    def state(self, payment: Payment) -> str:
        return payment.stands

    @admin.display(description="pays", ordering="invoice__number")
    def pays(self, payment: Payment) -> str:
        document = payment.invoice or (payment.attempt.receipt if payment.attempt else None)
        return str(document or payment.attempt)

    @admin.display(description="amount", ordering="amount")
    def asked(self, payment: Payment) -> str:
        return money(payment.amount)

    @admin.display(description="still held")
    def still_held(self, payment: Payment) -> str:
        return in_words(payment.amount_capturable, payment.currency)

    @admin.display(description="received", ordering="amount_received")
    def received(self, payment: Payment) -> str:
        return money(payment.amount_received)


@admin.register(PaymentOperation)
class PaymentOperationAdmin(TenantAdmin):
    empty_hint = "Each call to Stripe stands here under its idempotency key until it is known how it ended."
    list_display = ("created_at", "what", "state", "payment", "customer", "attempts", "next_try_at", "error")
    list_filter = ("status", "kind")
    list_select_related = ("payment__invoice", "customer")
    search_fields = ("idempotency_key__startswith", "payment__invoice__number", "customer__name")
    date_hierarchy = "created_at"
    fields = (
        ("kind", "status", "attempts"),
        ("customer", "payment", "method", "refund"),
        "idempotency_key",
        "params",
        ("created_at", "first_sent_at"),
        ("next_try_at", "ended_at"),
        "error",
    )

    @admin.display(description="what", ordering="kind")
    def what(self, operation: PaymentOperation) -> str:
        return operation.asks

    @display(description="status", label=OPERATION_LABELS, ordering="status")
    def state(self, operation: PaymentOperation) -> str:
        return operation.status


@admin.register(SavedMethod)
class SavedMethodAdmin(TenantAdmin):
    empty_hint = "Customers save a card in their portal; only its brand, last four digits and expiry are known here."
    list_display = ("customer", "__str__", "kind", "status", "expiry", "activated_at", "ended_at", "ended_why")
    list_filter = ("kind", "status", ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("customer__name", "last4")
    # The address of an open Checkout page belongs to the customer alone.
    fields = ("customer", "status", ("brand", "last4", "expiry"), ACCOUNT_FIELDS, METHOD_TIMES)


@admin.register(StripeEvent)
class StripeEventAdmin(TenantAdmin):
    empty_hint = "Webhooks of Stripe are kept here as they arrived."
    list_display = ("received_at", "type", "stripe_id", "attempts", "processed_at", "error")
    list_filter = ("type",)
    search_fields = ("stripe_id__startswith", "type__startswith")
    date_hierarchy = "received_at"
    fields = (("type", "stripe_id"), ("received_at", "processed_at"), ("attempts", "next_try_at"), "error", "payload")


@admin.register(Transfer)
class TransferAdmin(TenantAdmin):
    empty_hint = "Where you collect for an owner with an account at Stripe, its part of each payment is sent here."
    list_display = ("requested_at", "owner", "moves", "state", "what", "failure_message")
    list_filter = ("status", ("owner", RelatedOnlyFieldListFilter))
    list_select_related = ("owner",)
    search_fields = ("stripe_id__startswith", "destination", "uid__exact")
    date_hierarchy = "requested_at"
    fields = (
        ("what", "state", "moves"),
        "owner",
        ("destination", "stripe_id"),
        "uid",
        ("requested_at", "succeeded_at", "failed_at"),
        "failure_message",
    )
    readonly_fields = ("what", "state", "moves", "uid")

    @admin.display(description="what")
    def what(self, transfer: Transfer) -> str:
        return "fetched back" if transfer.reverses_id else "sent"

    @display(
        description="state",
        label={"succeeded": "success", "requested": "info", "failed": "danger"},
        ordering="status",
    )
    def state(self, transfer: Transfer) -> str:
        return transfer.status

    @admin.display(description="amount", ordering="amount")
    def moves(self, transfer: Transfer) -> str:
        return money(transfer.amount)
