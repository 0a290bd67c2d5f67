"""Tariffs from and to other systems, as OCPI JSON."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import slugify
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import TenantAdmin
from apps.core import clock
from apps.tariffs import services
from apps.tariffs.domain.json_text import MOST_BYTES, JsonError, dump_json, load_json
from apps.tariffs.domain.ocpi import Envelope, import_tariff, tax_rates_of
from apps.tariffs.domain.ocpi_export import ExportedTariff, NotInOcpi, OcpiVersion, export_tariff
from apps.tariffs.domain.parse import TariffError
from apps.tariffs.domain.reader import Problem
from apps.tariffs.models import Tariff, TariffVersion
from apps.tariffs.selectors import local_date, terms_of


class ImportForm(forms.Form):
    file = forms.FileField(label="File", required=False, widget=UnfoldAdminFileFieldWidget)
    text = forms.CharField(
        label="Or paste it here",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="One Tariff object of OCPI 2.2.1 or 2.3.0.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file = cleaned.get("file")
        if file is not None and file.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than a tariff can be.")
        cleaned["json"] = file.read() if file is not None else cleaned.get("text", "")
        if not cleaned["json"].strip():
            raise forms.ValidationError("Choose a file, or paste the tariff.")
        return cleaned


class ImportPages(TenantAdmin):
    """Reading a tariff into a draft."""

    @action(description="Import OCPI", url_path="import", permissions=["prices"], icon="upload")
    def import_ocpi(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tariff = self.get_object_or_404(request, object_id)
        form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
        problems: tuple[Problem, ...] = ()
        if request.method == "POST" and form.is_valid():
            try:
                return self._import(request, tariff, form.cleaned_data["json"])
            except TariffError as error:
                problems = error.problems
            except JsonError as error:
                form.add_error(None, f"This is no JSON that can be read: {error}.")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Import a draft of {tariff}",
            "form": form,
            "problems": problems,
            "country": tariff.owner.country,
            "back": self.page_of(tariff),
        }
        return TemplateResponse(request, "admin/tariffs/import.html", context)

    def _import(self, request: HttpRequest, tariff: Tariff, text: str | bytes) -> HttpResponse:
        """Save a draft of what was sent.

        :raises JsonError: it is no JSON; TariffError: it is no tariff. Nothing is saved.
        """
        at = clock.now()
        on = local_date(at, tariff.owner.time_zone)
        imported = import_tariff(load_json(text), tax_rates=tax_rates_of(country=tariff.owner.country.code, on=on))
        draft = services.create_draft(
            tariff_id=tariff.pk,
            document=imported.document,
            texts=imported.envelope.texts,
            by=operator_of(request),
            at=at,
        )
        self.log_change(request, tariff, f"Imported {draft} from OCPI tariff {imported.envelope.id}.")
        messages.success(request, f"OCPI tariff {imported.envelope.id} is imported. It charges nobody until published.")
        for note in imported.notes:
            messages.warning(request, str(note))
        return HttpResponseRedirect(reverse("admin:tariffs_tariffversion_change", args=[draft.pk]))


@dataclass(frozen=True, kw_only=True)
class Export:
    """A version in one version of OCPI: the tariff, or why it cannot be said there."""

    ocpi: OcpiVersion
    tariff: ExportedTariff | None
    problems: tuple[Problem, ...] = ()

    @property
    def href(self) -> str:
        return f"?version={self.ocpi}"


def exported(version: TariffVersion, ocpi: OcpiVersion) -> Export:
    terms = terms_of(version)
    if terms is None:
        return Export(ocpi=ocpi, tariff=None, problems=(Problem(path="elements", message="has no prices yet"),))
    owner = version.tariff.owner
    at = version.valid_from or clock.now()
    envelope = Envelope(
        id=str(version.tariff_id),
        texts=version.texts,
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        last_updated=version.published_at or version.edited_at or at,
    )
    rates = tax_rates_of(country=owner.country.code, on=local_date(at, owner.time_zone))
    try:
        return Export(ocpi=ocpi, tariff=export_tariff(terms, envelope=envelope, tax_rates=rates, version=ocpi))
    except NotInOcpi as error:
        return Export(ocpi=ocpi, tariff=None, problems=error.problems)


class OcpiPages(TenantAdmin):
    """Handing a version to another system."""

    @action(description="Export OCPI", url_path="export", permissions=["view"], icon="download")
    def export(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)
        exports = {ocpi.value: exported(version, ocpi) for ocpi in OcpiVersion}
        wanted = exports.get(request.GET.get("version", ""))
        if wanted is not None and wanted.tariff is not None:
            response = HttpResponse(dump_json(wanted.tariff.document), content_type="application/json")
            name = f"{slugify(version.tariff.name) or 'tariff'}-{version.pk}-ocpi-{wanted.ocpi}.json"
            response["Content-Disposition"] = f'attachment; filename="{name}"'
            return response
        context = {
            **self.admin_site.each_context(request),
            "title": f"Export {version}",
            "exports": exports.values(),
            "back": self.page_of(version),
        }
        return TemplateResponse(request, "admin/tariffs/export.html", context)
