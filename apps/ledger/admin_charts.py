"""Charts of accounts in the console: choose one, change its numbers, see what held when."""

from datetime import date
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, TenantAdmin, TenantTabular
from apps.core import clock
from apps.core.domain.zones import zone
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.domain.charts import CHART_NAMES, ChartKind, NumberedAccount, key_in_words
from apps.ledger.models import AccountNumber, Chart
from apps.ledger.selectors import closed_until, numbering_on
from apps.ledger.services.charts import NotChangeable, choose_chart, set_numbers
from apps.ledger.services.closings import following

_BACK: Final = 24


def changeable_months(seller: Organisation) -> list[date]:
    """Return the months from which a change may hold, the next one first: none of them is closed."""
    today = clock.now().astimezone(zone(seller.time_zone)).date()
    last = closed_until(seller.pk)
    first = following(last) if last else date(today.year - _BACK // 12, 1, 1)
    months = [following(today)]
    while months[-1] > first:
        before = months[-1]
        months.append(date(before.year - (before.month == 1), (before.month - 2) % 12 + 1, 1))
    return months


def _month_field(seller: Organisation) -> forms.ChoiceField:
    this_month = clock.now().astimezone(zone(seller.time_zone)).date().replace(day=1)
    return forms.ChoiceField(
        label="From",
        choices=[(month.isoformat(), date_format(month, "F Y")) for month in changeable_months(seller)],
        initial=this_month.isoformat(),
        widget=UnfoldAdminSelectWidget,
        help_text="Holds for what is posted from then on. Closed months keep what they have.",
        error_messages={"invalid_choice": "This month is closed, and keeps what it has. Choose a later one."},
    )


def _chart_form(seller: Organisation) -> type[ActForm]:
    class ChartForm(ActForm):
        kind = forms.ChoiceField(
            label="Chart",
            choices=[(kind.value, name) for kind, name in CHART_NAMES.items()],
            widget=UnfoldAdminSelectWidget,
        )
        valid_from = _month_field(seller)
        account_length = forms.IntegerField(
            label="Digits of an account",
            min_value=4,
            max_value=8,
            initial=4,
            widget=UnfoldAdminIntegerFieldWidget,
            help_text="Only for SKR 03 and SKR 04 (Sachkontenlänge): shipped numbers are filled with zeros.",
        )
        year_begins = forms.ChoiceField(
            label="Financial year begins in",
            choices=[(month, date_format(date(2000, month, 1), "F")) for month in range(1, 13)],
            widget=UnfoldAdminSelectWidget,
        )
        consultant_number = forms.IntegerField(
            label="DATEV consultant number (Beraternummer)",
            min_value=1001,
            max_value=9_999_999,
            required=False,
            widget=UnfoldAdminIntegerFieldWidget,
            help_text="Your tax adviser knows it. A DATEV export needs it and the next.",
        )
        client_number = forms.IntegerField(
            label="DATEV client number (Mandantennummer)",
            min_value=1,
            max_value=99_999,
            required=False,
            widget=UnfoldAdminIntegerFieldWidget,
        )

    return ChartForm


class NumberRows(TenantTabular):
    model = AccountNumber
    fields = ("role_name", "entries", "number", "name", "is_automatic", "valid_from", "decided_by", "decided_at")
    readonly_fields = fields
    verbose_name_plural = "numbers of your own, with their history"

    @admin.display(description="for")
    def role_name(self, row: AccountNumber) -> str:
        return CHART[Role(row.role)].name

    @admin.display(description="entries")
    def entries(self, row: AccountNumber) -> str:
        return key_in_words(row.vat)


@admin.register(Chart)
class ChartAdmin(TenantAdmin):
    empty_hint = (
        "Your accounts have the plain numbers that this system ships. Choose SKR 03, SKR 04 or the plain chart to give "
        "them the numbers your accountant uses."
    )
    list_display = ("__str__", "account_length", "consultant_number", "client_number", "decided_by", "decided_at")
    list_select_related = ("decided_by", "entity")
    fields = (
        ("kind", "valid_from"),
        ("account_length", "year_begins"),
        ("consultant_number", "client_number"),
        ("decided_by", "decided_at"),
        "accounts",
    )
    readonly_fields = ("accounts",)
    inlines = (NumberRows,)
    actions_list = ("choose", "numbers")

    def has_own_money_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)

    @admin.display(description="accounts today")
    def accounts(self, chart: Chart) -> str:
        today = clock.now().astimezone(zone(chart.entity.time_zone)).date()
        numbering = numbering_on(entity=chart.entity, day=max(today, chart.valid_from))
        rows = ((account.number, account.name, *_words(key)) for key, account in numbering.rows.items())
        return format_html(
            '<div class="wl-scroll"><table class="wl-table"><thead><tr><th>Number</th><th>Name</th><th>For</th>'
            "<th>Entries</th></tr></thead><tbody>{}</tbody></table></div>",
            format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows),
        )

    @action(description="Choose a chart", url_path="choose", permissions=["own_money"], icon="account_tree")
    def choose(self, request: HttpRequest) -> HttpResponse:
        seller = _seller(request)

        def do(cleaned: dict[str, Any]) -> str:
            said = {**cleaned, "kind": ChartKind(cleaned["kind"]), "year_begins": int(cleaned["year_begins"])}
            said["valid_from"] = date.fromisoformat(cleaned["valid_from"])
            chart = choose_chart(entity_id=seller.pk, by=operator_of(request), at=clock.now(), **said)
            return f"{chart}."

        return self.act(
            request,
            obj=None,
            title="Choose a chart of accounts",
            text=f"The numbers under which the accountant of {seller} knows the accounts. What is posted stays as it "
            "is; reports and exports show the numbers that held on the day of posting.",
            submit="Choose",
            form_class=_chart_form(seller),
            refused=(NotChangeable,),
            do=do,
        )

    @action(description="Change numbers", url_path="numbers", permissions=["own_money"], icon="edit")
    def numbers(self, request: HttpRequest) -> HttpResponse:
        seller = _seller(request)
        today = clock.now().astimezone(zone(seller.time_zone)).date()
        numbering = numbering_on(entity=seller, day=today)
        form_class, keys = _numbers_form(seller, numbering.rows)
        form = form_class(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                made = set_numbers(
                    entity_id=seller.pk,
                    numbers={key: _typed(form.cleaned_data, at) for at, key in enumerate(keys)},
                    valid_from=date.fromisoformat(form.cleaned_data["valid_from"]),
                    by=operator_of(request),
                    at=clock.now(),
                )
            except NotChangeable as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"{len(made)} numbers are changed." if made else "Nothing was changed.")
                return HttpResponseRedirect(self.page_of(None))
        context = {
            **self.admin_site.each_context(request),
            "title": "Numbers of the accounts",
            "form": form,
            "rows": [
                (_words(key), form[f"number_{at}"], form[f"name_{at}"], form[f"auto_{at}"])
                for at, key in enumerate(keys)
            ],
            "is_datev": numbering.is_datev,
            "back": self.page_of(None),
        }
        return TemplateResponse(request, "admin/ledger/numbers.html", context)


