"""Bank statements in the console: uploaded, each line with what became of it, the doubtful ones decided by a person."""

from base64 import b64decode, b64encode
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from apps.accounting.domain.statements.camt import MOST_BYTES
from apps.accounting.domain.statements.lines import UnreadableStatement
from apps.accounting.domain.statements.tables import DAY_FORMATS, Layout, Table, guess, read_table
from apps.accounting.models import BankStatement, BankStatementRow
from apps.accounting.services.statements import (
    LayoutNeeded,
    NotDecidable,
    dismiss_row,
    read_statement,
    record_row,
)
from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm, RelatedOnlyFieldListFilter, TenantAdmin
from apps.core import clock
from apps.core.words import money

OUTCOMES: Final = {
    "Recorded": "success",
    "Known before": "info",
    "Stripe's payout": "success",
    "Money that left": "info",
    "To be looked at": "danger",
    "Left alone": "info",
    "Waiting": "warning",
}
_SAMPLE: Final = 5


class FileForm(ActForm):
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xml,.csv,.txt"}),
        help_text="camt.053 (XML) is best: the bank's own references are in it. CSV works for every bank.",
    )


def _layout_form(table: Table) -> type[forms.Form]:
    wanted = [(title, title) for title in table.titles]
    suggested = guess(table)

    def column(label: str, name: str, *, required: bool = False, help_text: str = "") -> forms.ChoiceField:
        choices = wanted if required else [("", "(none)"), *wanted]
        return forms.ChoiceField(
            label=label,
            choices=choices,
            required=required,
            initial=getattr(suggested, name),
            widget=UnfoldAdminSelectWidget,
            help_text=help_text,
        )

    class LayoutForm(ActForm):
        booked_on = column("Booked on", "booked_on", required=True)
        day_format = forms.ChoiceField(
            label="Days look like",
            choices=list(DAY_FORMATS.items()),
            initial=suggested.day_format,
            widget=UnfoldAdminSelectWidget,
        )
        amount = column("Amount", "amount", required=True, help_text="Money that left is below zero.")
        decimal_comma = forms.TypedChoiceField(
            label="Amounts look like",
            choices=[("1", "1.234,56"), ("0", "1,234.56")],
            coerce=lambda value: value == "1",
            initial="1" if suggested.decimal_comma else "0",
            widget=UnfoldAdminSelectWidget,
        )
        currency = column("Currency", "currency", help_text="None: yours.")
        payer = column("Payer", "payer")
        payer_iban = column("Payer's IBAN", "payer_iban")
        reference = column("Text", "reference", help_text="What the payer wrote: invoices are found by it.")

    return LayoutForm


