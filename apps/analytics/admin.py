"""The laboratory in the console: ask what a period would have cost under a version, watch, read the answer."""

import csv
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import acting_membership, operated_rows, operator_of
from apps.accounts.tenant_admin import ActForm, TenantAdmin, choice_field
from apps.analytics.domain.spans import Preset, days_of
from apps.analytics.domain.status import TrialStatus
from apps.analytics.models import TariffTrial
from apps.analytics.selectors import EXPORT_HEADER, export_rows, report_of
from apps.analytics.services import trials as services
from apps.core import clock
from apps.tariffs.models import TariffVersion

STATUS_LABELS = {
    TrialStatus.QUEUED: "info",
    TrialStatus.RUNNING: "info",
    TrialStatus.DONE: "success",
    TrialStatus.FAILED: "danger",
}
PRESETS: Final = (
    (Preset.LAST_MONTH, "Last month"),
    (Preset.LAST_30_DAYS, "The last 30 days"),
    (Preset.OWN, "The days below"),
)
# What a spreadsheet would run instead of show.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


class _Day(UnfoldAdminTextInputWidget):
    """The browser's own picker of days."""

    input_type = "date"


def trial_form(request: HttpRequest) -> type[ActForm]:
    """Return the form that asks for a trial; it offers the organisation's own versions only."""
    versions = operated_rows(request, TariffVersion.objects.select_related("tariff"))

    class TrialForm(ActForm):
        tariff_version = choice_field(
            versions,
            label="Tariff version",
            help_text="A draft too. What it says now is tried; editing it later changes no trial.",
        )
        period = forms.ChoiceField(
            choices=PRESETS,
            initial=Preset.LAST_MONTH,
            widget=UnfoldAdminRadioSelectWidget,
            help_text="Sessions that began on these days, on your clock.",
        )
        first_date = forms.DateField(required=False, label="First day", widget=_Day)
        last_date = forms.DateField(required=False, label="Last day", widget=_Day)
        only_this_tariff = forms.BooleanField(
            required=False,
            label="Only sessions that this tariff priced",
            widget=UnfoldBooleanWidget,
            help_text="Otherwise every session of the period is tried, whichever tariff it had.",
        )

        def clean(self) -> dict[str, Any]:
            cleaned = super().clean() or {}
            if cleaned.get("period") == Preset.OWN:
                for name in ("first_date", "last_date"):
                    if cleaned.get(name) is None and name not in self.errors:
                        self.add_error(name, "Say which day.")
            return cleaned

    return TrialForm


def _days(cleaned: dict[str, Any]) -> tuple[date, date]:
    preset = Preset(cleaned["period"])
    if preset is Preset.OWN:
        return cleaned["first_date"], cleaned["last_date"]
    zone = ZoneInfo(cleaned["tariff_version"].tariff.owner.time_zone)
    return days_of(preset, today=clock.now().astimezone(zone).date())


@admin.register(TariffTrial)
class TariffTrialAdmin(TenantAdmin):
    """Trials are asked for, never edited; a trial that is no longer wanted is deleted."""

    change_roles = MASTER_DATA_ROLES
    deletable = True
    empty_hint = (
        "A trial answers “what would last month have cost under this tariff?”: it prices your stored sessions again "
        "under any version, drafts too, and shows revenue before and after. No charge record is touched."
    )
    list_display = ("created_at", "tariff_version", "first_date", "last_date", "state", "progress")
    list_display_links = ("created_at",)
    list_filter = ("status",)
    list_select_related = ("tariff_version__tariff",)
    search_fields = ("tariff_version__tariff__name",)
    fields = ("tariff_version", ("first_date", "last_date"), "status")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:trial_id>/progress/", wrap(self.progress_view), name="analytics_tarifftrial_progress"),
            path("<int:trial_id>/export/", wrap(self.export_view), name="analytics_tarifftrial_export"),
            *super().get_urls(),
        ]

    @display(description="status", label=STATUS_LABELS, ordering="status")
    def state(self, trial: TariffTrial) -> str:
        return trial.status

    @admin.display(description="sessions")
    def progress(self, trial: TariffTrial) -> str:
        return str(trial.sessions_done) if trial.is_over else f"{trial.sessions_done} of {trial.sessions_total}"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not operated_rows(request, TariffVersion.objects.all()).exists():
            return self._page(request, "admin/analytics/no_version.html", title="Try a tariff")

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            first_date, last_date = _days(cleaned)
            trial = services.start_trial(
                tariff_version_id=cleaned["tariff_version"].pk,
                first_date=first_date,
                last_date=last_date,
                only_this_tariff=cleaned["only_this_tariff"],
                by=operator_of(request),
                at=clock.now(),
            )
            return HttpResponseRedirect(self.page_of(trial))

        return self.act(
            request,
            obj=None,
            title="Try a tariff on past sessions",
            text="Your stored sessions are priced again under the version you choose, beside what they really cost. "
            "Nothing is written to their charge records, and nobody is billed.",
            submit="Start",
            form_class=trial_form(request),
            refused=(services.TrialRefused,),
            initial={"tariff_version": request.GET.get("version"), "period": Preset.LAST_MONTH},
            do=do,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        trial = self.get_object_or_404(request, object_id)
        if request.method == "POST" or not self.has_view_permission(request, trial):
            raise PermissionDenied
        membership = acting_membership(request)
        return self._page(
            request,
            "admin/analytics/trial.html",
            title=f"{trial.tariff_version}, tried on past sessions",
            trial=trial,
            report=report_of(trial),
            percent=percent_of(trial),
            draft_has_changed=trial.terms != trial.tariff_version.document(),
            may_delete=self.has_delete_permission(request, trial),
            zone=membership.organisation.time_zone if membership else trial.time_zone,
            export_url=reverse("admin:analytics_tarifftrial_export", args=[trial.pk]),
            progress_url=reverse("admin:analytics_tarifftrial_progress", args=[trial.pk]),
        )

    def progress_view(self, request: HttpRequest, trial_id: int) -> HttpResponse:
        trial = self._readable(request, trial_id)
        said = {
            "is_over": trial.is_over,
            "percent": percent_of(trial),
            "done": trial.sessions_done,
            "total": trial.sessions_total,
        }
        return JsonResponse(said, headers={"Cache-Control": "no-store"})

    def export_view(self, request: HttpRequest, trial_id: int) -> HttpResponse:
        trial = self._readable(request, trial_id)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="trial-{trial.pk}.csv"'
        response["Cache-Control"] = "private, no-store"
        writer = csv.writer(response)
        writer.writerow(EXPORT_HEADER)
        for kind, name, *numbers in export_rows(trial):
            writer.writerow([kind, _as_text(name), *numbers])
        return response

    def _readable(self, request: HttpRequest, trial_id: int) -> TariffTrial:
        trial: TariffTrial = self.get_object_or_404(request, str(trial_id))
        if not self.has_view_permission(request, trial):
            raise PermissionDenied
        return trial

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context})


def percent_of(trial: TariffTrial) -> int:
    """Return how far a trial has got; the whole is not reached before it is over."""
    if trial.is_over:
        return 100
    return min(trial.sessions_done * 100 // trial.sessions_total, 99) if trial.sessions_total else 0


def _as_text(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA_STARTS) else name