def _seller(request: HttpRequest) -> Organisation:
    membership = acting_membership(request)
    assert membership is not None, "the permission asks for one"
    return membership.organisation


def _words(key: tuple[Role, str]) -> tuple[str, str]:
    role, vat = key
    return CHART[role].name, key_in_words(vat)


def _numbers_form(seller: Organisation, rows: Any) -> tuple[type[forms.Form], list[tuple[Role, str]]]:
    """Return a form with number, name and automatic VAT of each row, and the rows' keys in its order."""
    keys = sorted(rows, key=lambda key: (list(Role).index(key[0]), key[1]))
    fields: dict[str, forms.Field] = {"valid_from": _month_field(seller)}
    plain = {"class": "wl-input"}
    for at, key in enumerate(keys):
        account = rows[key]
        fields[f"number_{at}"] = forms.CharField(
            initial=account.number, max_length=20, widget=forms.TextInput({**plain, "size": 9, "aria-label": "number"})
        )
        fields[f"name_{at}"] = forms.CharField(
            initial=account.name, max_length=80, widget=forms.TextInput({**plain, "size": 34, "aria-label": "name"})
        )
        fields[f"auto_{at}"] = forms.BooleanField(
            initial=account.is_automatic, required=False, widget=forms.CheckboxInput({"aria-label": "automatic"})
        )
    return type("NumbersForm", (forms.Form,), fields), keys


def _typed(cleaned: dict[str, Any], at: int) -> NumberedAccount:
    return NumberedAccount(cleaned[f"number_{at}"].strip(), cleaned[f"name_{at}"], cleaned[f"auto_{at}"])
