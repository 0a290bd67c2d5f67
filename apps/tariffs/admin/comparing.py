"""Versions side by side: what they say, what the week costs, and what usual sessions would cost under each."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from apps.accounts.tenant_admin import TenantAdmin
from apps.core import clock
from apps.tariffs.admin.preview import drawn_weeks, week_shown
from apps.tariffs.admin.words import notes, rules, sentences
from apps.tariffs.models import TariffVersion
from apps.tariffs.selectors import findings_of, terms_of, usual_prices

MOST_COMPARED: Final = 4


class ComparePages(TenantAdmin):
    """Comparing versions of any of the owner's tariffs."""

    @admin.action(description="Compare side by side")
    def compare_chosen(self, request: HttpRequest, queryset: QuerySet[TariffVersion]) -> HttpResponse | None:
        chosen = [("v", version.pk) for version in queryset[: MOST_COMPARED + 1]]
        if not 2 <= len(chosen) <= MOST_COMPARED:
            messages.error(request, f"Choose two to {MOST_COMPARED} versions.")
            return None
        return HttpResponseRedirect(f"{reverse('admin:tariffs_tariffversion_compare')}?{urlencode(chosen)}")

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        versions = self._compared(request)
        owner = versions[0].tariff.owner
        week = week_shown(versions[0], owner, request.GET.get("week", ""))
        priced = [(version, terms) for version in versions if (terms := terms_of(version)) is not None]
        drawn = drawn_weeks([terms for _, terms in priced], owner=owner, week_of=week)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Versions side by side",
            "columns": [
                {
                    "version": version,
                    "state": version.state_at(clock.now()).value,
                    "sentences": sentences(terms),
                    "rules": rules(terms) + notes(version.texts),
                    "grids": grids,
                    "findings": findings_of(version),
                }
                for (version, terms), grids in zip(priced, drawn, strict=True)
            ],
            "unpriced": [version for version in versions if not version.elements],
            "usual": usual_prices(
                [terms for _, terms in priced],
                time_zone=owner.time_zone,
                country=owner.country.code,
                on=week,
            ),
            "week": week,
            "time_zone": owner.time_zone,
            "chosen": [version.pk for version in versions],
        }
        return TemplateResponse(request, "admin/tariffs/compare.html", context)

    def _compared(self, request: HttpRequest) -> list[TariffVersion]:
        """Return the versions asked for, in that order.

        :raises Http404: one of them is not there, or another tenant's; or there are not two to four
        """
        asked = list(dict.fromkeys(request.GET.getlist("v")))
        if not 2 <= len(asked) <= MOST_COMPARED:
            raise Http404("two to four versions are compared")
        return [self.get_object_or_404(request, version_id) for version_id in asked]
