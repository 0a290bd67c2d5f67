"""A tariff's page: its name, what it costs now, and its versions."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import ActForm, TenantTabular
from apps.core import clock
from apps.tariffs import services
from apps.tariffs.admin.ocpi import ImportPages
from apps.tariffs.admin.words import in_words
from apps.tariffs.models import Tariff, TariffVersion


class VersionInline(TenantTabular):
    """Read only: a version has pages of its own."""

    model = TariffVersion
    fields = ("state", "valid_from", "valid_to", "what_it_says", "written_by")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("edited_by")

    @admin.display(description="state")
    def state(self, version: TariffVersion) -> str:
        address = reverse("admin:tariffs_tariffversion_change", args=[version.pk])
        return format_html('<a class="wl-link" href="{}">{}</a>', address, version.state_at(clock.now()).value)

    @admin.display(description="written by")
    def written_by(self, version: TariffVersion) -> str:
        return str(version.edited_by or "–")

    @admin.display(description="in words")
    def what_it_says(self, version: TariffVersion) -> str:
        return in_words(version)


class DraftForm(ActForm):
    """What a new draft begins with."""

    start = forms.ModelChoiceField(
        TariffVersion.objects.none(),
        label="Begin with",
        required=False,
        empty_label="nothing",
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Tariff)
class TariffAdmin(ImportPages):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "owner"
    refusals = {"tariff_name_unique_per_owner": "You already have a tariff of this name."}
    empty_hint = (
        "Create a tariff, then start a draft with its prices and publish it. An assignment says where it applies: "
        "at every station, at a location, a station or an EVSE, or for one contract."
    )
    list_display = ("name", "price_now", "version_count")
    search_fields = ("name",)
    fields = ("name",)
    inlines = (VersionInline,)
    actions_detail = ("new_draft", "import_ocpi", "which_tariff")

    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = super().get_queryset(request)
        return queryset.annotate(version_total=Count("versions")).prefetch_related("versions").order_by("name")

    def response_add(self, request: HttpRequest, obj: Tariff, post_url_continue: Any = None) -> HttpResponse:
        """Go on to the prices: a name alone is no tariff."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        draft = services.create_draft(tariff_id=obj.pk, by=operator_of(request), at=clock.now())
        messages.success(request, f"Now say what {obj} costs. It charges nobody until it is published.")
        return HttpResponseRedirect(reverse("admin:tariffs_tariffversion_change", args=[draft.pk]))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_empty = obj is None or not obj.versions.exists()
        return is_empty and super().has_delete_permission(request, obj)

    def has_prices_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    @admin.display(description="versions", ordering="version_total")
    def version_count(self, tariff: Any) -> int:
        return tariff.version_total

    @admin.display(description="price now")
    def price_now(self, tariff: Tariff) -> str:
        at = clock.now()
        for version in tariff.versions.all():
            if version.is_in_force(at):
                return in_words(version)
        return "no version in force"

    @action(description="Which tariff applies?", url_path="which-tariff", permissions=["view"], icon="help")
    def which_tariff(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:which-tariff"))

    @action(description="New draft", url_path="draft", permissions=["prices"], icon="edit_note")
    def new_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tariff = self.get_object_or_404(request, object_id)
        versions = TariffVersion.objects.filter(tariff=tariff).select_related("tariff")

        class TariffDraftForm(DraftForm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.fields["start"].queryset = versions  # type: ignore[attr-defined]

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            by, at, source = operator_of(request), clock.now(), cleaned["start"]
            if source is None:
                draft = services.create_draft(tariff_id=tariff.pk, by=by, at=at)
            else:
                draft = services.copy_version(version_id=source.pk, by=by, at=at)
            return HttpResponseRedirect(reverse("admin:tariffs_tariffversion_change", args=[draft.pk]))

        return self.act(
            request,
            obj=tariff,
            title=f"New draft of {tariff}",
            text="It charges nobody until it is published.",
            submit="Start the draft",
            do=do,
            form_class=TariffDraftForm,
            initial={"start": versions.in_force(clock.now()).first()},
        )
