"""Budgets in the console: what a contract, vehicle or cost centre is meant to cost a month, and what was told of it."""

from typing import Any

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantForm
from apps.core import clock
from apps.core.domain.zones import zone
from apps.core.words import amount
from apps.sessions.budgets import BudgetUse, use_of
from apps.sessions.models import Budget, BudgetAlert


class BudgetForm(TenantForm):
    """A budget's seller and currency are its contract's; its vehicle or cost centre is the contract's customer's."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"seller", "currency"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        contract = cleaned.get("contract") or (self.instance.contract if self.instance.pk else None)
        if contract is None:
            return cleaned
        self.instance.seller_id, self.instance.currency = contract.seller_id, contract.seller.currency
        for field, what in (("vehicle", "vehicle"), ("cost_centre", "cost centre")):
            named = cleaned.get(field)
            if named is not None and named.customer_id != contract.customer_id:
                self.add_error(field, f"This {what} is not one of {contract.customer}.")
        return cleaned


@admin.register(Budget)
class BudgetAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    form = BudgetForm
    refusals = {
        "budget_one_for_each_thing": "There is a budget for this already: change its amount.",
        "budget_is_for_one_thing": "Choose a vehicle or a cost centre, or neither for all of the contract.",
        "budget_is_more_than_nothing": "A budget is more than nothing.",
        "budget_tells_at_higher_and_higher_thresholds": "Each threshold is higher than the last, such as 50,80,100.",
        "budget_amount_is_rounded": "The currency has no such small amounts.",
    }
    empty_hint = (
        "A budget tells the customer, by mail and in the portal, when a month's charging on a contract, with a vehicle "
        "or on a cost centre reaches 50, 80 and 100 % of an amount. It stops nothing: spending limits do."
    )
    list_display = ("contract", "of_what", "amount_a_month", "used_this_month", "thresholds")
    list_filter = (("contract", RelatedOnlyFieldListFilter),)
    list_select_related = ("contract__customer", "seller", "vehicle", "cost_centre")
    search_fields = ("contract__number", "contract__customer__name", "vehicle__plate", "cost_centre__code")
    autocomplete_fields = ("contract", "vehicle", "cost_centre")
    fields = ("contract", "vehicle", "cost_centre", "amount", "thresholds", "recipient")
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("contract", "vehicle", "cost_centre")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        # One query for the page instead of one for each row.
        for use in _this_month(list(page.result_list)):
            row: Any = use.budget
            row.use = use
        return page

    @admin.display(description="for")
    def of_what(self, budget: Budget) -> str:
        return budget.what if budget.vehicle_id or budget.cost_centre_id else "all of it"

    @admin.display(description="a month", ordering="amount")
    def amount_a_month(self, budget: Budget) -> str:
        return amount(budget.amount, budget.currency)

    @admin.display(description="used this month")
    def used_this_month(self, budget: Any) -> str:
        use: BudgetUse = budget.use
        return f"{amount(use.used, budget.currency)}, {use.percent} %"


def _this_month(budgets: list[Budget]) -> list[BudgetUse]:
    if not budgets:
        return []
    # A page of the console is of one seller, but for the platform's operator, who sees each on the first one's clock.
    today = clock.now().astimezone(zone(budgets[0].seller.time_zone)).date()
    return use_of(budgets, month=today.replace(day=1))


@admin.register(BudgetAlert)
class BudgetAlertAdmin(TenantAdmin):
    empty_hint = "What customers were told of their budgets stands here."
    list_display = ("told_at", "budget", "month_name", "reached", "used_then")
    list_select_related = ("budget__contract", "budget__vehicle", "budget__cost_centre")
    search_fields = ("budget__contract__number", "budget__vehicle__plate", "budget__cost_centre__code")
    fields = ("budget", "month_name", "reached", "used_then", "told_at")

    @admin.display(description="month", ordering="month")
    def month_name(self, alert: BudgetAlert) -> str:
        return f"{alert.month:%B %Y}"

    @admin.display(description="reached", ordering="threshold")
    def reached(self, alert: BudgetAlert) -> str:
        return f"{alert.threshold} %"

    @admin.display(description="charged by then")
    def used_then(self, alert: BudgetAlert) -> str:
        return amount(alert.used, alert.budget.currency)
