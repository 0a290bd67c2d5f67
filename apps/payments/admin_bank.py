"""Money by bank in the console: recorded by hand, matched, allocated and taken back, or paid back."""

from datetime import date
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from apps.accounts.admin_found import FoundField
from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import (
    ActForm,
    ReasonForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantTabular,
)
from apps.contracts.models import Customer
from apps.core import clock
from apps.core.domain.money import NotRounded, to_minor
from apps.core.domain.zones import zone
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.ledger.models import Journal
from apps.payments.credit import left_of, settled_by, with_left
from apps.payments.domain.lines import key_by_content
from apps.payments.models import Allocation, BankReceipt, BankRepayment, OpeningSettlement
from apps.payments.selectors import open_invoices
from apps.payments.services.allocating import NotAllocatable, take_back
from apps.payments.services.bank import (
    NotRepayable,
    StatementLine,
    allocate_receipt,
    assign_receipt,
    confirm_repayment,
    execute_repayment,
    record_receipt,
    request_repayment,
    waits_for_second_person,
    withdraw_repayment,
)

_CUSTOMER: Final = BankReceipt._meta.get_field("customer")
_INVOICE: Final = Allocation._meta.get_field("invoice")
_NOTE_IT: Final = "Note it here when the bank has."


class MoneyActs(TenantAdmin):
    """An admin whose acts are for those who keep the money."""

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def has_own_money_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person acts for a seller: what is written anew needs one."""
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)


def with_open_amount(document: Any) -> str:
    """Say which document it is, whose, and what of it is open."""
    left = in_words(document.open_amount, document.currency)
    return f"{document} · {document.customer or 'a driver'} · {left} open"


def _today(seller: Organisation) -> date:
    return clock.now().astimezone(zone(seller.time_zone)).date()


def _receipt_form(request: HttpRequest, seller: Organisation) -> type[forms.Form]:
    class ReceiptForm(ActForm):
        booked_on = forms.DateField(
            label="Booked on", widget=UnfoldAdminSingleDateWidget, help_text="The day on the bank statement."
        )
        amount = forms.DecimalField(
            min_value=0,
            max_digits=14,
            widget=UnfoldAdminDecimalFieldWidget,
            label=f"Amount in {seller.currency}",
        )
        payer = forms.CharField(max_length=140, widget=UnfoldAdminTextInputWidget)
        reference = forms.CharField(
            max_length=500,
            required=False,
            widget=UnfoldAdminTextInputWidget,
            help_text="The text as the bank tells it. An invoice it names is settled first.",
        )
        customer = FoundField(
            operated_rows(request, Customer.objects.filter(seller=seller)),
            key=_CUSTOMER,
            required=False,
            help_text="Only needed where the text names no invoice. Empty: decide later.",
        )

        def clean_booked_on(self) -> date:
            day: date = self.cleaned_data["booked_on"]
            if day > _today(seller):
                raise forms.ValidationError("The bank has not seen this day yet.")
            return day

        def clean_amount(self) -> Any:
            amount = self.cleaned_data["amount"]
            try:
                if to_minor(amount, currency=seller.currency) <= 0:
                    raise forms.ValidationError("Only money that came is recorded here.")
            except NotRounded as error:
                raise forms.ValidationError(f"{seller.currency} has no such small amounts.") from error
            return amount

    return ReceiptForm


class AllocationRows(TenantTabular):
    model = Allocation
    fk_name = "bank_receipt"
    fields = ("invoice", "settles", "reason", "decided_by", "allocated_at")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="settles")
    def settles(self, allocation: Allocation) -> str:
        return money(allocation.amount)


class OpeningRows(TenantTabular):
    model = OpeningSettlement
    verbose_name_plural = "opening items"
    fields = ("item", "pays", "reason", "decided_by", "settled_at")
    readonly_fields = fields

    @admin.display(description="pays")
    def pays(self, settlement: OpeningSettlement) -> str:
        return money(settlement.amount)


class RepaymentRows(TenantTabular):
    model = BankRepayment
    fields = ("gives_back", "status", "reason", "requested_at", "executed_on")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="gives back")
    def gives_back(self, repayment: BankRepayment) -> str:
        return money(repayment.amount)


class LeftFilter(admin.SimpleListFilter):
    title = "what is left"
    parameter_name = "left"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unknown", "Nobody knows whose"), ("credit", "Customers' credit")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.filter(left__gt=0, customer__isnull=self.value() == "unknown")


@admin.register(BankReceipt)
class BankReceiptAdmin(MoneyActs):
    empty_hint = "Record what came by bank: it settles the invoices that its reference names, then the longest due."
    list_display = ("booked_on", "payer", "came", "is_left", "customer", "reference")
    list_filter = (LeftFilter, ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("payer", "reference", "customer__name", "customer__number")
    date_hierarchy = "booked_on"
    fields = (
        ("booked_on", "came", "is_left"),
        ("payer", "payer_iban"),
        "reference",
        "customer",
        ("recorded_by", "recorded_at"),
        "opening_item",
    )
    readonly_fields = ("came", "is_left")
    csv_columns = {
        "booked_on": lambda receipt: receipt.booked_on,
        "payer": lambda receipt: receipt.payer,
        "payer_iban": lambda receipt: receipt.payer_iban,
        "reference": lambda receipt: receipt.reference,
        "customer": lambda receipt: receipt.customer.number if receipt.customer else "",
        "currency": lambda receipt: receipt.currency,
        "amount": lambda receipt: receipt.amount,
        "left": lambda receipt: receipt.left,
    }
    inlines = (AllocationRows, OpeningRows, RepaymentRows)
    actions_list = ("record",)
    actions_detail = ("assign", "allocate", "pay_back")

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_left(super().get_queryset(request))

    def csv_rows(self, rows: Any) -> Any:
        return rows.select_related("customer")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        receipt = self.get_object(request, object_id)
        has_rest = receipt is not None and receipt.left > 0
        return super().get_actions_detail(request, object_id) if has_rest else []

    @admin.display(description="amount", ordering="amount")
    def came(self, receipt: BankReceipt) -> str:
        return money(receipt.amount)

    @admin.display(description="left", ordering="left")
    def is_left(self, receipt: Any) -> str:
        return in_words(receipt.left, receipt.currency)

    @action(description="Record money", url_path="record", permissions=["own_money"], icon="account_balance")
    def record(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"
        seller, at = membership.organisation, clock.now()

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            said = {
                "booked_on": cleaned["booked_on"],
                "amount": cleaned["amount"],
                "currency": seller.currency,
                "payer": cleaned["payer"],
                "reference": cleaned["reference"],
            }
            receipt = record_receipt(
                seller_id=seller.pk,
                line=StatementLine(key=key_by_content(**said), **said),
                customer_id=cleaned["customer"].pk if cleaned["customer"] else None,
                by=operator_of(request),
                at=at,
            )
            return self._say(request, receipt, was_known=receipt.recorded_at != at)

        return self.act(
            request,
            obj=None,
            title="Record money that came by bank",
            text="It settles what its text names, then what the customer owes, the longest due first. "
            "The same day, amount, payer and text count once.",
            submit="Record",
            form_class=_receipt_form(request, seller),
            refused=(NotAllocatable,),
            do=do,
        )

    def _say(self, request: HttpRequest, receipt: BankReceipt, *, was_known: bool) -> HttpResponse:
        settled = ", ".join(settled_by(receipt))
        left = in_words(left_of(receipt), receipt.currency)
        text = f"{receipt}: {f'settles {settled}' if settled else 'settles nothing yet'}; {left} left."
        self.message_user(request, f"It was recorded before. {text}" if was_known else text)
        posted_on = Journal.objects.get(entity=receipt.seller_id, key=f"bank_receipt:{receipt.pk}:received").posted_on
        if posted_on != receipt.booked_on:
            self.message_user(
                request,
                f"{date_format(receipt.booked_on, 'F Y')} is closed: nothing is posted into it any more. This money "
                f"stands in the books on {date_format(posted_on)}.",
                messages.WARNING,
            )
        return HttpResponseRedirect(self.page_of(receipt))

    @action(description="Whose it is", url_path="assign", permissions=["money"], icon="person_search")
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        receipt = self.get_object_or_404(request, object_id)
        customers = operated_rows(request, Customer.objects.filter(seller=receipt.seller_id))

        class CustomerForm(ActForm):
            customer = FoundField(customers, key=_CUSTOMER)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            assigned = assign_receipt(receipt_id=receipt.pk, customer=cleaned["customer"], at=clock.now())
            return self._say(request, assigned, was_known=False)

        return self.act(
            request,
            obj=receipt,
            title=f"Whose are {receipt}?",
            text="It settles what this customer has open, the longest due first; the rest is their credit.",
            submit="Assign",
            form_class=CustomerForm,
            refused=(NotAllocatable,),
            do=do,
        )

    @action(description="Allocate", url_path="allocate", permissions=["money"], icon="call_split")
    def allocate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        receipt = self.get_object_or_404(request, object_id)
        owner = {"customer": receipt.customer_id} if receipt.customer_id else {}
        found = open_invoices(seller=receipt.seller_id, currency=receipt.currency, **owner).select_related("customer")

        class InvoiceForm(ActForm):
            invoice = FoundField(found, key=_INVOICE, in_words=with_open_amount)
            amount = forms.DecimalField(
                required=False,
                min_value=0,
                max_digits=14,
                widget=UnfoldAdminDecimalFieldWidget,
                help_text="Empty: as much as is left and open.",
            )

        def do(cleaned: dict[str, Any]) -> str:
            made = allocate_receipt(
                receipt_id=receipt.pk,
                invoice_id=cleaned["invoice"].pk,
                amount=cleaned["amount"],
                by=operator_of(request),
                at=clock.now(),
            )
            return f"{money(made.amount)} settle {made.invoice}."

        return self.act(
            request,
            obj=receipt,
            title=f"Allocate {receipt}",
            text=f"{in_words(receipt.left, receipt.currency)} are left.",
            submit="Allocate",
            form_class=InvoiceForm,
            refused=(NotAllocatable,),
            do=do,
        )

    @action(description="Pay back", url_path="pay-back", permissions=["money"], icon="undo")
    def pay_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        receipt = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            made = request_repayment(
                receipt_id=receipt.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now()
            )
            then = "Somebody else has to confirm it here first." if waits_for_second_person(made) else _NOTE_IT
            self.message_user(request, f"{money(made.amount)} are to be paid back. {then}")
            return HttpResponseRedirect(reverse("admin:payments_bankrepayment_change", args=[made.pk]))

        return self.act(
            request,
            obj=receipt,
            title=f"Pay back what is left of {receipt}",
            text=f"{in_words(receipt.left, receipt.currency)} are set aside and settle nothing any more.",
            submit="Pay back by bank",
            form_class=ReasonForm,
            refused=(NotRepayable,),
            do=do,
        )


@admin.register(Allocation)
class AllocationAdmin(MoneyActs):
    empty_hint = "Each amount by which money settles a document appears here."
    list_display = ("allocated_at", "invoice", "settles", "source", "reverses", "decided_by")
    list_filter = (("bank_receipt__customer", RelatedOnlyFieldListFilter),)
    list_select_related = ("invoice", "payment__invoice", "payment__attempt", "bank_receipt", "reverses", "decided_by")
    search_fields = ("invoice__number", "bank_receipt__payer", "bank_receipt__reference")
    date_hierarchy = "allocated_at"
    fields = (("invoice", "settles"), "source", ("reverses", "reason"), ("decided_by", "allocated_at"))
    readonly_fields = ("settles", "source")
    actions_detail = ("take_back",)

    @admin.display(description="settles", ordering="amount")
    def settles(self, allocation: Allocation) -> str:
        return money(allocation.amount)

    @admin.display(description="money of")
    def source(self, allocation: Allocation) -> str:
        return str(allocation.payment or allocation.bank_receipt)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        row = self.get_object(request, object_id)
        is_in_force = row is not None and row.reverses_id is None and not hasattr(row, "reversed_by")
        return super().get_actions_detail(request, object_id) if is_in_force else []

    @action(description="Take back", url_path="take-back", permissions=["money"], icon="undo")
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        allocation = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            made = take_back(
                allocation_id=allocation.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now()
            )
            return f"{money(-made.amount)} no longer settle {made.invoice}."

        return self.act(
            request,
            obj=allocation,
            title=f"Take {money(allocation.amount)} back from {allocation.invoice}",
            text="The document is open again and the money is its customer's credit. "
            "By itself it never settles this document again.",
            submit="Take back",
            form_class=ReasonForm,
            refused=(NotAllocatable,),
            do=do,
        )


class ExecutedForm(ActForm):
    executed_on = forms.DateField(
        label="Left the account on", widget=UnfoldAdminSingleDateWidget, help_text="The day on the bank statement."
    )


@admin.register(BankRepayment)
class BankRepaymentAdmin(MoneyActs):
    empty_hint = "What is to be paid back by bank waits here until the bank has done it."
    list_display = ("requested_at", "bank_receipt", "gives_back", "state", "reason", "executed_on")
    list_filter = ("status",)
    list_select_related = ("bank_receipt__customer",)
    search_fields = ("bank_receipt__payer", "bank_receipt__customer__name", "reason")
    date_hierarchy = "requested_at"
    fields = (
        ("bank_receipt", "gives_back"),
        "account",
        ("state", "executed_on"),
        "reason",
        ("requested_by", "requested_at", "confirmed_by"),
        ("ended_by", "ended_at"),
    )
    readonly_fields = ("gives_back", "account", "state")
    actions_detail = ("confirm", "executed", "withdraw")

    @admin.display(description="amount", ordering="amount")
    def gives_back(self, repayment: BankRepayment) -> str:
        return money(repayment.amount)

    @admin.display(description="to")
    def account(self, repayment: BankRepayment) -> str:
        receipt = repayment.bank_receipt
        return " · ".join(part for part in (receipt.payer, receipt.payer_iban) if part) or "–"

    @display(
        description="status",
        label={"requested": "warning", "executed": "success", "withdrawn": "info"},
        ordering="status",
    )
    def state(self, repayment: BankRepayment) -> str:
        return repayment.status

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        repayment = self.get_object(request, object_id)
        if repayment is None or repayment.status != "requested":
            return []
        # One that waits for a second person is not said to be paid, one that does not is not confirmed.
        hidden = "executed" if waits_for_second_person(repayment) else "confirm"
        return [one for one in super().get_actions_detail(request, object_id) if one.path != hidden]

    @action(description="Confirm", url_path="confirm", permissions=["money"], icon="how_to_reg")
    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        repayment = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            confirm_repayment(repayment_id=repayment.pk, by=operator_of(request))
            return f"{money(repayment.amount)} may be paid back by bank."

        return self.act(
            request,
            obj=repayment,
            title=f"Confirm that {money(repayment.amount)} are paid back",
            text="Then they may be paid back at your bank, and whoever did that notes it here.",
            facts=(
                ("Goes back", money(repayment.amount)),
                ("To", self.account(repayment)),
                ("Came as", repayment.bank_receipt),
                ("Why", repayment.reason),
                ("Asked by", repayment.requested_by or "–"),
                ("Asked at", repayment.requested_at),
            ),
            submit="Confirm",
            refused=(NotRepayable,),
            do=do,
        )

    @action(description="The bank has paid it", url_path="executed", permissions=["money"], icon="check")
    def executed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        repayment = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            execute_repayment(
                repayment_id=repayment.pk,
                executed_on=cleaned["executed_on"],
                by=operator_of(request),
                at=clock.now(),
            )
            return f"{money(repayment.amount)} are paid back and posted."

        return self.act(
            request,
            obj=repayment,
            title=f"{money(repayment.amount)} left the account",
            text="It is posted receivable against bank on that day.",
            submit="Note it",
            form_class=ExecutedForm,
            refused=(NotRepayable,),
            do=do,
        )

    @action(description="Withdraw", url_path="withdraw", permissions=["money"], icon="close")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        repayment = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            withdraw_repayment(repayment_id=repayment.pk, by=operator_of(request), at=clock.now())
            return "The money is its customer's credit again."

        return self.act(
            request,
            obj=repayment,
            title=f"Do not pay {money(repayment.amount)} back",
            text="It may settle invoices again.",
            submit="Withdraw",
            refused=(NotRepayable,),
            do=do,
        )