@admin.register(BankStatement)
class BankStatementAdmin(TenantAdmin):
    empty_hint = (
        "Upload the statement of your bank account as camt.053 or CSV. Money that came settles what its text names; "
        "what is doubtful waits for you. Uploading a file twice changes nothing."
    )
    list_display = ("file_name", "account", "counted", "to_look", "uploaded_at", "uploaded_by")
    list_select_related = ("uploaded_by",)
    search_fields = ("file_name", "account")
    fields = (
        ("file_name", "source"),
        ("account", "counted"),
        "warning",
        ("uploaded_by", "uploaded_at"),
        "lines",
        "sha256",
    )
    readonly_fields = ("counted", "lines")
    actions_list = ("upload",)

    def get_queryset(self, request: HttpRequest) -> Any:
        looked = Count("rows", filter=Q(rows__outcome__in=["look", "waiting"]))
        return super().get_queryset(request).annotate(row_count=Count("rows"), look_count=looked)

    def has_own_money_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)

    @admin.display(description="lines", ordering="row_count")
    def counted(self, statement: Any) -> int:
        count: int = statement.row_count
        return count

    @admin.display(description="to be looked at", ordering="look_count")
    def to_look(self, statement: Any) -> str:
        return str(statement.look_count or "–")

    @admin.display(description="what became of them")
    def lines(self, statement: BankStatement) -> str:
        page = reverse("admin:accounting_bankstatementrow_changelist")
        return format_html(
            '<a class="wl-link" href="{}?statement__id__exact={}">All lines with their outcome</a>', page, statement.pk
        )

    @action(description="Upload a statement", url_path="upload", permissions=["own_money"], icon="upload_file")
    def upload(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"
        if request.method == "POST" and "content" in request.POST:
            return self._with_layout(request, membership.organisation)

        form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
        if form.is_bound and form.is_valid():
            file = form.cleaned_data["file"]
            content = file.read(MOST_BYTES + 1)
            try:
                return self._read(request, membership.organisation, name=file.name, content=content)
            except UnreadableStatement as error:
                form.add_error("file", str(error))
        context = {
            **self.admin_site.each_context(request),
            "title": "Upload a bank statement",
            "text": "Each line is recorded once, however often it is uploaded. Money that came settles the invoices "
            "that its text names, then what the customer owes.",
            "submit_label": "Upload",
            "form": form,
            "back": self.page_of(None),
        }
        return TemplateResponse(request, "admin/accounting/upload.html", context)

    def _read(
        self, request: HttpRequest, seller: Organisation, *, name: str, content: bytes, layout: Layout | None = None
    ) -> HttpResponse:
        at = clock.now()
        try:
            statement = read_statement(
                seller_id=seller.pk, file_name=name, content=content, by=operator_of(request), at=at, layout=layout
            )
        except LayoutNeeded as needed:
            return self._ask_layout(request, needed.table, name=name, content=content)
        self._say(request, statement, was_known=statement.uploaded_at != at)
        page = reverse("admin:accounting_bankstatementrow_changelist")
        return HttpResponseRedirect(f"{page}?statement__id__exact={statement.pk}")

    def _say(self, request: HttpRequest, statement: BankStatement, *, was_known: bool) -> None:
        counts = statement.rows.order_by().values_list("outcome").annotate(count=Count("pk"))
        labels = dict(BankStatementRow.Outcome.choices)
        said = ", ".join(f"{count} {labels[outcome].lower()}" for outcome, count in sorted(counts))
        before = "It was uploaded before; nothing was changed. " if was_known else ""
        messages.success(request, f"{before}{statement}: {said}.")
        if statement.warning:
            messages.warning(request, statement.warning)

    def _with_layout(self, request: HttpRequest, seller: Organisation) -> HttpResponse:
        name = request.POST.get("name", "statement.csv")
        try:
            content = b64decode(request.POST["content"], validate=True)
            table = read_table(content)
        except (ValueError, UnreadableStatement):
            messages.error(request, "The file was lost on its way. Please upload it again.")
            return HttpResponseRedirect(reverse("admin:accounting_bankstatement_upload"))
        form = _layout_form(table)(request.POST)
        if form.is_valid():
            try:
                return self._read(request, seller, name=name, content=content, layout=Layout(**form.cleaned_data))
            except UnreadableStatement as error:
                form.add_error(None, str(error))
        return self._ask_layout(request, table, name=name, content=content, form=form)

    def _ask_layout(
        self, request: HttpRequest, table: Table, *, name: str, content: bytes, form: forms.Form | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Which columns of {name} say what?",
            "form": form or _layout_form(table)(),
            "table": table,
            "sample": [row for _, row in table.rows[:_SAMPLE]],
            "name": name,
            "content": b64encode(content).decode(),
            "back": self.page_of(None),
        }
        return TemplateResponse(request, "admin/accounting/layout.html", context)


@admin.register(BankStatementRow)
class BankStatementRowAdmin(TenantAdmin):
    empty_hint = "The lines of the bank statements that you upload appear here, each with what became of it."
    list_display = ("booked_on", "moved", "payer", "reference", "became", "note", "leads_to")
    list_filter = ("outcome", ("statement", RelatedOnlyFieldListFilter))
    list_select_related = ("receipt", "payout", "statement")
    search_fields = ("payer", "reference", "payer_iban")
    date_hierarchy = "booked_on"
    fields = (
        ("booked_on", "moved"),
        ("payer", "payer_iban"),
        "reference",
        ("became", "leads_to"),
        "note",
        ("decided_by", "decided_at"),
        ("statement", "key"),
    )
    readonly_fields = ("moved", "became", "leads_to")
    actions_detail = ("record", "dismiss")

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        row, actions = self.get_object(request, object_id), super().get_actions_detail(request, object_id)
        if row is None or row.outcome not in ("look", "dismissed"):
            return []
        # What was left alone may still be recorded.
        return [each for each in actions if row.outcome == "look" or each.action_name.endswith("record")]

    @admin.display(description="amount", ordering="amount")
    def moved(self, row: BankStatementRow) -> str:
        return money(row.amount)

    @display(description="became", label=OUTCOMES, ordering="outcome")
    def became(self, row: BankStatementRow) -> str:
        return row.get_outcome_display()

    @admin.display(description="see")
    def leads_to(self, row: BankStatementRow) -> str:
        for name, found in (("payments_bankreceipt", row.receipt_id), ("accounting_payout", row.payout_id)):
            if found:
                page = reverse(f"admin:{name}_change", args=[found])
                return format_html('<a class="wl-link" href="{}">{}</a>', page, str(row.receipt or row.payout))
        return "–"

    @action(description="Record it", url_path="record", permissions=["money"], icon="check")
    def record(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            made = record_row(row_id=row.pk, by=operator_of(request), at=clock.now())
            return f"Recorded. {made.note}"

        return self.act(
            request,
            obj=row,
            title=f"Record {money(row.amount)} of {row.payer or 'an unknown payer'}",
            text=f"{row.note} If it is other money all the same, record it: it settles what its text names.",
            submit="Record it",
            refused=(NotDecidable,),
            do=do,
        )

    @action(description="Leave it alone", url_path="dismiss", permissions=["money"], icon="close")
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            dismiss_row(row_id=row.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return "It is left alone."

        return self.act(
            request,
            obj=row,
            title=f"Leave {money(row.amount)} alone",
            text="It is not recorded as money that came. You can still record it later.",
            submit="Leave it",
            form_class=ReasonForm,
            refused=(NotDecidable,),
            do=do,
        )
