"""A tariff version's pages: written as rows while it is a draft, shown once it is published."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action, display

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin
from apps.core import clock
from apps.tariffs import services
from apps.tariffs.admin.comparing import ComparePages
from apps.tariffs.admin.holidays import fill_in_holidays
from apps.tariffs.admin.ocpi import OcpiPages
from apps.tariffs.admin.preview import preview_of
from apps.tariffs.admin.publishing import PublishPages
from apps.tariffs.admin.sheet import MOST_ROWS, Sheet
from apps.tariffs.admin.words import in_words, notes, rules, sentences
from apps.tariffs.domain.parse import TariffError
from apps.tariffs.domain.status import VersionState
from apps.tariffs.models import TariffVersion
from apps.tariffs.selectors import terms_of

STATE_LABELS = {
    VersionState.DRAFT: "info",
    VersionState.SCHEDULED: "warning",
    VersionState.IN_FORCE: "success",
    VersionState.SUPERSEDED: "default",
}


@admin.register(TariffVersion)
class TariffVersionAdmin(PublishPages, OcpiPages, ComparePages, TenantAdmin):
    """A draft is saved and published by the services; a published version only shows."""

    change_roles = MASTER_DATA_ROLES
    deletable = True
    empty_hint = (
        "A tariff without a published version has no price. Start a draft; it is checked before it is published."
    )
    list_display = ("tariff", "state", "valid_from", "valid_to", "what_it_says")
    list_display_links = ("tariff", "state")
    list_filter = (("tariff", RelatedOnlyFieldListFilter), "status", "currency")
    list_select_related = ("tariff",)
    search_fields = ("tariff__name",)
    autocomplete_fields = ("tariff",)
    fields = ("tariff",)
    actions = ("compare_chosen",)
    actions_detail = ("publish", "withdraw", "end", "copy", "export")

    @admin.display(description="in words")
    def what_it_says(self, version: TariffVersion) -> str:
        return in_words(version)

    @display(description="state", label=STATE_LABELS)
    def state(self, version: TariffVersion) -> str:
        return version.state_at(clock.now()).value

    def get_urls(self) -> list[Any]:
        pages = [
            path(
                "<path:object_id>/preview/",
                self.admin_site.admin_view(self.preview_view),
                name="tariffs_tariffversion_preview",
            ),
            path("compare/", self.admin_site.admin_view(self.compare_view), name="tariffs_tariffversion_compare"),
        ]
        return pages + super().get_urls()

    def has_delete_permission(self, request: HttpRequest, obj: TariffVersion | None = None) -> bool:
        return (obj is None or obj.is_draft) and super().has_delete_permission(request, obj)

    def has_prices_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    def delete_model(self, request: HttpRequest, obj: TariffVersion) -> None:
        services.discard_draft(version_id=obj.pk)

    def save_model(self, request: HttpRequest, obj: TariffVersion, form: Any, change: bool) -> None:
        draft = services.create_draft(tariff_id=obj.tariff_id, by=operator_of(request), at=clock.now())
        obj.pk = draft.pk

    def response_add(self, request: HttpRequest, obj: TariffVersion, post_url_continue: Any = None) -> HttpResponse:
        return HttpResponseRedirect(self.page_of(obj))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        if self._is_written_here(request, version):
            return self._edit(request, version)
        if request.method == "POST" and not self.may_change(request):
            raise PermissionDenied
        if request.method == "POST" and not version.is_draft:
            return self._write(request, version, Sheet.of_request(request.POST))
        return self._show(request, version)

    def _is_written_here(self, request: HttpRequest, version: TariffVersion) -> bool:
        """Whether the person gets the editor; an imported draft may have more rows than it could give back."""
        return version.is_draft and self.may_change(request) and len(version.elements) <= MOST_ROWS

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what is being typed means, row by row and as a whole; save nothing."""
        version = self.get_object_or_404(request, object_id)
        if request.method != "POST" or not self.may_change(request):
            raise PermissionDenied
        sheet = Sheet.of_request(request.POST)
        context = preview_of(sheet.terms(), version=version, week=request.POST.get("week", ""))
        return JsonResponse(
            {
                "sentences": sheet.sentences(),
                "preview": render_to_string("admin/tariffs/preview.html", context, request=request),
            }
        )

    def _edit(self, request: HttpRequest, version: TariffVersion) -> HttpResponse:
        """Write the draft; an act other than saving only rearranges what was sent."""
        if request.method != "POST":
            return self._editor(request, version, Sheet.of_version(version), edit_no=version.edit_no)
        sheet, act = Sheet.of_request(request.POST), request.POST.get("_act", "save")
        if act in ("save", "publish", "keep_both"):
            return self._write(request, version, sheet)
        if act == "holidays":
            message, data = fill_in_holidays(request.POST)
            messages.info(request, message)
            sheet = Sheet.of_request(data)
        return self._editor(request, version, sheet.rearranged(act), edit_no=edit_no_in(request))

    def _write(self, request: HttpRequest, version: TariffVersion, sheet: Sheet) -> HttpResponse:
        """Save what was sent; where somebody else was faster, show both and let the person decide."""
        act, by, at = request.POST.get("_act", "save"), operator_of(request), clock.now()
        content: dict[str, Any] = {"document": sheet.document(), "texts": sheet.texts(), "by": by, "at": at}
        if not sheet.is_good():
            return self._editor(request, version, sheet, edit_no=edit_no_in(request))
        try:
            if act == "keep_both":
                saved = services.create_draft(tariff_id=version.tariff_id, **content)
            else:
                saved = services.save_draft(version_id=version.pk, expected_edit_no=edit_no_in(request), **content)
        except TariffError as error:
            sheet.place(error.problems)
            return self._editor(request, version, sheet, edit_no=edit_no_in(request))
        except (services.EditConflict, services.NotADraft) as error:
            return self._conflict(request, self.get_object_or_404(request, str(version.pk)), sheet, str(error))
        self.log_change(request, saved, "Saved the draft.")
        if act == "publish":
            return HttpResponseRedirect(reverse("admin:tariffs_tariffversion_publish", args=[saved.pk]))
        messages.success(request, f"{saved} is saved. It charges nobody until it is published.")
        return HttpResponseRedirect(self.page_of(saved))

    def _editor(self, request: HttpRequest, version: TariffVersion, sheet: Sheet, *, edit_no: int) -> HttpResponse:
        said = sheet.sentences()
        context = {
            **self._page(request, version),
            **preview_of(sheet.terms(), version=version, week=request.POST.get("week", "")),
            "sheet": sheet,
            "rows": [(row, said[row.key]) for row in sheet.rows],
            "blank": sheet.blank_row(),
            "most_rows": MOST_ROWS,
            "edit_no": edit_no,
            "has_problems": sheet.has_problems,
            "fill": {
                "country": request.POST.get("holiday_country", version.tariff.owner.country.code),
                "region": request.POST.get("holiday_region", ""),
                "year": request.POST.get("holiday_year", str(clock.now().year + 1)),
            },
        }
        return TemplateResponse(request, "admin/tariffs/edit.html", context)

    def _conflict(self, request: HttpRequest, version: TariffVersion, sheet: Sheet, reason: str) -> HttpResponse:
        terms = terms_of(version)
        context = {
            **self._page(request, version),
            "reason": reason,
            "mine": list(sheet.sentences().values()),
            "whole_mine": rules(sheet.terms()) + notes(sheet.texts()),
            "theirs": sentences(terms),
            "whole_theirs": rules(terms) + notes(version.texts),
            "sent": [(name, value) for name in request.POST for value in request.POST.getlist(name) if carried(name)],
            "edit_no": version.edit_no,
        }
        return TemplateResponse(request, "admin/tariffs/conflict.html", context, status=409)

    def _show(self, request: HttpRequest, version: TariffVersion) -> HttpResponse:
        terms = terms_of(version)
        context = {
            **self._page(request, version),
            **preview_of(terms, version=version, week=request.GET.get("week", "")),
            "sentences": in_words(version),
            "rules": rules(terms) + notes(version.texts),
            "most_rows": MOST_ROWS,
        }
        return TemplateResponse(request, "admin/tariffs/show.html", context)

    def _page(self, request: HttpRequest, version: TariffVersion) -> dict[str, Any]:
        state = version.state_at(clock.now())
        return {
            **self.admin_site.each_context(request),
            "title": str(version.tariff),
            "opts": self.opts,
            "zone": version.tariff.owner.time_zone,
            "version": version,
            "state": state.value,
            "tone": {VersionState.IN_FORCE: "good", VersionState.SCHEDULED: "warning"}.get(state, ""),
            "may_change": self.may_change(request),
            "can_withdraw": state is VersionState.SCHEDULED and version.used_at is None,
            "can_end": state in (VersionState.SCHEDULED, VersionState.IN_FORCE) and version.valid_to is None,
            "siblings": version.tariff.versions.exclude(pk=version.pk).select_related("tariff"),
        }

    @action(description="Copy to a new draft", url_path="copy", permissions=["prices"], icon="content_copy")
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            draft = services.copy_version(version_id=version.pk, by=operator_of(request), at=clock.now())
            self.log_addition(request, draft, f"Copied from {version}.")
            return HttpResponseRedirect(self.page_of(draft))

        return self.act(
            request,
            obj=version,
            title=f"Copy {version}",
            text="A new draft with the same prices. It charges nobody until it is published.",
            submit="Start the draft",
            do=do,
        )


def edit_no_in(request: HttpRequest) -> int:
    """Return the edit number that the page was made from; what is no number matches none."""
    text = request.POST.get("edit_no", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def carried(name: str) -> bool:
    """Whether a field of the editor goes through the conflict page; what that page sends itself does not."""
    return name not in ("csrfmiddlewaretoken", "_act", "edit_no")
