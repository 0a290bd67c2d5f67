"""Charging at home paid back, in the console: statements, payments to drivers by file, money from fleets."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from apps.accounting.home_sheets import fleet_csv, fleet_month, fleet_pdf, owed_by, render_home_statement
from apps.accounting.models import HomeFile, HomeLine, HomePayout, HomeReceipt, HomeStatement
from apps.accounting.services.home import HomeRefused, make_home_file, note_paid, note_received, note_returned, payable
from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import (
    ActForm,
    ReasonForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantTabular,
    choice_field,
)
from apps.contracts.models import HomeAgreement
from apps.core import clock
from apps.core.domain.money import NotRounded, to_minor
from apps.core.domain.moves import IllegalMove
from apps.core.words import amount, kwh, money
from apps.documents.downloads import as_csv, as_download, shown_inline

_STATES = {"in file": "info", "paid": "success", "returned": "danger"}


class MoneyPages(TenantAdmin):
    def has_money_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return has_role(request, MONEY_ROLES)


class LineInline(TenantTabular):
    model = HomeLine
    fields = ("session", "energy", "worth", "is_correction")
    readonly_fields = fields
    verbose_name_plural = "sessions"

    @admin.display(description="session")
    def session(self, line: HomeLine) -> str:
        return str(line.cdr.session)

    @admin.display(description="energy")
    def energy(self, line: HomeLine) -> str:
        return kwh(line.energy_milliwh)

    @admin.display(description="amount")
    def worth(self, line: HomeLine) -> str:
        return money(line.amount)


@admin.register(HomeStatement)
class HomeStatementAdmin(MoneyPages):
    empty_hint = (
        "When a month is over, each driver with a wallbox at home gets a statement by itself: what is due to them, and "
        "due from the fleet."
    )
    list_display = ("driver", "month_in_words", "energy", "worth", "state", "agreement")
    list_filter = ("month", ("driver", RelatedOnlyFieldListFilter))
    list_select_related = ("driver__agreement__contract__customer", "payout")
    search_fields = ("driver__name", "driver__agreement__contract__number")
    fields = (("driver", "month_in_words"), ("energy", "worth"), ("state", "payout"), "made_at")
    readonly_fields = ("month_in_words", "energy", "worth", "state")
    inlines = (LineInline,)
    actions_detail = ("pdf", "fleet", "table")

    @admin.display(description="month", ordering="month")
    def month_in_words(self, statement: HomeStatement) -> str:
        return f"{statement.month:%B %Y}"

    @admin.display(description="energy")
    def energy(self, statement: HomeStatement) -> str:
        return kwh(statement.energy_milliwh)

    @admin.display(description="due to the driver", ordering="amount")
    def worth(self, statement: HomeStatement) -> str:
        return money(statement.amount)

    @admin.display(description="fleet")
    def agreement(self, statement: HomeStatement) -> str:
        return str(statement.driver.agreement)

    @display(description="state", label={**_STATES, "due": "warning", "set off": "info"})
    def state(self, statement: HomeStatement) -> str:
        if statement.payout is not None:
            return statement.payout.status.replace("_", " ")
        return "due" if statement.amount.amount > 0 else "set off"

    @action(description="Driver's statement", url_path="pdf", permissions=["view"], icon="picture_as_pdf")
    def pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.get_object_or_404(request, object_id)
        return as_download(render_home_statement(statement_id=found.pk, at=clock.now()))

    @action(description="Fleet's statement", url_path="fleet", permissions=["view"], icon="request_quote")
    def fleet(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.get_object_or_404(request, object_id)
        agreement = found.driver.agreement
        name = f"home-{agreement.contract.number}-{found.month:%Y-%m}"
        return shown_inline(fleet_pdf(fleet_month(agreement, month=found.month)), name=name)

    @action(description="Fleet's sessions (CSV)", url_path="table", permissions=["view"], icon="table")
    def table(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.get_object_or_404(request, object_id)
        agreement = found.driver.agreement
        sheet = fleet_month(agreement, month=found.month)
        return as_csv(fleet_csv(sheet.statements), name=f"home-{agreement.contract.number}-{found.month:%Y-%m}")


class FileForm(ActForm):
    kind = forms.ChoiceField(label="As", choices=HomeFile.Kind.choices, widget=UnfoldAdminSelectWidget)
    execution_date = forms.DateField(
        label="To be paid on",
        widget=UnfoldAdminSingleDateWidget,
        help_text="The day your bank or payroll is asked for.",
    )

    def __init__(self, *args: Any, sellers: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sellers.count() > 1:
            self.fields = {"seller": choice_field(sellers, label="Seller"), **self.fields}


class PayoutInline(TenantTabular):
    model = HomePayout
    fields = ("driver", "worth", "status", "paid_at", "returned_at")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "payments in it"

    @admin.display(description="amount")
    def worth(self, payout: HomePayout) -> str:
        return money(payout.amount)


@admin.register(HomeFile)
class HomeFileAdmin(MoneyPages):
    empty_hint = "Make a file: it pays every driver to whom something is due, by your bank or by the fleet's payroll."
    list_display = ("message_id", "kind", "execution_date", "made_by", "made_at")
    list_filter = ("kind",)
    list_select_related = ("made_by",)
    search_fields = ("message_id",)
    fields = ("message_id", ("kind", "execution_date"), ("made_by", "made_at"))
    inlines = (PayoutInline,)
    actions_list = ("make_file",)
    actions_detail = ("download",)

    @action(description="Make a file", url_path="make-file", permissions=["money"], icon="account_balance")
    def make_file(self, request: HttpRequest) -> HttpResponse:
        """Pay every driver to whom something is due."""
        sellers = _sellers(request)

        def bound(*args: Any, **kwargs: Any) -> FileForm:
            return FileForm(*args, sellers=sellers, **kwargs)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            seller = cleaned.get("seller") or sellers.get()
            file = make_home_file(
                seller_id=seller.pk,
                kind=HomeFile.Kind(cleaned["kind"]),
                execution_date=cleaned["execution_date"],
                by=operator_of(request),
                at=clock.now(),
            )
            messages.success(request, f"{file} is made. Download it and hand it on.")
            return HttpResponseRedirect(self.page_of(file))

        return self.act(
            request,
            obj=None,
            title="Pay the drivers",
            text=f"{_due_in_words(sellers)} What stands in a file is asked for once, until you note that it came back.",
            submit="Make the file",
            form_class=bound,  # type: ignore[arg-type]
            refused=(HomeRefused,),
            initial={"execution_date": clock.now().date() + timedelta(days=1)},
            do=do,
        )

    @action(description="Download", url_path="download", permissions=["money"], icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        file = self.get_object_or_404(request, object_id)
        is_bank = file.kind == HomeFile.Kind.PAIN001
        media_type, extension = ("application/xml", "xml") if is_bank else ("text/csv; charset=utf-8", "csv")
        response = HttpResponse(bytes(file.content), content_type=media_type)
        response["Content-Disposition"] = f'attachment; filename="{file.message_id}.{extension}"'
        response["Cache-Control"] = "private, no-store"
        return response


def _sellers(request: HttpRequest) -> Any:
    sellers = Organisation.objects.filter(is_station_owner=True)
    membership = acting_membership(request)
    found = operated_rows(request, sellers)
    return found.filter(pk=membership.organisation_id) if membership is not None else found


def _due_in_words(sellers: Any) -> str:
    said = [
        f"{driver} {amount(sum((one.amount.amount for one in rows), Decimal(0)), rows[0].currency)}"
        for seller in sellers
        for kind in HomeAgreement.PaidBy.values
        for driver, rows in payable(seller, paid_by=kind)
    ]
    return f"Due: {', '.join(said[:20])}{' and more' if len(said) > 20 else ''}." if said else "Nothing is due."


@admin.register(HomePayout)
class HomePayoutAdmin(MoneyPages):
    empty_hint = "Each payment that a file asked for appears here, until you note that it was made or came back."
    list_display = ("driver", "worth", "state", "file", "paid_at", "returned_at")
    list_filter = ("status",)
    list_select_related = ("driver", "file")
    search_fields = ("driver__name", "file__message_id")
    fields = ("driver", "worth", "state", "file", ("paid_at", "returned_at"), "reason", "noted_by")
    readonly_fields = ("worth", "state")
    actions_detail = ("paid", "returned")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        payout = self.get_object(request, str(object_id))
        hidden = {"in_file": set(), "paid": {"paid"}, "returned": {"paid", "returned"}}
        gone = hidden[payout.status] if payout is not None else {"paid", "returned"}
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in gone]

    @admin.display(description="amount", ordering="amount")
    def worth(self, payout: HomePayout) -> str:
        return money(payout.amount)

    @display(description="state", label=_STATES, ordering="status")
    def state(self, payout: HomePayout) -> str:
        return payout.status.replace("_", " ")

    @action(description="It was paid", url_path="paid", permissions=["money"], icon="check")
    def paid(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payout = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            note_paid(payout_id=payout.pk, by=operator_of(request), at=clock.now())
            return f"{payout} is paid and posted."

        return self.act(
            request,
            obj=payout,
            title=f"{payout}: paid",
            text="Say so when it stands on your bank statement, or when the fleet's payroll says so. It is posted.",
            submit="It was paid",
            refused=(IllegalMove,),
            do=do,
        )

    @action(description="It came back", url_path="returned", permissions=["money"], icon="undo")
    def returned(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payout = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            note_returned(payout_id=payout.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return f"{payout} is due again; the next file asks for it."

        return self.act(
            request,
            obj=payout,
            title=f"{payout}: came back",
            text="Its statements are due again. Correct the account on the driver's page before the next file.",
            submit="It came back",
            form_class=ReasonForm,
            refused=(HomeRefused, IllegalMove),
            do=do,
        )


class ReceiptForm(ActForm):
    received_on = forms.DateField(label="Booked on", widget=UnfoldAdminSingleDateWidget)
    amount = forms.DecimalField(max_digits=14, decimal_places=3, widget=UnfoldAdminDecimalFieldWidget)
    reference = forms.CharField(
        max_length=70,
        widget=UnfoldAdminTextInputWidget,
        help_text="As the bank statement names the transfer; the same one is never noted twice.",
    )

    def __init__(self, *args: Any, agreements: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {"agreement": choice_field(agreements, label="Fleet"), **self.fields}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("agreement") is not None and cleaned.get("amount") is not None:
            try:
                to_minor(cleaned["amount"], currency=cleaned["agreement"].currency)
            except NotRounded:
                self.add_error("amount", "The currency has no such small amounts.")
        return cleaned


@admin.register(HomeReceipt)
class HomeReceiptAdmin(MoneyPages):
    empty_hint = "Note what fleets pay you for their drivers' charging at home, from your bank statement."
    list_display = ("agreement", "worth", "received_on", "reference", "noted_by")
    list_filter = (("agreement", RelatedOnlyFieldListFilter),)
    list_select_related = ("agreement__contract__customer", "noted_by")
    search_fields = ("reference", "agreement__contract__number", "agreement__contract__customer__name")
    fields = ("agreement", "worth", ("received_on", "reference"), ("noted_by", "noted_at"))
    readonly_fields = ("worth",)
    actions_list = ("note",)

    @admin.display(description="amount", ordering="amount")
    def worth(self, receipt: HomeReceipt) -> str:
        return money(receipt.amount)

    @action(description="Note money from a fleet", url_path="note", permissions=["money"], icon="add")
    def note(self, request: HttpRequest) -> HttpResponse:
        """Note a transfer of a fleet's."""
        agreements = operated_rows(request, HomeAgreement.objects.select_related("contract__customer"))
        owed = [f"{one} {amount(open_now, one.currency)}" for one in agreements if (open_now := owed_by(one))]

        def bound(*args: Any, **kwargs: Any) -> ReceiptForm:
            return ReceiptForm(*args, agreements=agreements, **kwargs)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            receipt = note_received(
                agreement_id=cleaned["agreement"].pk,
                reference=cleaned["reference"],
                amount=cleaned["amount"],
                received_on=cleaned["received_on"],
                by=operator_of(request),
                at=clock.now(),
            )
            messages.success(request, f"{receipt} is noted and posted.")
            return HttpResponseRedirect(reverse("admin:accounting_homereceipt_changelist"))

        return self.act(
            request,
            obj=None,
            title="Note money from a fleet",
            text=f"Open: {', '.join(owed) or 'nothing'}.",
            submit="Note it",
            form_class=bound,  # type: ignore[arg-type]
            refused=(HomeRefused,),
            initial={"received_on": clock.now().date()},
            do=do,
        )
