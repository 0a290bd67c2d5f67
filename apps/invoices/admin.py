"""Documents of supply in the console: drafts are issued, issued ones are credited, nothing is edited."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldBooleanWidget

from apps.accounts.domain.roles import MONEY_ROLES, SUPPORT_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm, RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core import clock
from apps.core.domain.tax import NoTaxRate, SellerNotRegistered
from apps.core.domain.zones import zone
from apps.core.words import kwh, money, rate
from apps.documents.downloads import as_download, shown_inline
from apps.invoices import admin_communities  # noqa: F401  (registers its pages)
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import BilledAgain, BillingHold, BillingRun, Invoice, InvoiceLine, InvoiceTax, NumberSeries
from apps.invoices.selectors import get_data, get_file, is_credited_in_full
from apps.invoices.services.billing import start_run
from apps.invoices.services.billing_again import bill_again
from apps.invoices.services.einvoicing import missing_for_electronic, names_buyer
from apps.invoices.services.holding import release_hold
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.previewing import preview_draft

REFUSALS = (DocumentRefused, SellerNotRegistered, NoTaxRate)


class LineInline(TenantTabular):
    model = InvoiceLine
    fk_name = "invoice"
    fields = (
        "position",
        "what",
        "vehicle",
        "token",
        "cost_centre",
        "started_at",
        "energy",
        "net_amount",
        "gross_amount",
        "explain",
    )
    readonly_fields = fields
    per_page = 25
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("cdr__session", "credits__cdr__session")

    @admin.display(description="what")
    def what(self, line: InvoiceLine) -> str:
        return (line.credits or line).text or line.place

    @admin.display(description="energy")
    def energy(self, line: InvoiceLine) -> str:
        return kwh(line.energy_milliwh)

    @admin.display(description="net")
    def net_amount(self, line: InvoiceLine) -> str:
        return money(line.net)

    @admin.display(description="gross")
    def gross_amount(self, line: InvoiceLine) -> str:
        return money(line.gross)

    @admin.display(description="explain")
    def explain(self, line: InvoiceLine) -> str:
        record = line.cdr or (line.credits.cdr if line.credits else None)
        if record is None:
            return "–"
        return format_html(
            '<a class="wl-link" href="{}">every step</a>', reverse("console:session", args=[record.session.uid])
        )


class TaxInline(TenantTabular):
    model = InvoiceTax
    fields = ("category", "percent", "country", "net", "tax", "legal_text")
    readonly_fields = fields

    @admin.display(description="rate")
    def percent(self, tax: InvoiceTax) -> str:
        return rate(tax.rate)


@admin.register(Invoice)
class InvoiceAdmin(TenantAdmin):
    empty_hint = "Run billing: it drafts an invoice for each contract with settled sessions that nobody billed yet."
    list_display = ("title", "customer", "kind", "state", "period", "gross", "issue_date", "due_date")
    list_filter = ("status", "kind", ("customer", RelatedOnlyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("number", "customer__name", "customer__number", "customer__email", "contract__number")
    date_hierarchy = "issue_date"
    csv_columns = {
        "number": lambda invoice: invoice.number,
        "kind": lambda invoice: invoice.kind,
        "status": lambda invoice: invoice.status,
        "customer": lambda invoice: invoice.customer.name if invoice.customer else "",
        "customer_number": lambda invoice: invoice.customer.number if invoice.customer else "",
        "contract": lambda invoice: invoice.contract.number if invoice.contract else "",
        "period_from": lambda invoice: invoice.period_from,
        "period_to": lambda invoice: invoice.period_to,
        "issue_date": lambda invoice: invoice.issue_date,
        "due_date": lambda invoice: invoice.due_date,
        "currency": lambda invoice: invoice.currency,
        "net": lambda invoice: invoice.net,
        "tax": lambda invoice: invoice.tax,
        "gross": lambda invoice: invoice.gross,
    }
    actions = ("issue_many",)
    fields = (
        ("title", "kind", "state"),
        ("customer", "contract"),
        ("purchase_order", "buyer_reference", "invoice_format"),
        ("credits", "reason", "replaces"),
        ("period", "tax_date"),
        ("net", "tax", "gross"),
        ("issued_at", "issued_by"),
        ("issue_date", "due_date"),
        "run",
        "content_hash",
    )
    readonly_fields = ("title", "state", "period", "net", "tax", "gross")
    inlines = (LineInline, TaxInline)
    actions_detail = ("explain", "preview", "pdf", "xml", "issue", "credit", "again")

    @admin.display(description="number", ordering="number")
    def title(self, invoice: Invoice) -> str:
        return str(invoice)

    @display(description="status", label={"issued": "success", "draft": "info"}, ordering="status")
    def state(self, invoice: Invoice) -> str:
        return invoice.status

    @admin.display(description="period", ordering="period_from")
    def period(self, invoice: Invoice) -> str:
        return f"{date_format(invoice.period_from)} – {date_format(invoice.period_to)}"

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def has_support_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, SUPPORT_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        invoice = self.get_object(request, object_id)
        hidden = set()
        if invoice is None or invoice.status == InvoiceStatus.DRAFT:
            hidden |= {"pdf", "xml", "credit", "again"}
        else:
            hidden |= {"issue", "preview"}
        if invoice is not None and not names_buyer(invoice):
            hidden.add("xml")
        if invoice is not None and invoice.kind == Invoice.Kind.CREDIT_NOTE:
            hidden.add("credit")
        if invoice is not None and not _may_be_billed_again(invoice):
            hidden.add("again")
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in hidden]

    @action(description="Explain", url_path="explain", permissions=["view"], icon="account_tree")
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:invoice", args=[invoice.uid]))

    @action(description="Preview", url_path="preview", permissions=["view"], icon="preview")
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        draft = self.get_object_or_404(request, object_id)
        try:
            rendered = preview_draft(invoice_id=draft.pk, at=clock.now())
        except (*REFUSALS, ValueError) as refusal:
            messages.error(request, f"There is no preview: {refusal}.")
            return HttpResponseRedirect(self.page_of(draft))
        return shown_inline(rendered, name=f"preview-{draft.pk}")

    @action(description="PDF", url_path="pdf", permissions=["view"], icon="picture_as_pdf")
    def pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.get_object_or_404(request, object_id)
        document = get_file(invoice)
        if document is None:
            messages.info(request, "The PDF is being made. Try again in a moment.")
            return HttpResponseRedirect(self.page_of(invoice))
        return as_download(document)

    @action(description="E-invoice (XML)", url_path="xml", permissions=["view"], icon="data_object")
    def xml(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.get_object_or_404(request, object_id)
        document = get_data(invoice)
        if document is None:
            messages.info(request, _why_no_data(invoice))
            return HttpResponseRedirect(self.page_of(invoice))
        return as_download(document)

    @action(description="Issue", url_path="issue", permissions=["money"], icon="send")
    def issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            issued = issue_invoice(invoice_id=invoice.pk, issued_at=clock.now(), issued_by=operator_of(request))
            return f"{issued.number} is issued."

        return self.act(
            request,
            obj=invoice,
            title=f"Issue {invoice} to {invoice.customer}",
            text=f"{money(invoice.gross)}. It gets its number, is posted, sent and never changed again.",
            submit="Issue",
            refused=REFUSALS,
            do=do,
        )

    @admin.action(description="Issue drafts", permissions=["money"])
    def issue_many(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        def do(draft: Invoice) -> str:
            if draft.status != InvoiceStatus.DRAFT:
                raise DocumentRefused(f"{draft} is no draft.")
            issued = issue_invoice(invoice_id=draft.pk, issued_at=clock.now(), issued_by=operator_of(request))
            return f"{issued.number} is issued."

        return self.act_on_many(
            request,
            queryset.select_related("customer"),
            title="Issue drafts",
            text="Each gets its number, is posted, sent and never changed again. One that is refused stays a draft.",
            submit="Issue",
            refused=REFUSALS,
            do=do,
        )

    def csv_rows(self, rows: Any) -> Any:
        return rows.select_related("customer", "contract")

    @action(description="Credit or refund", url_path="credit", permissions=["support"], icon="undo")
    def credit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:refund", args=[invoice.uid]))

    @action(description="Bill again", url_path="again", permissions=["money"], icon="replay")
    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            bill_again(invoice_id=invoice.pk, reason=cleaned["reason"], at=clock.now(), by=operator_of(request))
            return "The next billing run bills it again, as contract, plan and sessions are then."

        return self.act(
            request,
            obj=invoice,
            title=f"Bill {invoice} again",
            text="What it listed becomes due again with the next billing run: its sessions as they are now, and its "
            "plan as the contract's page says then. Change what was wrong before that. It can be done once.",
            facts=(
                ("Customer", invoice.customer or "–"),
                ("Contract", invoice.contract or "–"),
                ("Period", self.period(invoice)),
                ("Total", f"{money(invoice.gross)} (net {money(invoice.net)})"),
                ("Credited by", ", ".join(str(note) for note in invoice.credit_notes.order_by("pk")) or "nothing yet"),
            ),
            submit="Bill again",
            form_class=ReasonForm,
            refused=REFUSALS,
            do=do,
        )


def _may_be_billed_again(invoice: Invoice) -> bool:
    is_on_contract = invoice.kind == Invoice.Kind.INVOICE and invoice.contract_id is not None
    is_credited = is_on_contract and invoice.credit_notes.exists() and is_credited_in_full(invoice)
    return is_credited and not BilledAgain.objects.filter(invoice=invoice).exists()


def _why_no_data(invoice: Invoice) -> str:
    if get_file(invoice) is None:
        return "The files are being made. Try again in a moment."
    missing = missing_for_electronic(invoice)
    if not missing:
        return "It was issued before electronic invoices were kept."
    return f"The PDF is a plain one, for as an electronic invoice it lacks something: {'; '.join(missing)}."


def _end_of_last_month(seller: Organisation) -> date:
    """Return the day until which most bill: the last of the month that is over by the seller's clock."""
    return clock.now().astimezone(zone(seller.time_zone)).date().replace(day=1) - timedelta(days=1)


