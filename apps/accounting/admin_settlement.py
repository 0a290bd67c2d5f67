"""Owner settlement in the console: agreements are made and ended, statements explained, payouts sent by file."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSingleDateWidget

from apps.accounting import selectors_settlement as selectors
from apps.accounting.domain.owner_payouts import PayoutStatus
from apps.accounting.models import Agreement, OwnerPayout, PayoutFile, Statement, StatementLine
from apps.accounting.services.owner_payouts import (
    NotPayable,
    make_payout_file,
    mark_executed,
    mark_not_executed,
)
from apps.accounts.domain.roles import MONEY_ROLES, OPERATOR_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, is_platform_operator, operated_rows, operator_of
from apps.accounts.tenant_admin import (
    ActForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantForm,
    TenantTabular,
)
from apps.core import clock
from apps.core.domain.money import round_half_up
from apps.core.domain.zones import zone
from apps.core.words import amount as in_words
from apps.core.words import kwh, money
from apps.documents.downloads import as_download

_FIGURE = '<span class="wl-figure">{}</span>'
PAYOUT_LABELS = {"due": "warning", "in file": "info", "executed": "success"}


class _ForBoth:
    """Rows between a platform and an owner: whoever operates either of them may look."""

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = self.model._default_manager.all()  # type: ignore[attr-defined]
        if is_platform_operator(request):
            return rows
        return rows.visible_to(acting_membership(request)) if has_role(request, OPERATOR_ROLES) else rows.none()


class AgreementForm(TenantForm):
    def clean(self) -> Any:
        cleaned: Any = super().clean()  # type: ignore[misc]
        owner, minimum = cleaned.get("owner"), cleaned.get("minimum_per_month")
        if owner and minimum and round_half_up(minimum, currency=owner.currency) != minimum:
            self.add_error("minimum_per_month", f"An amount of {owner.currency} has fewer decimals.")  # type: ignore[attr-defined]
        return cleaned


@admin.register(Agreement)
class AgreementAdmin(_ForBoth, TenantAdmin):
    """Only the platform's own operators make agreements: nobody says of himself that another's money comes to him.

    The rule is agreed for good; a new one is a new agreement after the end of the old.
    """

    form = AgreementForm
    owner_field = "platform"
    refusals = {
        "agreement_one_at_a_time_per_owner": "Somebody collects for this owner on those days already.",
        "agreement_is_between_two": "A platform does not collect for itself.",
        "agreement_account_is_one_of_stripes": "An account at Stripe begins with acct_.",
    }
    empty_hint = (
        "An owner with a Stripe account of its own needs no agreement. One is made where a platform takes the money "
        "for an owner: the receipts stay the owner's, the money is due to it less the platform's fee."
    )
    list_display = ("owner", "platform", "valid_from", "valid_to", "fee", "minimum", "connected_account")
    list_select_related = ("owner", "platform")
    search_fields = ("owner__name", "connected_account")
    fields = (
        "owner",
        ("valid_from", "valid_to"),
        ("percent", "per_kwh", "per_session"),
        "minimum_per_month",
        "connected_account",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        return ("owner", "valid_from", "percent", "per_kwh", "per_session", "minimum_per_month")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.currency = obj.owner.currency
        super().save_model(request, obj, form, change)

    @admin.display(description="fee")
    def fee(self, agreement: Agreement) -> str:
        return agreement.rule_in_words()

    @admin.display(description="minimum a month", ordering="minimum_per_month")
    def minimum(self, agreement: Agreement) -> str:
        if not agreement.minimum_per_month:
            return "–"
        return in_words(agreement.minimum_per_month, agreement.currency)


class StatementLineInline(_ForBoth, TenantTabular):
    model = StatementLine
    verbose_name_plural = "Sessions"
    fields = ("session", "energy", "states_net", "states_fee", "states_share", "rule")
    readonly_fields = fields

    @admin.display(description="session")
    def session(self, row: StatementLine) -> str:
        local = row.started_at.astimezone(zone(row.time_zone))
        return f"{local:%Y-%m-%d %H:%M} · {row.document} · {row.place}"

    @admin.display(description="energy")
    def energy(self, row: StatementLine) -> str:
        return format_html(_FIGURE, kwh(row.energy_milliwh))

    @admin.display(description="net")
    def states_net(self, row: StatementLine) -> str:
        return format_html(_FIGURE, money(row.net))

    @admin.display(description="fee")
    def states_fee(self, row: StatementLine) -> str:
        return format_html(_FIGURE, money(row.fee))

    @admin.display(description="owner's share")
    def states_share(self, row: StatementLine) -> str:
        return format_html(_FIGURE, money(row.share))


@admin.register(Statement)
class StatementAdmin(_ForBoth, TenantAdmin):
    empty_hint = "A statement is made by itself when a month is over, for each owner that you collect for."
    list_display = ("month_in_words", "owner", "states_net", "states_fee", "states_share", "due", "fee_invoice")
    list_filter = (("agreement__owner", RelatedOnlyFieldListFilter),)
    list_select_related = ("agreement__owner", "fee_invoice")
    date_hierarchy = "month"
    fields = (
        "agreement",
        ("month_in_words", "made_at"),
        ("states_net", "states_fee", "states_share"),
        "fee_adds_up",
        "account",
        "fee_invoice",
    )
    readonly_fields = ("month_in_words", "states_net", "states_fee", "states_share", "fee_adds_up", "account")
    inlines = (StatementLineInline,)
    actions_detail = ("pdf",)

    @admin.display(description="month", ordering="month")
    def month_in_words(self, statement: Statement) -> str:
        return f"{statement.month:%B %Y}"

    @admin.display(description="owner", ordering="agreement__owner__name")
    def owner(self, statement: Statement) -> str:
        return str(statement.agreement.owner)

    @admin.display(description="net of the sessions", ordering="net")
    def states_net(self, statement: Statement) -> str:
        return money(statement.net)

    @admin.display(description="fee", ordering="fee")
    def states_fee(self, statement: Statement) -> str:
        return money(statement.fee)

    @admin.display(description="owner's share", ordering="share")
    def states_share(self, statement: Statement) -> str:
        return money(statement.share)

    @admin.display(description="due to the owner", ordering="closing")
    def due(self, statement: Statement) -> str:
        return money(statement.closing)

    @admin.display(description="fee invoiced")
    def fee_adds_up(self, statement: Statement) -> str:
        parts = [f"{money(statement.fee)} of the sessions"]
        for part, words in (
            (statement.top_up, "up to the minimum of the month"),
            (statement.fee_brought, "given back before and not taken off yet"),
        ):
            if part.amount:
                parts.append(f"{money(part)} {words}")
        if statement.fee_carried.amount:
            return f"{' + '.join(parts)}: nothing is charged, {money(statement.fee_carried)} is carried on"
        return f"{' + '.join(parts)}, with VAT {money(statement.fee_gross)}"

    @admin.display(description="what is due to the owner")
    def account(self, statement: Statement) -> str:
        context = {"statement": statement, "movements": selectors.movements_of(statement)}
        return render_to_string("admin/accounting/account.html", context)

    @action(description="PDF", url_path="pdf", permissions=["view"], icon="picture_as_pdf")
    def pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        statement = self.get_object_or_404(request, object_id)
        document = selectors.get_file(statement)
        if document is None:
            messages.info(request, "The PDF is being made. Try again in a moment.")
            return HttpResponseRedirect(self.page_of(statement))
        return as_download(document)


class FileForm(ActForm):
    execution_date = forms.DateField(
        label="Transfer on", widget=UnfoldAdminSingleDateWidget, help_text="The day the bank is asked for."
    )


@admin.register(OwnerPayout)
class OwnerPayoutAdmin(TenantAdmin):
    empty_hint = "What a statement leaves due to an owner appears here, to be sent by a file to your bank."
    list_display = ("statement", "owner", "pays", "state", "file", "executed_at")
    list_filter = ("status",)
    list_select_related = ("statement__agreement__owner", "owner", "file")
    search_fields = ("owner__name", "file__message_id")
    fields = ("statement", "owner", "pays", "state", "file", ("executed_at", "executed_by"))
    readonly_fields = ("pays", "state")
    actions_list = ("make_file", "payables")
    actions_detail = ("executed", "not_executed")

    def has_money_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        payout = self.get_object(request, str(object_id))
        actions = super().get_actions_detail(request, object_id)
        return actions if payout is not None and payout.status == PayoutStatus.IN_FILE else []

    @admin.display(description="pays", ordering="amount")
    def pays(self, payout: OwnerPayout) -> str:
        return money(payout.amount)

    @display(description="state", label=PAYOUT_LABELS, ordering="status")
    def state(self, payout: OwnerPayout) -> str:
        return payout.status.replace("_", " ")

    @action(description="Make a file for the bank", url_path="make-file", permissions=["money"], icon="account_balance")
    def make_file(self, request: HttpRequest) -> HttpResponse:
        due = operated_rows(request, OwnerPayout.objects.filter(status=PayoutStatus.DUE)).order_by("pk")

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            file = make_payout_file(
                payout_ids=[payout.pk for payout in due],
                execution_date=cleaned["execution_date"],
                by=operator_of(request),
                at=clock.now(),
            )
            messages.success(request, f"{file} is made. Download it and hand it to your bank.")
            return HttpResponseRedirect(reverse("admin:accounting_payoutfile_change", args=[file.pk]))

        return self.act(
            request,
            obj=None,
            title="Make a file for the bank",
            text=f"Payouts to owners: {', '.join(map(str, due[:20])) or 'nothing is due'}. What stands in a "
            "file is not asked for again, until you say that the bank did not transfer it.",
            submit="Make the file",
            form_class=FileForm,
            refused=(NotPayable,),
            initial={"execution_date": clock.now().date() + timedelta(days=1)},
            do=do,
        )

    @action(description="What is payable", url_path="payables", permissions=["view"], icon="list")
    def payables(self, request: HttpRequest) -> HttpResponse:
        platforms = operated_rows(request, Organisation.objects.filter(is_station_owner=True))
        context = {**self.admin_site.each_context(request), "title": "Payable to owners"}
        rows = selectors.payables(platforms)
        return TemplateResponse(request, "admin/accounting/payables.html", {**context, "rows": rows})

    @action(description="The bank transferred it", url_path="executed", permissions=["money"], icon="check")
    def executed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payout = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            mark_executed(payout_id=payout.pk, by=operator_of(request), at=clock.now())
            return f"{payout} is executed and posted."

        return self.act(
            request,
            obj=payout,
            title=f"{payout}: executed",
            text="Say so when it stands on your bank statement. It is posted in your books and the owner's.",
            submit="It was transferred",
            refused=(NotPayable,),
            do=do,
        )

    @action(description="The bank did not", url_path="not-executed", permissions=["money"], icon="block")
    def not_executed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payout = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            mark_not_executed(payout_id=payout.pk, at=clock.now())
            return f"{payout} stays due; the next statement carries it on."

        return self.act(
            request,
            obj=payout,
            title=f"{payout}: not executed",
            text="Say so when the bank refused the file. The amount stays due, and the next statement pays it out.",
            submit="It was not transferred",
            refused=(NotPayable,),
            do=do,
        )


@admin.register(PayoutFile)
class PayoutFileAdmin(TenantAdmin):
    empty_hint = "Files for your bank (SEPA credit transfer, pain.001) are kept here as they were made."
    list_display = ("message_id", "execution_date", "payouts_in_it", "made_by", "made_at")
    list_select_related = ("made_by",)
    search_fields = ("message_id",)
    date_hierarchy = "made_at"
    fields = ("message_id", "execution_date", "payouts_in_it", ("made_by", "made_at"))
    readonly_fields = ("payouts_in_it",)
    actions_detail = ("download",)

    def has_money_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return has_role(request, MONEY_ROLES)

    @admin.display(description="payouts")
    def payouts_in_it(self, file: PayoutFile) -> str:
        return ", ".join(str(payout) for payout in file.payouts.select_related("owner").order_by("pk"))

    @action(description="Download", url_path="download", permissions=["money"], icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        file = self.get_object_or_404(request, object_id)
        response = HttpResponse(bytes(file.content), content_type="application/xml")
        response["Content-Disposition"] = f'attachment; filename="{file.message_id}.xml"'
        response["Cache-Control"] = "private, no-store"
        return response
