"""Exports of journals in the console: made by month, downloaded again as they were, withdrawn with a reason."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounting.models import JournalExport
from apps.accounting.reports.periods import months_between
from apps.accounting.services.exporting import NotExportable, export_month, withdraw_export
from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm, TenantAdmin
from apps.core import clock
from apps.core.domain.zones import zone
from apps.core.words import money
from apps.documents.downloads import as_download
from apps.ledger.models import Journal, LedgerEntry
from apps.ledger.selectors import closed_until


def _months(seller: Organisation) -> list[date]:
    """Return the months in which something was posted, newest first."""
    days = Journal.objects.filter(entity=seller).order_by("posted_on").values_list("posted_on", flat=True)
    first, last = days.first(), days.last()
    return months_between(first, last) if first and last else []


def _export_form(seller: Organisation) -> type[ActForm]:
    months, closed = _months(seller), closed_until(seller.pk)
    currencies = set(
        LedgerEntry.objects.filter(journal__entity=seller).order_by().values_list("currency", flat=True).distinct()
    )
    today = clock.now().astimezone(zone(seller.time_zone)).date()

    def label(month: date) -> str:
        is_closed = closed is not None and month <= closed
        return date_format(month, "F Y") + (" (closed)" if is_closed else "")

    class ExportForm(ActForm):
        file_format = forms.ChoiceField(
            label="Format", choices=JournalExport.Format.choices, widget=UnfoldAdminSelectWidget
        )
        month = forms.ChoiceField(
            choices=[(month.isoformat(), label(month)) for month in months],
            initial=next((month.isoformat() for month in months if month < today.replace(day=1)), None),
            widget=UnfoldAdminSelectWidget,
            help_text="By posting day. Of a month that is not closed, what is posted later comes as an addition.",
        )
        currency = forms.ChoiceField(
            choices=[(code, code) for code in sorted(currencies, key=lambda code: (code != seller.currency, code))],
            widget=UnfoldAdminSelectWidget,
        )

    return ExportForm


@admin.register(JournalExport)
class JournalExportAdmin(TenantAdmin):
    empty_hint = (
        "Export a month for your accountant: DATEV, Xero, QuickBooks, plain CSV or JSON. Each journal is told once a "
        "format; the file is kept and downloads again as it was."
    )
    list_display = ("__str__", "currency", "journals", "adds_up_to", "state", "made_at", "made_by")
    list_filter = ("format", "month")
    list_select_related = ("made_by",)
    search_fields = ("sha256",)
    fields = (
        ("format", "month_name", "addition"),
        ("journals", "adds_up_to", "state"),
        "sha256",
        ("made_by", "made_at"),
        ("withdrawn_by", "withdrawn_at"),
        "reason",
    )
    readonly_fields = ("month_name", "addition", "adds_up_to", "state")
    actions_list = ("export",)
    actions_detail = ("download", "download_debtors", "withdraw")

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def has_own_money_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)

    @admin.display(description="month", ordering="month")
    def month_name(self, export: JournalExport) -> str:
        return date_format(export.month, "F Y")

    @admin.display(description="tells")
    def addition(self, export: JournalExport) -> str:
        return f"what was added to {export.number} before" if export.number else "the whole month"

    @admin.display(description="debits", ordering="debits")
    def adds_up_to(self, export: JournalExport) -> str:
        return money(export.debits)

    @display(description="state", label={"in use": "success", "withdrawn": "warning"})
    def state(self, export: JournalExport) -> str:
        return "in use" if export.withdrawn_at is None else "withdrawn"

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        actions = super().get_actions_detail(request, object_id)
        export = self.get_object(request, object_id)
        left_out = []
        if export is None or export.withdrawn_at is not None:
            left_out.append("_withdraw")
        if export is None or export.debtors_id is None:
            left_out.append("_download_debtors")
        return [each for each in actions if not each.action_name.endswith(tuple(left_out))]

    @action(description="Export a month", url_path="export", permissions=["own_money"], icon="file_export")
    def export(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"
        seller = membership.organisation

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            made = export_month(
                seller_id=seller.pk,
                file_format=cleaned["file_format"],
                month=date.fromisoformat(cleaned["month"]),
                currency=cleaned["currency"],
                by=operator_of(request),
                at=clock.now(),
            )
            self.message_user(request, f"{made}: {made.journals} journals, debits {money(made.debits)}.")
            return HttpResponseRedirect(reverse("admin:accounting_journalexport_change", args=[made.pk]))

        return self.act(
            request,
            obj=None,
            title="Export a month",
            text=f"All journals of {seller} of one month that no file of this format has told yet.",
            submit="Export",
            form_class=_export_form(seller),
            refused=(NotExportable,),
            do=do,
        )

    @action(description="Download", url_path="download", icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return as_download(self.get_object_or_404(request, object_id).document)

    @action(description="Debtors' names", url_path="download-debtors", icon="contacts")
    def download_debtors(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out the file that is read before the bookings, so that their debtor accounts have names."""
        export = self.get_object_or_404(request, object_id)
        if export.debtors is None:
            raise Http404("this export names no debtors")
        return as_download(export.debtors)

    @action(description="Withdraw", url_path="withdraw", permissions=["money"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        export = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            withdraw_export(export_id=export.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return f"{export} is withdrawn. The next export of this month tells its journals again."

        return self.act(
            request,
            obj=export,
            title=f"Withdraw {export}",
            text="Only if nobody imported the file, or what was imported is deleted there: its journals are told again "
            "by the next export. The file itself is kept.",
            submit="Withdraw",
            form_class=ReasonForm,
            refused=(NotExportable,),
            do=do,
        )
