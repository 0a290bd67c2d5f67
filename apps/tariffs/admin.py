"""Prices in the console: a tariff, its versions, and what each version says in sentences."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import acting_membership
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantForm, TenantTabular
from apps.core import clock
from apps.tariffs.domain.sentences import describe_element
from apps.tariffs.models import Tariff, TariffVersion

EXAMPLE = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.39", "step_size": 1}],
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.49", "step_size": 1}]},
]


class VersionInline(TenantTabular):
    """Read only: a version is written on its own page, where its elements are checked."""

    model = TariffVersion
    fields = ("valid_from", "valid_to", "currency", "tax_included", "used_at")
    readonly_fields = fields
    show_change_link = True


@admin.register(Tariff)
class TariffAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "owner"
    refusals = {"tariff_name_unique_per_owner": "You already have a tariff of this name."}
    empty_hint = (
        "Create a tariff, then give it a version with prices. An assignment says where it applies: "
        "at every station, at a location, a station or an EVSE, or for one contract."
    )
    list_display = ("name", "price_now", "version_count")
    search_fields = ("name",)
    fields = ("name",)
    inlines = (VersionInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = super().get_queryset(request)
        return queryset.annotate(version_total=Count("versions")).prefetch_related("versions").order_by("name")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        unused = obj is None or not obj.versions.filter(used_at__isnull=False).exists()
        return unused and super().has_delete_permission(request, obj)

    @admin.display(description="versions", ordering="version_total")
    def version_count(self, tariff: Any) -> int:
        return tariff.version_total

    @admin.display(description="price now")
    def price_now(self, tariff: Tariff) -> str:
        at = clock.now()
        for version in tariff.versions.all():
            if version.is_in_force(at):
                return sentences_of(version)
        return "no version in force"


class VersionForm(TenantForm):
    # Without it the field "elements" would hide the form's own list of that name from the admin's script.
    prefix = "version"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "elements" in self.fields:
            self.fields["elements"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 18, "spellcheck": "false"})
            self.fields["elements"].help_text = (
                "OCPI 2.2.1 elements as JSON. Prices are decimal strings, per kWh (ENERGY), per hour (TIME) or per "
                "session (FLAT); times are local to the site. The first element that holds wins."
            )
            self.fields["elements"].prepare_value = pretty_json  # type: ignore[method-assign]
            if self.instance._state.adding:
                self.initial.setdefault("elements", EXAMPLE)


def pretty_json(value: Any) -> str:
    """Return elements as indented JSON; what a person typed and was refused stays as typed."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def sentences_of(version: TariffVersion) -> str:
    """Return each element in one sentence, a line each."""
    terms = version.terms()
    lines = (
        (describe_element(element, currency=terms.currency, tax_included=terms.tax_included),)
        for element in terms.elements
    )
    return format_html_join(mark_safe("<br>"), "{}", lines)


@admin.register(TariffVersion)
class TariffVersionAdmin(TenantAdmin):
    """A version is open until a session uses it; from then on only its end can be set, once, not into the past."""

    change_roles = MASTER_DATA_ROLES
    deletable = True
    form = VersionForm
    refusals = {
        "tariff_version_one_at_a_time": "Another version of this tariff is in force in that time: end that one first.",
        "tariff_version_ends_after_start": "The version must end after it starts.",
    }
    empty_hint = "A tariff without a version has no price. Add one; it is checked before it is saved."
    list_display = ("tariff", "valid_from", "valid_to", "what_it_says", "state")
    list_filter = (("tariff", RelatedOnlyFieldListFilter), "currency")
    list_select_related = ("tariff",)
    search_fields = ("tariff__name",)
    date_hierarchy = "valid_from"
    autocomplete_fields = ("tariff",)
    fields = (
        "tariff",
        "valid_from",
        "valid_to",
        ("currency", "tax_included"),
        "elements",
        "what_it_says",
        "why",
    )

    def get_fields(self, request: HttpRequest, obj: TariffVersion | None = None) -> Any:
        shown_only = {"what_it_says", "why"} if obj is None else ({"why"} if obj.used_at is None else set())
        return [field for field in super().get_fields(request, obj) if field not in shown_only]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        membership = acting_membership(request)
        currency = {"currency": membership.organisation.currency} if membership else {}
        return currency | super().get_changeform_initial_data(request)

    def get_readonly_fields(self, request: HttpRequest, obj: TariffVersion | None = None) -> Any:
        if obj is None:
            return ()
        if obj.used_at is None:
            return ("what_it_says",)
        frozen = ("tariff", "valid_from", "currency", "tax_included", "elements", "what_it_says", "why")
        return frozen if obj.valid_to is None else (*frozen, "valid_to")

    def has_delete_permission(self, request: HttpRequest, obj: TariffVersion | None = None) -> bool:
        return (obj is None or obj.used_at is None) and super().has_delete_permission(request, obj)

    @admin.display(description="in words")
    def what_it_says(self, version: TariffVersion) -> str:
        return sentences_of(version)

    @admin.display(description="why it is fixed")
    def why(self, version: TariffVersion) -> str:
        return (
            f"A session was priced with it on {version.used_at:%Y-%m-%d %H:%M} UTC, so it can be explained for ever. "
            "Set its end and add a new version to change the price."
        )

    @display(description="state", label={"in use": "success", "ended": "warning", "draft": "info"})
    def state(self, version: TariffVersion) -> str:
        if version.valid_to is not None and version.valid_to <= clock.now():
            return "ended"
        return "in use" if version.used_at is not None else "draft"
