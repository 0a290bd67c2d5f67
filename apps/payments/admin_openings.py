"""Opening items in the console: brought along by a file, paid from money that came, given up, or taken back."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm, RelatedOnlyFieldListFilter, TenantTabular
from apps.contracts.admin.imports import FileKind, ImportPages
from apps.core import clock
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.payments import opening_imports
from apps.payments.admin_bank import MoneyActs
from apps.payments.credit import free_receipts
from apps.payments.domain.opening_files import OPENINGS
from apps.payments.models import OpeningItem, OpeningSettlement
from apps.payments.openings import with_open_amounts
from apps.payments.services.openings import (
    OpeningRefused,
    give_up_opening_item,
    pay_opening_item,
    reverse_opening_item,
    take_payment_back,
)

OPENING_FILES: Final = FileKind(
    table=OPENINGS,
    noun="opening item",
    first="Customers must exist; a line names one by number or by the whole name. What they owe is above zero, what "
    "they have too much below. Each line is posted today against opening balances; its VAT stays the old system's.",
    look=lambda seller_id, rows, turned: opening_imports.preview(seller_id=seller_id, rows=rows, at=clock.now()),
    carry_out=lambda seller_id, rows, turned, whole, by: opening_imports.carry_out(
        seller_id=seller_id, rows=rows, by=by, at=clock.now(), whole=whole
    ),
    lines_of=opening_imports.lines_of,
)


class SettlementRows(TenantTabular):
    model = OpeningSettlement
    verbose_name_plural = "what became of it"
    fields = ("settles", "bank_receipt", "reason", "decided_by", "settled_at")
    readonly_fields = fields

    @admin.display(description="amount")
    def settles(self, settlement: OpeningSettlement) -> str:
        return money(settlement.amount)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("credit", "Credits"), ("back", "Taken back")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "open":
                return queryset.filter(open_amount__gt=0)
            case "credit":
                return queryset.filter(amount__lt=0, reversed_at__isnull=True)
            case "back":
                return queryset.filter(reversed_at__isnull=False)
        return queryset


class _ReceiptField(forms.ModelChoiceField):
    def label_from_instance(self, receipt: Any) -> str:
        whose = receipt.customer or receipt.payer or "an unnamed payer"
        return f"{receipt.booked_on} · {whose} · {in_words(receipt.left, receipt.currency)} left"


class _PaymentField(forms.ModelChoiceField):
    def label_from_instance(self, settlement: Any) -> str:
        return f"{money(settlement.amount)} of {settlement.bank_receipt}"


@admin.register(OpeningItem)
class OpeningItemAdmin(MoneyActs, ImportPages):
    files = OPENING_FILES
    empty_hint = "Bring along from another system what customers owe there, or have too much: Import, above this list."
    list_display = ("number", "customer", "document_date", "due_date", "came_with", "is_open", "state")
    list_filter = (StateFilter, ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("number", "customer__name", "customer__number", "note")
    date_hierarchy = "due_date"
    fields = (
        ("number", "customer"),
        ("document_date", "due_date"),
        ("came_with", "is_open", "state"),
        "note",
        ("recorded_by", "recorded_at"),
        ("reversed_by", "reversed_at"),
        "reversal_reason",
    )
    readonly_fields = ("came_with", "is_open", "state")
    inlines = (SettlementRows,)
    actions_list = ("import_file", "import_template", "export_file")
    actions_detail = ("pay", "give_up", "take_payment_back", "reverse")

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_open_amounts(super().get_queryset(request))

    def has_import_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.has_money_permission(request)

    @admin.display(description="came with", ordering="amount")
    def came_with(self, item: OpeningItem) -> str:
        return money(item.amount)

    @admin.display(description="open", ordering="open_amount")
    def is_open(self, item: Any) -> str:
        return in_words(item.open_amount, item.currency)

    @display(
        description="state",
        label={"open": "warning", "settled": "success", "credit": "info", "taken back": "danger"},
    )
    def state(self, item: Any) -> str:
        if item.reversed_at is not None:
            return "taken back"
        if item.amount.amount < 0:
            return "credit"
        return "open" if item.open_amount else "settled"

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        item = self.get_object(request, object_id)
        is_over = item is None or item.reversed_at is not None
        return [] if is_over else super().get_actions_detail(request, object_id)

    @action(description="Paid by", url_path="pay", permissions=["money"], icon="account_balance")
    def pay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.get_object_or_404(request, object_id)
        free = free_receipts(seller=item.seller_id, currency=item.currency).select_related("customer")
        receipts = free.filter(customer=item.customer_id) | free.filter(customer__isnull=True)

        class ReceiptForm(ActForm):
            receipt = _ReceiptField(receipts, label="Money by bank", widget=UnfoldAdminSelectWidget)

        def do(cleaned: dict[str, Any]) -> str:
            made = pay_opening_item(
                item_id=item.pk, receipt_id=cleaned["receipt"].pk, by=operator_of(request), at=clock.now()
            )
            return f"{money(made.amount)} of {item} are paid."

        return self.act(
            request,
            obj=item,
            title=f"What pays {item}?",
            text=f"{in_words(item.open_amount, item.currency)} are open. Money that is nobody's yet becomes "
            f"{item.customer}'s.",
            submit="Allocate",
            form_class=ReceiptForm,
            refused=(OpeningRefused,),
            do=do,
        )

    @action(description="Write off", url_path="give-up", permissions=["money"], icon="money_off")
    def give_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            made = give_up_opening_item(
                item_id=item.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now()
            )
            return f"{money(made.amount)} of {item} are given up."

        return self.act(
            request,
            obj=item,
            title=f"Write {item} off",
            text="All that is open is posted as bad debt, gross: its VAT was declared in the old system, so ask your "
            "accountant to correct it there. Money that comes after all is booked as recovered.",
            submit="Write off",
            form_class=ReasonForm,
            refused=(OpeningRefused,),
            do=do,
        )

    @action(description="Take a payment back", url_path="take-payment-back", permissions=["money"], icon="undo")
    def take_payment_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.get_object_or_404(request, object_id)
        payments = OpeningSettlement.objects.filter(
            item=item, bank_receipt__isnull=False, reverses__isnull=True, reversed_by__isnull=True
        ).select_related("bank_receipt")

        class PaymentForm(ReasonForm):
            payment = _PaymentField(payments, widget=UnfoldAdminSelectWidget)
            field_order = ("payment", "reason")

        def do(cleaned: dict[str, Any]) -> str:
            made = take_payment_back(
                settlement_id=cleaned["payment"].pk,
                reason=cleaned["reason"],
                by=operator_of(request),
                at=clock.now(),
            )
            return f"{money(-made.amount)} of {item} are open again."

        return self.act(
            request,
            obj=item,
            title=f"Take a payment of {item} back",
            text="The item is open again and the money is its customer's credit.",
            submit="Take back",
            form_class=PaymentForm,
            refused=(OpeningRefused,),
            do=do,
        )

    @action(description="Take it back", url_path="reverse", permissions=["money"], icon="delete")
    def reverse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            reverse_opening_item(item_id=item.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return f"{item} is taken back. The right line may come by a file."

        return self.act(
            request,
            obj=item,
            title=f"Take {item} back",
            text="It should not have come: a reversing journal is posted, and nobody is asked for it any more. "
            "Only while nothing of it is paid, used or given up.",
            submit="Take back",
            form_class=ReasonForm,
            refused=(OpeningRefused,),
            do=do,
        )
