"""Where a tariff applies, in the console."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.decorators import action, display

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantForm, seller_id_of
from apps.contracts.models import ASSIGNMENT_PLACES, TariffAssignment
from apps.contracts.registrations import NotRegistered, check_registered, locations_of
from apps.core import clock

PLACE_NAMES = {
    "contract": "contract",
    "tier": "membership tier",
    "evse": "EVSE",
    "station": "station",
    "location": "location",
    "group": "site group",
}

PLACE_HELP = {
    "contract": "One place or none, please; a contract or tier may be joined with a site group. Contracts go before "
    "tiers, tiers before places, smaller places before larger ones; the default comes last.",
    "tier": "For every contract of this membership tier.",
    "location": "For everybody at this location.",
    "station": "For everybody at this station.",
    "evse": "For everybody at this EVSE.",
    "group": "For everybody at the sites of this group; with a contract or tier, for its cards there alone.",
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
        seller_id = seller_id_of(self, cleaned)
        station, evse = cleaned.get("station"), cleaned.get("evse")
        owners = {
            "tariff": getattr(cleaned.get("tariff"), "owner_id", seller_id),
            "contract": getattr(cleaned.get("contract"), "seller_id", seller_id),
            "tier": getattr(cleaned.get("tier"), "seller_id", seller_id),
            "location": getattr(cleaned.get("location"), "owner_id", seller_id),
            "station": station.location.owner_id if station else seller_id,
            "evse": evse.station.location.owner_id if evse else seller_id,
            "group": getattr(cleaned.get("group"), "seller_id", seller_id),
        }
        for field, owner_id in owners.items():
            if owner_id != seller_id and field in self.fields:
                self.add_error(field, "This belongs to another seller.")
        if not self.errors and "tariff" in cleaned:
            self._check_registered(cleaned)
        return cleaned

    def _check_registered(self, cleaned: dict[str, Any]) -> None:
        places = ("evse", "station", "location", "group")
        place = next((name for name in places if cleaned.get(name) is not None), None)
        since = max(cleaned["valid_from"], clock.now())
        try:
            check_registered(
                seller=cleaned["tariff"].owner,
                locations=locations_of(at=since, **{name: cleaned.get(name) for name in places}),
                at=since,
            )
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
        "assignment_names_who_at_a_group_or_one_place": (
            "Name one place or none. Only a contract or a membership tier can be joined with a site group."
        ),
        "assignment_one_per_place_and_moment": "Another tariff applies here in that time: end that assignment first.",
    }
    empty_hint = (
        "Until a tariff is assigned, sessions have no price: they go to review and nobody is billed for them. Leave "
        "every place empty to apply it everywhere."
    )
    list_display = ("applies_to", "tariff", "state", "valid_from", "valid_to")
    list_filter = (PlaceKindFilter, ("tariff", RelatedOnlyFieldListFilter))
    list_select_related = ("tariff", "contract__customer", "tier", "evse__station", "station", "location", "group")
    search_fields = (
        *("tariff__name", "contract__number", "tier__name"),
        *("station__identity", "location__name", "group__name"),
    )
    date_hierarchy = "valid_from"
    autocomplete_fields = ("tariff", *ASSIGNMENT_PLACES)
    fields = ("tariff", "contract", "tier", "group", "location", "station", "evse", "valid_from", "valid_to")
    actions_list = ("which_tariff",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        # What most mean: from now on, by the owner's clock.
        return {"valid_from": clock.now().replace(microsecond=0), **super().get_changeform_initial_data(request)}

    @action(description="Which tariff applies?", url_path="which-tariff", permissions=["view"], icon="help")
    def which_tariff(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("console:which-tariff"))

    @admin.display(description="applies to")
    def applies_to(self, assignment: TariffAssignment) -> str:
        named = [(PLACE_NAMES[kind], place) for kind in ASSIGNMENT_PLACES if (place := getattr(assignment, kind))]
        return format_html_join(" at ", "{} <strong>{}</strong>", named) or "everywhere, by default"

    @display(description="state", label={"in force": "success", "scheduled": "info", "ended": "warning"})
    def state(self, assignment: TariffAssignment) -> str:
        at = clock.now()
        if assignment.valid_from > at:
            return "scheduled"
        return "ended" if assignment.valid_to is not None and assignment.valid_to <= at else "in force"
