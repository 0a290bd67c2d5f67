"""Cards in the console, and the vehicles and cost centres they belong to."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action, display

from apps.accounts.domain.roles import MASTER_DATA_ROLES, SUPPORT_ROLES
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantForm, TenantTabular
from apps.contracts.admin.words import STATUS_LABELS
from apps.contracts.models import CostCentre, IdToken, Vehicle
from apps.core.bells import ring_on_commit


class VehicleInline(TenantTabular):
    model = Vehicle
    change_roles = MASTER_DATA_ROLES | SUPPORT_ROLES
    fields = ("plate", "label")


class CostCentreInline(TenantTabular):
    model = CostCentre
    change_roles = MASTER_DATA_ROLES | SUPPORT_ROLES
    fields = ("code", "name", "buyer_reference", "purchase_order")


class TokenInline(TenantTabular):
    model = IdToken
    fk_name = "contract"
    fields = ("uid", "driver", "vehicle", "cost_centre", "status", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "cards"


class OfCustomerAdmin(TenantAdmin):
    """What belongs to a customer, and to the same one for good: cards and sessions already name it."""

    change_roles = MASTER_DATA_ROLES | SUPPORT_ROLES
    deletable = True
    list_filter = (("customer", RelatedOnlyFieldListFilter),)
    list_select_related = ("customer",)
    autocomplete_fields = ("customer",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("customer",)


@admin.register(Vehicle)
class VehicleAdmin(OfCustomerAdmin):
    refusals = {"vehicle_plate_unique_per_customer": "This customer already has a vehicle with this plate."}
    empty_hint = "Vehicles are printed on invoice lines when a card belongs to one."
    list_display = ("plate", "label", "customer")
    search_fields = ("plate", "label", "customer__name")
    fields = ("customer", "plate", "label")


@admin.register(CostCentre)
class CostCentreAdmin(OfCustomerAdmin):
    refusals = {
        "cost_centre_code_unique_per_customer": "This customer already has a cost centre of this code.",
        "cost_centre_has_a_code": "Give it a code.",
    }
    empty_hint = (
        "Cost centres are the customer's. Choose one on a card: invoices then name it on the card's lines and state "
        "what each of them comes to."
    )
    list_display = ("code", "name", "customer", "buyer_reference", "purchase_order")
    search_fields = ("code", "name", "customer__name")
    fields = ("customer", ("code", "name"), ("buyer_reference", "purchase_order"))


class IdTokenForm(TenantForm):
    """A card's seller is its contract's; its vehicle and cost centre are the contract's customer's."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"seller"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        contract = cleaned.get("contract")
        if contract is None:
            return cleaned
        self.instance.seller_id = contract.seller_id
        for field, what in (("vehicle", "vehicle"), ("cost_centre", "cost centre")):
            named = cleaned.get(field)
            if named is not None and named.customer_id != contract.customer_id:
                self.add_error(field, f"This {what} is not one of {contract.customer}.")
        return cleaned


@admin.register(IdToken)
class IdTokenAdmin(TenantAdmin):
    change_roles = SUPPORT_ROLES
    form = IdTokenForm
    refusals = {
        "token_in_one_contract_of_a_seller": "This card is in another contract already: retire it there first.",
        "token_ends_after_start": "It must end after it starts.",
    }
    empty_hint = "Add the card's number as the reader sees it; the card then charges on its contract at your stations."
    list_display = ("uid", "contract", "driver", "vehicle", "cost_centre", "state")
    list_filter = ("status", ("contract__customer", RelatedOnlyFieldListFilter))
    list_select_related = ("contract__customer", "vehicle", "cost_centre")
    search_fields = (
        "uid",
        "driver",
        "contract__number",
        "contract__customer__name",
        "vehicle__plate",
        "cost_centre__code",
    )
    autocomplete_fields = ("contract", "vehicle", "cost_centre")
    fields = (
        "contract",
        "uid",
        ("driver", "vehicle", "cost_centre"),
        ("valid_from", "valid_to"),
        "free_reason",
        "status",
    )
    actions_detail = ("holders",)

    @action(description="Who still holds it", url_path="holders", permissions=["view"], icon="ev_station")
    def holders(self, request: HttpRequest, object_id: str) -> HttpResponse:
        token = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:card", args=[token.pk]))

    def save_model(self, request: HttpRequest, obj: IdToken, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # Stations may remember the card: whoever keeps their lists and caches looks again.
        ring_on_commit("card.changed", id=obj.pk)

    @display(description="status", label=STATUS_LABELS, ordering="status")
    def state(self, token: IdToken) -> str:
        return token.get_status_display()
