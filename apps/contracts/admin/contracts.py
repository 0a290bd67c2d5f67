"""Contracts and their spending limits, in the console."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import (
    ReasonForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantForm,
    TenantTabular,
    seller_id_of,
)
from apps.contracts.admin.agreeing import AgreeingPages
from apps.contracts.admin.cards import TokenInline
from apps.contracts.admin.imports import CONTRACT_FILES, ImportPages
from apps.contracts.admin.plans import ContractPlanInline
from apps.contracts.admin.versions import VersionInline
from apps.contracts.admin.words import STATUS_LABELS
from apps.contracts.models import (
    Contract,
    SpendingLimit,
    Suspension,
    TariffAssignment,
)
from apps.contracts.plans import why_not_ended
from apps.contracts.suspending import (
    NotSuspended,
    end_contract,
    lift_suspension,
    reopen_contract,
    standing_suspension,
    suspend_contract,
)
from apps.core import clock


@admin.register(SpendingLimit)
class SpendingLimitAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    refusals = {
        "limit_reserves_something": "A session reserves more than nothing.",
        "limit_lets_one_session_begin": "A limit must let one session begin: it reserves less than the limit. "
        "A prepaid wallet's is zero or more.",
        "limit_amounts_are_rounded": "The currency has no such small amounts.",
    }
    empty_hint = "A limit stops a contract from charging when what it owes and what its sessions reserve reach it."
    list_display = ("contract", "amount", "session_amount", "owed", "reserved", "available", "currency")
    list_select_related = ("contract__customer",)
    search_fields = ("contract__number", "contract__customer__name")
    autocomplete_fields = ("contract",)
    fields = ("contract", "currency", ("amount", "session_amount"), ("owed", "reserved"), "is_prepaid", "stated_at")
    readonly_fields = ("owed", "reserved", "is_prepaid", "stated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "contract", "currency")


class ContractForm(TenantForm):
    """A contract's customer and tier are its seller's; only the platform's operator could mix them up.

    A wallet is opened by an act of its own, so nobody chooses it here or leaves it by choosing something else.

    waits  asked of a new one alone: whether a person must accept its document before it begins
    """

    waits = forms.BooleanField(
        label="Begins when the customer accepts it",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Until then none of its cards charges and nothing of it is billed. Draft its document afterwards.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("collects_on")
        if field is None:
            return
        is_prepaid = self.instance.collects_on == Contract.CollectsOn.WALLET
        choices = [one for one in Contract.CollectsOn.choices if (one[0] == Contract.CollectsOn.WALLET) == is_prepaid]
        field.choices = field.widget.choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        seller_id = seller_id_of(self, cleaned)
        for field in ("customer", "tier"):
            if cleaned.get(field) is not None and cleaned[field].seller_id != seller_id:
                self.add_error(field, "This belongs to another seller.")
        if self.instance.pk and "valid_to" in self.changed_data and "valid_to" in cleaned:
            self.instance.valid_to = cleaned["valid_to"]
            if why := why_not_ended(self.instance):
                self.add_error("valid_to", why)
        return cleaned


class OwnTariffInline(TenantTabular):
    model = TariffAssignment
    fields = ("tariff", "group", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "tariffs of its own, everywhere or at the sites of a group"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("tariff", "group")


@admin.register(Contract)
class ContractAdmin(AgreeingPages, ImportPages):
    actions_list = ("import_file", "import_template", "export_file")
    files = CONTRACT_FILES
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    form = ContractForm
    refusals = {
        "contract_number_unique_per_seller": "You already have a contract with this number.",
        "contract_ends_after_start": "The contract must end after it starts.",
        "contract_reminds_on_later_and_later_days": "Each reminder comes later than the one before, such as 7,14,28.",
        "contract_has_a_fee_for_each_reminder": "State as many fees as days, such as 0,5,10; 0 for none.",
        "contract_reminder_fees_are_not_negative": "A reminder costs nothing or more.",
        "contract_blocks_cards_with_a_reminder_it_sends": "There is no reminder of that number.",
    }
    empty_hint = "A contract joins a customer, their cards and their prices. Its sessions are billed to it."
    list_display = ("number", "customer", "tier", "state", "valid_from", "valid_to", "payment_days")
    list_filter = ("status", ("tier", RelatedOnlyFieldListFilter), ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("customer", "tier")
    search_fields = ("number", "customer__name", "customer__number")
    date_hierarchy = "valid_from"
    autocomplete_fields = ("customer", "tier")
    fields = (
        ("number", "customer"),
        "state_and_why",
        "tier",
        "valid_from",
        "valid_to",
        "billing_cycle",
        "collects_on",
        ("payment_days", "debit_notice_days"),
        ("reminder_days", "reminder_fees"),
        ("reminder_least", "suspends_after"),
        ("purchase_order", "buyer_reference"),
    )
    inlines = (VersionInline, ContractPlanInline, OwnTariffInline, TokenInline)
    readonly_fields = ("state_and_why",)
    # A few numbers with commas between them fit on one line.
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}
    # Ten buttons beside each other would not fit on a small screen.
    actions_detail = (
        {"title": "Look up", "icon": "help", "items": ["preview", "wallet", "which_tariff", "on_a_day"]},
        {
            "title": "Change",
            "icon": "edit_document",
            "items": ["draft", "terminate", "suspend", "lift", "end", "reopen"],
        },
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return [*fields, "waits"] if obj is None else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What was agreed in writing says from when until when it runs.
        is_written = obj is not None and obj.versions.exists()
        return (*self.readonly_fields, "valid_from", "valid_to") if is_written else self.readonly_fields

    @action(description="Which tariff applies?", url_path="which-tariff", permissions=["view"], icon="help")
    def which_tariff(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:which-tariff", query={"contract": contract.pk}))

    def save_model(self, request: HttpRequest, obj: Contract, form: Any, change: bool) -> None:
        if not change and form.cleaned_data.get("waits"):
            obj.status = Contract.Status.OFFERED
        # Only what was changed, so that a block that came while the page was open stays.
        obj.save(update_fields=form.changed_data if change else None)

    @action(description="Preview the next invoice", url_path="preview", permissions=["view"], icon="preview")
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:preview", args=[contract.pk]))

    @action(description="Prepaid wallet", url_path="wallet", permissions=["view"], icon="account_balance_wallet")
    def wallet(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:wallet", query={"contract": contract.pk}))

    @display(description="status", label=STATUS_LABELS, ordering="status")
    def state(self, contract: Contract) -> str:
        return contract.get_status_display()

    @admin.display(description="status")
    def state_and_why(self, contract: Contract) -> str:
        standing = standing_suspension(contract.pk) if contract.pk else None
        return f"Suspended: {standing.reason}" if standing else contract.get_status_display()

    def has_suspension_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        contract = self.get_object(request, object_id)
        status = contract.status if contract is not None else Contract.Status.ENDED
        hidden = {
            Contract.Status.OFFERED: {"preview", "suspend", "lift", "end", "reopen", "terminate"},
            Contract.Status.ACTIVE: {"lift", "reopen"},
            Contract.Status.SUSPENDED: {"suspend", "end", "reopen"},
            Contract.Status.ENDED: {"suspend", "lift", "end", "draft", "terminate"},
        }[Contract.Status(status)]
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in hidden]

    @action(description="Block its cards", url_path="suspend", permissions=["suspension"], icon="block")
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            suspend_contract(
                contract_id=contract.pk,
                cause=Suspension.Cause.MANUAL,
                reason=cleaned["reason"],
                at=clock.now(),
                by=operator_of(request),
            )
            return f"The cards of {contract} are blocked until somebody lifts it."

        return self.act(
            request,
            obj=contract,
            title=f"Block the cards of {contract}",
            text="None of its cards starts a charge any more; what runs goes on. Only a person lifts it.",
            submit="Block",
            form_class=ReasonForm,
            refused=(NotSuspended,),
            do=do,
        )

    @action(description="Let its cards charge", url_path="lift", permissions=["suspension"], icon="lock_open")
    def lift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            lift_suspension(contract_id=contract.pk, reason=cleaned["reason"], at=clock.now(), by=operator_of(request))
            return f"The cards of {contract} charge again."

        return self.act(
            request,
            obj=contract,
            title=f"Let the cards of {contract} charge again",
            text="From the next start on they are accepted. What is overdue stays overdue.",
            submit="Lift",
            form_class=ReasonForm,
            refused=(NotSuspended,),
            do=do,
        )

    @action(description="End it", url_path="end", permissions=["suspension"], icon="stop_circle")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            end_contract(contract_id=contract.pk, at=clock.now())
            return f"{contract} has ended; what it charged is still billed."

        return self.act(
            request,
            obj=contract,
            title=f"End {contract}",
            text="None of its cards starts a charge any more, and its plan ends today. What was charged until then is "
            "billed as ever.",
            submit="End",
            refused=(NotSuspended,),
            do=do,
        )

    @action(description="Reopen it", url_path="reopen", permissions=["suspension"], icon="restart_alt")
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            reopen_contract(contract_id=contract.pk, at=clock.now())
            return f"{contract} is active again."

        return self.act(
            request,
            obj=contract,
            title=f"Reopen {contract}",
            text="Its cards charge again and its plan goes on, from today until the day that it names.",
            submit="Reopen",
            do=do,
        )
