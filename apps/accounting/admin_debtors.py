"""Debtor accounts in the console: numbers drawn for all customers, and one changed until a file has told it."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounting.debtors import with_account_lengths
from apps.accounting.domain.debtors import in_digits
from apps.accounting.models import DebtorAccount
from apps.accounting.services.debtors import NotNumbered, change_number, draw_numbers
from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, TenantAdmin
from apps.core import clock
from apps.core.domain.zones import zone


class NumberForm(ActForm):
    """Another number for a customer."""

    number = forms.CharField(
        label="Number",
        max_length=9,
        widget=UnfoldAdminTextInputWidget,
        help_text="One digit more than the chart's accounts, beginning with 1 to 6.",
    )


@admin.register(DebtorAccount)
class DebtorAccountAdmin(TenantAdmin):
    empty_hint = (
        "The numbers under which your accountant knows your customers. A DATEV export draws one for each customer it "
        "tells of; draw them before to give them to your accountant, or to type those that they have there already."
    )
    list_display = ("told", "customer_name", "customer_number", "state", "drawn_at")
    list_select_related = ("customer", "seller", "decided_by")
    list_filter = (("told_at", admin.EmptyFieldListFilter),)
    search_fields = ("customer__name", "customer__number")
    fields = ("customer", ("told", "state"), ("drawn_at", "told_at"), "decided_by")
    readonly_fields = ("told", "state")
    actions_list = ("draw",)
    actions_detail = ("number",)

    def get_queryset(self, request: HttpRequest) -> Any:
        membership = acting_membership(request)
        day = _today(membership.organisation) if membership else clock.now().date()
        return with_account_lengths(super().get_queryset(request), day)

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def has_own_money_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)

    @admin.display(description="number", ordering="number")
    def told(self, account: DebtorAccount) -> str:
        return in_digits(account.number, account_length=account.account_length)  # type: ignore[attr-defined]

    @admin.display(description="customer", ordering="customer__name")
    def customer_name(self, account: DebtorAccount) -> str:
        return account.customer.name

    @admin.display(description="customer number", ordering="customer__number")
    def customer_number(self, account: DebtorAccount) -> str:
        return account.customer.number

    @admin.display(description="state")
    def state(self, account: DebtorAccount) -> str:
        if account.told_at is not None:
            return "exported: stays"
        return "changed by hand" if account.decided_by else "drawn, not exported yet"

    @action(description="Give all customers a number", url_path="draw", permissions=["own_money"], icon="tag")
    def draw(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"
        seller = membership.organisation

        def do(cleaned: dict[str, Any]) -> str:
            made = draw_numbers(seller_id=seller.pk, at=clock.now(), on=_today(seller))
            return f"{len(made)} numbers are drawn." if made else "Every customer has a number already."

        return self.act(
            request,
            obj=None,
            title="Give all customers a number",
            text=f"Each customer of {seller} without a debtor account gets the next free number, which can be changed "
            "until an export has told it.",
            submit="Draw",
            form_class=ActForm,
            refused=(NotNumbered,),
            do=do,
        )

    @action(description="Change the number", url_path="number", permissions=["money"], icon="edit")
    def number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            changed = change_number(
                account_id=account.pk,
                number=cleaned["number"],
                on=_today(account.seller),
                by=operator_of(request),
            )
            told = in_digits(changed.number, account_length=account.account_length)
            return f"{account.customer} has number {told}."

        return self.act(
            request,
            obj=account,
            title=f"Another number for {account.customer}",
            text="The one under which your accountant has the customer already. Once an export has told it, it stays.",
            submit="Change",
            form_class=NumberForm,
            refused=(NotNumbered,),
            initial={"number": self.told(account)},
            do=do,
        )


def _today(seller: Organisation) -> date:
    today: date = clock.now().astimezone(zone(seller.time_zone)).date()
    return today
