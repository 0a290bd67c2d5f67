"""What a contract's next invoice would say, as a PDF that is no invoice."""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminSingleDateWidget

from apps.accounts.scope import operated_rows
from apps.contracts.models import Contract
from apps.core import clock
from apps.documents.downloads import shown_inline
from apps.invoices.errors import DocumentRefused
from apps.invoices.services.previewing import preview_next


class PreviewForm(forms.Form):
    until_date = forms.DateField(
        label="Sessions until",
        widget=UnfoldAdminSingleDateWidget,
        help_text="The last local day of supply that the preview looks at.",
    )


@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, contract_id: int) -> HttpResponse:
    """Ask until which day (GET); show the preview (POST), or why there is none."""
    contract = get_object_or_404(operated_rows(request, Contract.objects.all()), pk=contract_id)
    yesterday = timezone.localdate(clock.now()) - timedelta(days=1)
    form = PreviewForm(request.POST if request.method == "POST" else None, initial={"until_date": yesterday})
    if request.method == "POST" and form.is_valid():
        try:
            rendered = preview_next(contract_id=contract.pk, until_date=form.cleaned_data["until_date"], at=clock.now())
        except DocumentRefused as refusal:
            form.add_error(None, f"There is no preview: {refusal}.")
        else:
            return shown_inline(rendered, name=f"preview-{contract.number}")
    context = {
        **admin.site.each_context(request),
        "title": f"Preview the next invoice of {contract}",
        "text": "It shows what billing until that day would issue first. Nothing is kept and no number is drawn.",
        "submit_label": "Show preview",
        "form": form,
        "back": reverse("admin:contracts_contract_change", args=[contract.pk]),
    }
    return TemplateResponse(request, "admin/act.html", context)
