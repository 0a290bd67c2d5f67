"""Customers and what they agreed to, in the console."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import is_platform_operator, operator_of
from apps.accounts.tenant_admin import (
    ReasonForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantForm,
    TenantTabular,
)
from apps.contracts.admin.agreeing import AgreeingPages
from apps.contracts.admin.cards import CostCentreInline, TokenInline, VehicleInline
from apps.contracts.admin.plans import ContractPlanInline
from apps.contracts.admin.versions import VersionInline
from apps.contracts.admin.words import STATUS_LABELS
from apps.contracts.domain.electronic import SCHEMES, is_address
from apps.contracts.formats import missing_for_format
from apps.contracts.models import (
    ASSIGNMENT_PLACES,
    Contract,
    Customer,
    MembershipTier,
    SpendingLimit,
    Suspension,
    TariffAssignment,
)
from apps.contracts.registrations import NotRegistered, check_registered
from apps.contracts.suspending import (
    NotSuspended,
    end_contract,
    lift_suspension,
    reopen_contract,
    standing_suspension,
    suspend_contract,
)
from apps.core import clock


class ContractInline(TenantTabular):
    model = Contract
    fields = ("number", "status", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True


class CustomerForm(TenantForm):
    """An electronic address has the form that its kind asks for."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        address, scheme = cleaned.get("electronic_address", ""), cleaned.get("electronic_address_scheme", "")
        if address and not scheme:
            self.add_error("electronic_address_scheme", "Say what kind of address this is.")
        if scheme and not address:
            self.add_error(
                "electronic_address", "State the address, or choose no kind: then the e-mail address is used."
            )
        if address and scheme and not is_address(address, scheme=scheme):
            known = SCHEMES[scheme]
            self.add_error("electronic_address", f"This is no {known.label}; one reads {known.example}.")
        return cleaned


@admin.register(Customer)
class CustomerAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    form = CustomerForm
    refusals = {
        "customer_number_unique_per_seller": "You already have a customer with this number.",
        "customer_electronic_address_has_a_scheme": "An electronic address and its kind go together.",
    }
    empty_hint = "Add a customer, then a contract, then cards: from then on their sessions are billed to them."
    list_display = ("name", "number", "kind", "city", "email", "language")
    list_filter = ("kind", "language", "invoice_format")
    search_fields = ("name", "number", "email", "vat_id")
    fields = (
        ("number", "kind"),
        "name",
        ("street", "postcode", "city"),
        ("country", "vat_id"),
        ("email", "language", "mails_documents"),
        "invoice_format",
        ("electronic_address_scheme", "electronic_address"),
        "still_missing",
        "portal_access",
    )
    readonly_fields = ("still_missing", "portal_access")
    inlines = (ContractInline, VehicleInline, CostCentreInline)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        # Which tenant reads a customer's documents is the platform's to say: it opens them to other people.
        return [*fields, "organisation"] if is_platform_operator(request) else fields

    @admin.display(description="missing for this format")
    def still_missing(self, customer: Customer) -> str:
        missing = missing_for_format(customer) if customer.pk else []
        return " ".join(missing) or "nothing that is known here"

    @admin.display(description="portal")
    def portal_access(self, customer: Customer) -> str:
        organisation = customer.organisation if customer.pk else None
        return f"read by {organisation}" if organisation else "nobody signs in for this customer yet"


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
        seller_id = _seller_id(self, cleaned)
        for field in ("customer", "tier"):
            if cleaned.get(field) is not None and cleaned[field].seller_id != seller_id:
                self.add_error(field, "This belongs to another seller.")
        return cleaned


def _seller_id(form: TenantForm, cleaned: dict[str, Any]) -> int | None:
    """Return whose row it is: set already, or just chosen by a platform operator."""
    seller = cleaned.get("seller")
    return seller.pk if seller is not None else form.instance.seller_id


