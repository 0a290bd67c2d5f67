"""Residential communities in the console: units and who holds them, keys, and the costs that are shared."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django_countries import countries
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.accounts.admin_found import FoundField
from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import (
    ActForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantForm,
    TenantTabular,
    operated_rows,
)
from apps.contracts.admin.day_rows import DayRowsFormSet
from apps.contracts.communities import NotMoved, Recipient, move_in
from apps.contracts.models import (
    AllocationKey,
    Contract,
    CostPeriod,
    CostShare,
    Customer,
    KeyWeight,
    Occupancy,
    SharedCost,
    Unit,
)
from apps.core import clock
from apps.core.words import amount

_COMMUNITIES = Q(kind=Customer.Kind.COMMUNITY)


class OccupancyFormSet(DayRowsFormSet):
    """A unit's contracts are its seller's, and one holds it a day."""

    words = "Two holders share days: end the earlier one first."

    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            contract = form.cleaned_data.get("contract") if hasattr(form, "cleaned_data") else None
            if contract is not None and contract.seller_id != self.instance.customer.seller_id:
                raise forms.ValidationError("This contract belongs to another seller.")


class OccupancyInline(TenantTabular):
    model = Occupancy
    formset = OccupancyFormSet
    change_roles = MASTER_DATA_ROLES
    deletable = True
    fields = ("contract", "role", "first_day", "end_day")
    autocomplete_fields = ("contract",)
    verbose_name = "holder"
    verbose_name_plural = "who holds it, and from when on"


class MoveForm(ActForm):
    """Who moves in: a contract that runs already, or a person who becomes a customer by it."""

    first_day = forms.DateField(label="From", widget=UnfoldAdminDateWidget, help_text="The first day it is theirs.")
    role = forms.ChoiceField(label="As", choices=Occupancy.Role.choices, widget=UnfoldAdminSelectWidget)
    name = forms.CharField(
        label="Name of a new recipient",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Gets this unit's invoices. Leave it empty if you chose a contract.",
    )
    street = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)
    postcode = forms.CharField(max_length=20, required=False, widget=UnfoldAdminTextInputWidget)
    city = forms.CharField(max_length=100, required=False, widget=UnfoldAdminTextInputWidget)
    country = forms.ChoiceField(choices=list(countries), widget=UnfoldAdminSelectWidget)
    email = forms.EmailField(
        label="E-mail address", required=False, widget=UnfoldAdminEmailInputWidget, help_text="Where invoices go."
    )
    language = forms.ChoiceField(
        choices=list(Customer._meta.get_field("language").choices or ()), widget=UnfoldAdminSelectWidget
    )
    takes_over_cards = forms.BooleanField(
        label="The cards stay with the unit",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Those of the holder before go on, at once, on the new holder's account.",
    )

    def __init__(self, *args: Any, request: HttpRequest, unit: Unit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        runs = operated_rows(request, Contract.objects.filter(seller=unit.customer.seller)).filter(
            status__in=[Contract.Status.ACTIVE, Contract.Status.SUSPENDED]
        )
        contract = FoundField(
            runs,
            key=Occupancy._meta.get_field("contract"),
            required=False,
            label="Contract",
            error_messages={"invalid_choice": "Choose a contract that runs."},
            help_text="Of a customer you have already; or leave it empty and fill in who gets the invoices.",
        )
        self.fields = {
            "first_day": self.fields.pop("first_day"),
            "role": self.fields.pop("role"),
            "contract": contract,
        } | self.fields

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        needed = ("name", "street", "postcode", "city", "email")
        if cleaned.get("contract") is None:
            for field in needed:
                if not cleaned.get(field) and field not in self.errors:
                    self.add_error(field, "Needed for a new recipient.")
        elif cleaned.get("name"):
            self.add_error("name", "Choose a contract or name a new recipient, not both.")
        return cleaned

    def holder(self) -> Contract | Recipient:
        cleaned = self.cleaned_data
        if cleaned["contract"] is not None:
            return cleaned["contract"]  # type: ignore[no-any-return]
        fields = ("name", "street", "postcode", "city", "country", "email", "language")
        return Recipient(**{field: cleaned[field] for field in fields})


class OfCommunityForm(TenantForm):
    """What is a community's: only customers of that kind are offered, and the seller's currency is known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "customer" in self.fields:
            field = self.fields["customer"]
            field.queryset = field.queryset.filter(_COMMUNITIES)  # type: ignore[attr-defined]
            field.empty_label = "Choose a residential community"  # type: ignore[attr-defined]


class OfCommunityAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    form = OfCommunityForm
    list_filter = (("customer", RelatedOnlyFieldListFilter),)
    list_select_related = ("customer",)
    autocomplete_fields = ("customer",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "customer")


@admin.register(Unit)
class UnitAdmin(OfCommunityAdmin):
    refusals = {
        "unit_label_unique_per_community": "This community already has a unit of this name.",
        "unit_has_some_area": "An area is more than nothing; leave it empty if you do not know it.",
        "unit_ends_after_it_begins": "It ends after it begins.",
    }
    empty_hint = (
        "Units are the flats and houses of a residential community. Add a customer of that kind, then its units, then "
        "who holds them: each unit gets an invoice of its own."
    )
    list_display = ("label", "customer", "holder", "area_sqm", "first_day", "end_day")
    search_fields = ("label", "customer__name", "occupancies__contract__customer__name")
    fields = ("customer", ("label", "area_sqm"), ("first_day", "end_day"))
    inlines = (OccupancyInline,)
    actions_detail = ("move",)

    @admin.display(description="held by")
    def holder(self, unit: Unit) -> str:
        today = clock.now().date()
        held = unit.occupancies.filter(Q(end_day__isnull=True) | Q(end_day__gt=today), first_day__lte=today)
        now = held.select_related("contract__customer").first()
        return f"{now.contract.customer}, {now.get_role_display().lower()}" if now else "nobody today"

    @action(description="Somebody moves in", url_path="move", permissions=["move"], icon="move_in")
    def move(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a unit change hands on a day."""
        unit = self.get_object_or_404(request, object_id)
        made: list[MoveForm] = []

        def bound(*args: Any, **kwargs: Any) -> MoveForm:
            made.append(MoveForm(*args, request=request, unit=unit, **kwargs))
            return made[-1]

        def do(cleaned: dict[str, Any]) -> str:
            occupancy = move_in(
                unit_id=unit.pk,
                first_day=cleaned["first_day"],
                role=cleaned["role"],
                holder=made[-1].holder(),
                takes_over_cards=cleaned["takes_over_cards"],
                at=clock.now(),
            )
            return f"{unit} is held by {occupancy.contract} from {occupancy.first_day} on."

        community = unit.customer
        return self.act(
            request,
            obj=unit,
            title=f"Somebody moves into {unit}, {community}",
            text="Whoever holds it now holds it until the day before. Shared costs are borne by days; each holder gets "
            "an invoice of their own.",
            submit="Move in",
            form_class=bound,  # type: ignore[arg-type]
            refused=(NotMoved,),
            do=do,
            initial={
                "street": community.street,
                "postcode": community.postcode,
                "city": community.city,
                "country": community.country.code,
                "language": community.language,
            },
        )

    def has_move_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.may_change(request)


class WeightFormSet(DayRowsFormSet):
    apart = ("unit",)
    words = "A unit has two weights on the same days: end the earlier one first."


class WeightInline(TenantTabular):
    model = KeyWeight
    formset = WeightFormSet
    change_roles = MASTER_DATA_ROLES
    deletable = True
    fields = ("unit", "weight", "first_day", "end_day")
    verbose_name = "weight"
    verbose_name_plural = "weights: what each unit weighs from which day on (a table alone)"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        if obj is not None and "unit" in formset.form.base_fields:
            field = formset.form.base_fields["unit"]
            field.queryset = field.queryset.filter(customer=obj.customer_id)
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request) and obj is not None and obj.kind == "table"


@admin.register(AllocationKey)
class AllocationKeyAdmin(OfCommunityAdmin):
    refusals = {"key_name_unique_per_community": "This community already has a key of this name."}
    empty_hint = (
        "A key says how a cost is shared: each unit alike, by area, by a table of weights such as co-ownership shares, "
        "or by the energy charged."
    )
    list_display = ("name", "customer", "kind")
    search_fields = ("name", "customer__name")
    fields = ("customer", ("name", "kind"))
    inlines = (WeightInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        used = obj is not None and (obj.costs.exists() or obj.weights.exists())
        return (*super().get_readonly_fields(request, obj), *(("kind",) if used else ()))


class PeriodInline(TenantTabular):
    model = CostPeriod
    fk_name = "cost"
    fields = ("first_day", "last_day", "amount", "key_name", "is_in_force", "reason", "shared_at")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "periods that were shared"


class SharedCostForm(OfCommunityForm):
    """Knows the seller's currency before amounts are checked against it, and offers a community's own keys."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        customer = cleaned.get("customer") or (self.instance.customer if self.instance.customer_id else None)
        if customer is not None:
            self.instance.currency = customer.seller.currency
            key = cleaned.get("key")
            if key is not None and key.customer_id != customer.pk:
                self.add_error("key", "This key is another community's.")
        if cleaned.get("end_day") is None and cleaned.get("is_monthly") is False:
            self.add_error("end_day", "A cost that comes once has a last day: name the first day without it.")
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"currency"}


