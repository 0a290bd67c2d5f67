"""Money at Stripe in the console: read only; payments move by projecting Stripe's objects, never by hand."""

from django.contrib import admin
from unfold.decorators import display

from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core.words import money
from apps.payments.models import Allocation, Payment, PaymentOperation, SavedMethod, StripeEvent

PAYMENT_LABELS = {
    "succeeded": "success",
    "processing": "info",
    "requires_payment_method": "danger",
    "requires_action": "warning",
    "canceled": "warning",
}
OPERATION_LABELS = {"done": "success", "rejected": "danger", "unknown": "warning", "pending": "info"}


class OperationInline(TenantTabular):
    model = PaymentOperation
    fk_name = "payment"
    fields = ("created_at", "kind", "status", "attempts", "next_try_at", "ended_at", "error")
    readonly_fields = fields
    show_change_link = True


class AllocationInline(TenantTabular):
    model = Allocation
    fields = ("invoice", "settles", "allocated_at")
    readonly_fields = fields

    @admin.display(description="settles")
    def settles(self, allocation: Allocation) -> str:
        return money(allocation.amount)


@admin.register(Payment)
class PaymentAdmin(TenantAdmin):
    empty_hint = "Issued invoices of customers with a saved card are collected by themselves; each try appears here."
    list_display = ("created_at", "invoice", "customer", "state", "amount", "amount_received", "failure_message")
    list_filter = ("status", ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("invoice", "customer")
    search_fields = ("invoice__number", "customer__name", "stripe_id", "uid")
    date_hierarchy = "created_at"
    fields = (
        ("invoice", "customer"),
        "state",
        ("amount", "amount_received"),
        ("failure_code", "failure_advice", "failure_message"),
        ("stripe_id", "latest_charge", "balance_transaction"),
        ("created_at", "succeeded_at", "synced_at"),
    )
    readonly_fields = ("state", "amount", "amount_received")
    inlines = (AllocationInline, OperationInline)

    @display(description="status", label=PAYMENT_LABELS, ordering="status")
    def state(self, payment: Payment) -> str:
        return payment.status


@admin.register(PaymentOperation)
class PaymentOperationAdmin(TenantAdmin):
    empty_hint = "Each call to Stripe stands here under its idempotency key until it is known how it ended."
    list_display = ("created_at", "kind", "state", "payment", "customer", "attempts", "next_try_at", "error")
    list_filter = ("status", "kind")
    list_select_related = ("payment__invoice", "customer")
    search_fields = ("idempotency_key", "payment__invoice__number", "customer__name")
    date_hierarchy = "created_at"
    fields = (
        ("kind", "status", "attempts"),
        ("customer", "payment", "method"),
        "idempotency_key",
        "params",
        ("created_at", "first_sent_at"),
        ("next_try_at", "ended_at"),
        "error",
    )

    @display(description="status", label=OPERATION_LABELS, ordering="status")
    def state(self, operation: PaymentOperation) -> str:
        return operation.status


@admin.register(SavedMethod)
class SavedMethodAdmin(TenantAdmin):
    empty_hint = "Customers save a card in their portal; only its brand, last four digits and expiry are known here."
    list_display = ("customer", "__str__", "status", "expiry", "activated_at", "ended_at")
    list_filter = ("status", ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("customer__name", "last4")
    # The address of an open Checkout page belongs to the customer alone.
    fields = ("customer", "status", ("brand", "last4", "expiry"), ("requested_at", "activated_at", "ended_at"))


@admin.register(StripeEvent)
class StripeEventAdmin(TenantAdmin):
    empty_hint = "Webhooks of Stripe are kept here as they arrived."
    list_display = ("received_at", "type", "stripe_id", "attempts", "processed_at", "error")
    list_filter = ("type",)
    search_fields = ("stripe_id", "type")
    date_hierarchy = "received_at"
    fields = (("type", "stripe_id"), ("received_at", "processed_at"), ("attempts", "next_try_at"), "error", "payload")
