"""Site groups in the console: their sites from when until when, and what tariffs apply at them."""

from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import DatedForm, TenantAdmin, TenantTabular
from apps.contracts.models import GroupedSite, SiteGroup, TariffAssignment
from apps.contracts.registrations import NotRegistered, check_registered
from apps.core import clock
from apps.stations.admin import LocationAdmin

KEPT = "What was is kept: let it leave from a moment to come, and add a row for what follows."


class GroupedSiteForm(DatedForm):
    """Of what began only its end changes, and only from and to what lies ahead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.began = self.instance.pk is not None and self.instance.valid_from <= clock.now()
        self.end_before = self.instance.valid_to
        for name in ("location", "valid_from"):
            if self.began and name in self.fields:
                self.fields[name].disabled = True
        if self.began and "location" in self.fields:
            # A box to search in would ask for the chosen row of each line.
            site = self.instance.location
            self.fields["location"].widget = UnfoldAdminSelectWidget(choices=[(site.pk, str(site))])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        now, end = clock.now(), cleaned.get("valid_to")
        is_moved = self.began and "valid_to" in cleaned and end != self.end_before
        if is_moved and min(self.end_before or now, end or now) < now:
            self.add_error("valid_to", KEPT)
        return cleaned


class GroupedSiteFormSet(forms.BaseInlineFormSet):
    """What a group's sites must be together: one seller's, each once at a time, registered for tax where it is sold."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = []
        for form in self.forms:
            if form.cleaned_data.get("DELETE"):
                # Django asks no row that is to go whether it is valid.
                if form.began:
                    raise forms.ValidationError(f"{form.instance.location}: {KEPT[0].lower()}{KEPT[1:]}")
            elif form.instance.location_id is not None:
                self._check(form)
                kept.append(form.instance)
        for before, after in pairwise(sorted(kept, key=lambda row: (row.location_id, row.valid_from))):
            is_open = before.valid_to is None or before.valid_to > after.valid_from
            if before.location_id == after.location_id and is_open:
                raise forms.ValidationError(f"{after.location} is in the group twice at a time: end the earlier row.")

    def _check(self, form: Any) -> None:
        row, group = form.instance, self.instance
        if row.location.owner_id != group.seller_id:
            form.add_error("location", "This belongs to another seller.")
        elif form.has_changed() and group.pk and group.assignments.exclude(valid_to__lte=clock.now()).exists():
            try:
                check_registered(seller=group.seller, locations=[row.location], at=max(row.valid_from, clock.now()))
            except NotRegistered as refusal:
                form.add_error("location", str(refusal))


class GroupedSiteInline(TenantTabular):
    model = GroupedSite
    form = GroupedSiteForm
    formset = GroupedSiteFormSet
    change_roles = MASTER_DATA_ROLES
    deletable = True
    fields = ("location", "valid_from", "valid_to")
    autocomplete_fields = ("location",)
    ordering = ("location__name", "valid_from")
    verbose_name = "site"
    verbose_name_plural = (
        "sites: each is in one group at a time. To take one out, say when it leaves; sessions that began before keep "
        "their price"
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("location")


class GroupAssignmentInline(TenantTabular):
    model = TariffAssignment
    fields = ("tariff", "contract", "tier", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "tariffs that apply at its sites, to everybody or to a contract or tier"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("tariff", "contract__customer", "tier")


@admin.register(SiteGroup)
class SiteGroupAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    refusals = {"group_name_unique_per_seller": "You already have a site group of this name."}
    empty_hint = (
        "A site group gives several sites the same prices, such as all depots. Add one with its sites, then say under "
        "Where they apply which tariff applies there: for everybody, or for one contract or membership tier."
    )
    list_display = ("name", "site_count", "tariff_count")
    search_fields = ("name",)
    fields = ("name",)
    inlines = (GroupedSiteInline, GroupAssignmentInline)

    def get_queryset(self, request: HttpRequest) -> Any:
        now = clock.now()
        is_held = Q(sites__valid_from__lte=now) & (Q(sites__valid_to__isnull=True) | Q(sites__valid_to__gt=now))
        is_in_force = Q(assignments__valid_to__isnull=True) | Q(assignments__valid_to__gt=now)
        groups = super().get_queryset(request).order_by("name")
        return groups.annotate(
            site_total=Count("sites", filter=is_held, distinct=True),
            tariff_total=Count("assignments", filter=is_in_force, distinct=True),
        )

    @admin.display(description="sites today", ordering="site_total")
    def site_count(self, group: Any) -> int:
        return int(group.site_total)

    @admin.display(description="tariffs", ordering="tariff_total")
    def tariff_count(self, group: Any) -> int:
        return int(group.tariff_total)


class LocationGroupFormSet(forms.BaseInlineFormSet):
    @classmethod
    def get_default_prefix(cls) -> str:
        # Django names it after the way back from a location, which there is none of.
        return "groups"


class LocationGroupInline(TenantTabular):
    model = GroupedSite
    formset = LocationGroupFormSet
    fields = ("group", "valid_from", "valid_to")
    readonly_fields = fields
    verbose_name_plural = "site group: by which its prices may be set, from when until when"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group")


# A location's page tells its groups. Stations know nothing of prices, so the rows are put there from here.
LocationAdmin.inlines = (*LocationAdmin.inlines, LocationGroupInline)