@admin.register(SharedCost)
class SharedCostAdmin(OfCommunityAdmin):
    form = SharedCostForm
    refusals = {
        "shared_cost_ends_after_it_begins": "It ends after it begins.",
        "shared_cost_that_comes_once_has_an_end": "A cost that comes once has an end.",
        "shared_cost_is_something": "An amount is more or less than nothing.",
        "shared_cost_is_rounded": "The currency has no such small amounts.",
    }
    empty_hint = (
        "What all units bear together, such as the operation of the wallboxes: each month or once, shared by a key. "
        "The billing run shares it when the month is over."
    )
    list_display = ("name", "customer", "cost", "key", "first_day", "end_day")
    list_select_related = ("customer", "key")  # type: ignore[assignment]
    search_fields = ("name", "customer__name")
    fields = ("customer", "name", ("amount", "tax_included"), ("is_monthly", "key"), ("first_day", "end_day"))
    inlines = (PeriodInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("name", "amount", "tax_included", "is_monthly", "key", "first_day")
        shared = obj is not None and obj.periods.exists()
        return (*super().get_readonly_fields(request, obj), *(fixed if shared else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.periods.exists())

    @admin.display(description="amount", ordering="amount")
    def cost(self, cost: SharedCost) -> str:
        return amount(cost.amount, cost.currency) + (" a month" if cost.is_monthly else " once")


class ShareInline(TenantTabular):
    model = CostShare
    fields = ("unit", "contract", "first_day", "last_day", "percent_of", "share")
    readonly_fields = fields
    verbose_name_plural = "who bears what"

    @admin.display(description="part")
    def percent_of(self, share: CostShare) -> str:
        return f"{share.percent} %"

    @admin.display(description="amount")
    def share(self, share: CostShare) -> str:
        return amount(share.amount, share.currency)


class CostPeriodPages(TenantAdmin):
    """A period of a cost as it was shared; the act that takes it back is added where sharing is done."""

    empty_hint = "The billing run shares costs when their month is over. Each period and its shares are listed here."
    list_display = ("cost", "community", "first_day", "last_day", "whole", "key_name", "state")
    list_filter = (("cost", RelatedOnlyFieldListFilter), "is_in_force")
    list_select_related = ("cost__customer", "reverses")
    fields = (
        "cost",
        ("first_day", "last_day"),
        ("whole", "key_name", "key_kind"),
        "state",
        "reverses",
        "reason",
        ("shared_at", "shared_by"),
    )
    readonly_fields = ("whole", "state")
    inlines = (ShareInline,)

    @admin.display(description="community", ordering="cost__customer__name")
    def community(self, period: CostPeriod) -> str:
        return str(period.cost.customer)

    @admin.display(description="amount", ordering="amount")
    def whole(self, period: CostPeriod) -> str:
        side = "incl. VAT" if period.cost.tax_included else "net"
        return format_html("{} {}", amount(period.amount, period.currency), side)

    @display(description="state", label={"in force": "success", "taken back": "warning", "takes back": "info"})
    def state(self, period: CostPeriod) -> str:
        if period.reverses_id is not None:
            return "takes back"
        return "in force" if period.is_in_force else "taken back"