class BillingForm(ActForm):
    until_date = forms.DateField(
        label="Bill sessions until",
        widget=UnfoldAdminSingleDateWidget,
        help_text="The last local day of supply that is billed: today or before. What is billed already stays billed.",
    )
    is_reviewed = forms.BooleanField(
        label="Let me look at the drafts first",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Nothing is issued until you let it go. You see each draft beside what was billed last.",
    )


@admin.register(BillingRun)
class BillingRunAdmin(TenantAdmin):
    empty_hint = "A billing run pulls every settled session that no line bills yet into one draft a contract."
    list_display = ("started_at", "until_date", "status", "contracts_done", "contracts_total", "ended_at")
    list_filter = ("status",)
    date_hierarchy = "until_date"
    fields = (
        ("seller", "until_date"),
        ("status", "is_reviewed"),
        ("contracts_done", "contracts_total"),
        ("started_at", "ended_at"),
        ("approved_at", "approved_by"),
    )
    actions_list = ("run",)
    actions_detail = ("look",)

    @action(description="Look at it", url_path="look", permissions=["view"], icon="visibility")
    def look(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:billing-run", args=[run.pk]))

    def has_run_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)

    @action(description="Run billing", url_path="run", permissions=["run"], icon="receipt_long")
    def run(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            run = start_run(
                seller_id=membership.organisation_id,
                until_date=cleaned["until_date"],
                is_reviewed=cleaned["is_reviewed"],
                at=clock.now(),
            )
            return HttpResponseRedirect(reverse("console:billing-run", args=[run.pk]))

        return self.act(
            request,
            obj=None,
            title=f"Run billing for {membership.organisation}",
            text="Running it twice bills nothing twice.",
            submit="Run billing",
            form_class=BillingForm,
            initial={"until_date": _end_of_last_month(membership.organisation)},
            refused=REFUSALS,
            do=do,
        )


@admin.register(NumberSeries)
class NumberSeriesAdmin(TenantAdmin):
    empty_hint = "A series opens by itself with the first document of its kind in a local year."
    list_display = ("kind", "year", "last_number", "seller")
    list_filter = ("kind", "year")
    list_select_related = ("seller",)
    fields = ("kind", "year", "last_number", "seller")


@admin.register(BillingHold)
class BillingHoldAdmin(TenantAdmin):
    empty_hint = "Hold a session or a contract on the page of a billing run: no run bills it until it is let go."
    list_display = ("what", "reason", "held_at", "held_by", "released_at")
    list_filter = (("released_at", admin.EmptyFieldListFilter),)
    list_select_related = ("session__station", "contract", "held_by")
    search_fields = ("reason", "contract__number")
    fields = (("session", "contract"), "reason", ("held_at", "held_by"), ("released_at", "released_by"))
    actions_detail = ("release",)

    @admin.display(description="held")
    def what(self, hold: BillingHold) -> str:
        return str(hold.session or hold.contract)

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        hold = self.get_object(request, object_id)
        is_open = hold is not None and hold.released_at is None
        return super().get_actions_detail(request, object_id) if is_open else []

    @action(description="Let go", url_path="release", permissions=["money"], icon="play_circle")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        hold = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            release_hold(hold_id=hold.pk, by=operator_of(request), at=clock.now())
            return "It is let go: the next billing run takes it, or the present one if it is drafted again."

        return self.act(
            request,
            obj=hold,
            title=f"Let go {hold.session or hold.contract}",
            text=f"It was held from billing: {hold.reason}",
            submit="Let go",
            refused=REFUSALS,
            do=do,
        )
