"""The statement of a residential community: what each unit was billed in a month, on paper or as a table."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounts.scope import operated_rows
from apps.contracts.contract_sheets import local_day
from apps.contracts.models import Customer
from apps.core import clock
from apps.documents.downloads import as_csv, shown_inline
from apps.invoices.communities import months_of, statement_csv, statement_of, statement_pdf


class StatementForm(forms.Form):
    month = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    file = forms.ChoiceField(
        label="As", choices=[("pdf", "PDF, to print or send"), ("csv", "CSV, a table")], widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, months: list[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["month"]
        field.choices = [(month.isoformat(), f"{month:%B %Y}") for month in months]  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def statement(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Ask for which month (GET); show it (POST)."""
    communities = Customer.objects.filter(kind=Customer.Kind.COMMUNITY).select_related("seller")
    community = get_object_or_404(operated_rows(request, communities), pk=customer_id)
    months = months_of(community, until=local_day(clock.now(), community.seller))
    form = StatementForm(request.POST if request.method == "POST" else None, months=months)
    if request.method == "POST" and form.is_valid():
        found = statement_of(community, month=date.fromisoformat(form.cleaned_data["month"]))
        name = f"statement-{community.number}-{found.month:%Y-%m}"
        if form.cleaned_data["file"] == "csv":
            return as_csv(statement_csv(found), name=name)
        return shown_inline(statement_pdf(found), name=name)
    context = {
        **admin.site.each_context(request),
        "title": f"Statement of {community}",
        "text": "What each unit was billed for a month: charging, shared costs, other. It is no invoice."
        if months
        else "Nobody holds a unit of this community yet: enter who does on the units' pages.",
        "submit_label": "Make it",
        "form": form,
        "back": reverse("admin:contracts_customer_change", args=[community.pk]),
    }
    return TemplateResponse(request, "admin/act.html", context)