@admin.register(Contract)
class ContractAdmin(AgreeingPages):
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
        ("payment_days", "collects_on", "debit_notice_days"),
        ("reminder_days", "reminder_fees"),
        ("reminder_least", "suspends_after"),
        ("purchase_order", "buyer_reference"),
    )
    inlines = (VersionInline, ContractPlanInline, TokenInline)
    readonly_fields = ("state_and_why",)
    # A few numbers with commas between them fit on one line.
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}
    actions_detail = (
        "which_tariff",
        "preview",
        "wallet",
        "on_a_day",
        "draft",
        "terminate",
        "suspend",
        "lift",
        "end",
        "reopen",
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
            end_contract(contract_id=contract.pk)
            return f"{contract} has ended; what it charged is still billed."

        return self.act(
            request,
            obj=contract,
            title=f"End {contract}",
            text="None of its cards starts a charge any more. What was charged is billed as ever.",
            submit="End",
            refused=(NotSuspended,),
            do=do,
        )

    @action(description="Reopen it", url_path="reopen", permissions=["suspension"], icon="restart_alt")
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            reopen_contract(contract_id=contract.pk)
            return f"{contract} is active again."

        return self.act(
            request,
            obj=contract,
            title=f"Reopen {contract}",
            text="Its cards charge again, from and until the days that it names.",
            submit="Reopen",
            do=do,
        )


class TierContractInline(TenantTabular):
    model = Contract
    fields = ("number", "customer", "status", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "contracts in this tier"


class TierAssignmentInline(TenantTabular):
    model = TariffAssignment
    fields = ("tariff", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "tariffs of this tier"


@admin.register(MembershipTier)
class MembershipTierAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    refusals = {
        "tier_name_unique_per_seller": "You already have a tier of this name.",
        "tier_discount_is_a_percentage": "A discount is more than 0 and at most 100 percent. Leave it empty for none.",
        "tier_ends_after_start": "The tier must end after it starts.",
    }
    empty_hint = (
        "A tier gives many contracts the same conditions: a discount on whatever tariff applies, a tariff of its own, "
        "or both. Add one, then choose it in the contracts."
    )
    list_display = ("name", "discount", "contract_count", "valid_from", "valid_to")
    search_fields = ("name",)
    fields = ("name", "discount_percent", "valid_from", "valid_to")
    inlines = (TierAssignmentInline, TierContractInline)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(contract_total=Count("contracts")).order_by("name")

    @admin.display(description="discount", ordering="discount_percent")
    def discount(self, tier: MembershipTier) -> str:
        percent = tier.discount_percent
        return "none" if percent is None else f"{percent.normalize():f} %"

    @admin.display(description="contracts", ordering="contract_total")
    def contract_count(self, tier: Any) -> int:
        return tier.contract_total


PLACE_NAMES = {
    "contract": "contract",
    "tier": "membership tier",
    "evse": "EVSE",
    "station": "station",
    "location": "location",
}

PLACE_HELP = {
    "contract": "One place or none, please. Contracts go before tiers, tiers before places, smaller places before "
    "larger ones; the default comes last.",
    "tier": "For every contract of this membership tier.",
    "location": "For everybody at this location.",
    "station": "For everybody at this station.",
    "evse": "For everybody at this EVSE.",
    "valid_to": "Empty: until further notice.",
}


class AssignmentForm(TenantForm):
    """Everything an assignment names belongs to one seller, who is registered for tax where it applies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, text in PLACE_HELP.items():
            if name in self.fields:
                self.fields[name].help_text = text
        if "evse" in self.fields:
            self.fields["evse"].label = "EVSE"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        seller_id = _seller_id(self, cleaned)
        station, evse = cleaned.get("station"), cleaned.get("evse")
        owners = {
            "tariff": getattr(cleaned.get("tariff"), "owner_id", seller_id),
            "contract": getattr(cleaned.get("contract"), "seller_id", seller_id),
            "tier": getattr(cleaned.get("tier"), "seller_id", seller_id),
            "location": getattr(cleaned.get("location"), "owner_id", seller_id),
            "station": station.location.owner_id if station else seller_id,
            "evse": evse.station.location.owner_id if evse else seller_id,
        }
        for field, owner_id in owners.items():
            if owner_id != seller_id and field in self.fields:
                self.add_error(field, "This belongs to another seller.")
        if not self.errors and "tariff" in cleaned:
            self._check_registered(cleaned)
        return cleaned

    def _check_registered(self, cleaned: dict[str, Any]) -> None:
        station, evse = cleaned.get("station"), cleaned.get("evse")
        place = "evse" if evse else "station" if station else "location" if cleaned.get("location") else None
        location = evse.station.location if evse else station.location if station else cleaned.get("location")
        since = max(cleaned["valid_from"], clock.now())
        try:
            check_registered(seller=cleaned["tariff"].owner, location=location, at=since)
        except NotRegistered as refusal:
            self.add_error(place, str(refusal))


class PlaceKindFilter(admin.SimpleListFilter):
    title = "applies to"
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((name, PLACE_NAMES[name]) for name in ASSIGNMENT_PLACES), ("everywhere", "everywhere")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in ASSIGNMENT_PLACES:
            return queryset.filter(**{f"{self.value()}__isnull": False})
        if self.value() == "everywhere":
            return queryset.filter(**{f"{name}__isnull": True for name in ASSIGNMENT_PLACES})
        return queryset


@admin.register(TariffAssignment)
class TariffAssignmentAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    form = AssignmentForm
    refusals = {
        "assignment_ends_after_start": "It must end after it starts.",
        "assignment_names_at_most_one_place": (
            "Name a contract, a tier, an EVSE, a station or a location, or none: not two."
        ),
        "assignment_one_per_place_and_moment": "Another tariff applies here in that time: end that assignment first.",
    }
    empty_hint = (
        "Until a tariff is assigned, sessions have no price: they go to review and nobody is billed for them. Leave "
        "every place empty to apply it everywhere."
    )
    list_display = ("applies_to", "tariff", "state", "valid_from", "valid_to")
    list_filter = (PlaceKindFilter, ("tariff", RelatedOnlyFieldListFilter))
    list_select_related = ("tariff", "contract__customer", "tier", "evse__station", "station", "location")
    search_fields = ("tariff__name", "contract__number", "tier__name", "station__identity", "location__name")
    date_hierarchy = "valid_from"
    autocomplete_fields = ("tariff", *ASSIGNMENT_PLACES)
    fields = ("tariff", "contract", "tier", "location", "station", "evse", "valid_from", "valid_to")
    actions_list = ("which_tariff",)

    @action(description="Which tariff applies?", url_path="which-tariff", permissions=["view"], icon="help")
    def which_tariff(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("console:which-tariff"))

    @admin.display(description="applies to")
    def applies_to(self, assignment: TariffAssignment) -> str:
        for kind in ASSIGNMENT_PLACES:
            if place := getattr(assignment, kind):
                return format_html("{} <strong>{}</strong>", PLACE_NAMES[kind], place)
        return "everywhere, by default"

    @display(description="state", label={"in force": "success", "scheduled": "info", "ended": "warning"})
    def state(self, assignment: TariffAssignment) -> str:
        at = clock.now()
        if assignment.valid_from > at:
            return "scheduled"
        return "ended" if assignment.valid_to is not None and assignment.valid_to <= at else "in force"
