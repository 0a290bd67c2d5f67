"""Customers, in the console."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import is_platform_operator
from apps.accounts.tenant_admin import TenantForm, TenantTabular
from apps.contracts.admin.cards import CostCentreInline, VehicleInline
from apps.contracts.admin.imports import CUSTOMER_FILES, ImportPages
from apps.contracts.domain.electronic import SCHEMES, is_address
from apps.contracts.formats import missing_for_format
from apps.contracts.models import Contract, Customer


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
class CustomerAdmin(ImportPages):
    actions_list = ("import_file", "import_template", "export_file")
    files = CUSTOMER_FILES
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
    actions_detail = ("overview", "statement")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        # What is a community's offers communities alone (``OfCommunityAdmin``).
        if request.GET.get("model_name") in ("unit", "allocationkey", "sharedcost"):
            queryset = queryset.filter(kind=Customer.Kind.COMMUNITY)
        return super().get_search_results(request, queryset, search_term)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        customer = self.get_object(request, object_id)
        found = super().get_actions_detail(request, object_id)
        is_community = customer is not None and customer.kind == Customer.Kind.COMMUNITY
        return found if is_community else [one for one in found if one.path != "statement"]

    @action(description="Everything at a glance", url_path="overview", permissions=["view"], icon="overview")
    def overview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:customer", args=[customer.pk]))

    @action(description="Statement of its units", url_path="statement", permissions=["view"], icon="request_quote")
    def statement(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:community", args=[customer.pk]))

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
