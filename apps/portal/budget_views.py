"""Budgets as customers keep them: what a contract, vehicle or cost centre is meant to cost a month, and who is told."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.models import Contract, CostCentre, Vehicle
from apps.core import clock
from apps.portal import selectors
from apps.portal.access import administrators_page, customer_page, is_administrator
from apps.portal.history import history_of
from apps.portal.pages import page_for
from apps.sessions.domain.budgets import DEFAULT_THRESHOLDS
from apps.sessions.models import Budget
from apps.sessions.services.own_budgets import BudgetRefused, change_budget, drop_budget, make_budget

_THRESHOLDS: Final = (25, 50, 75, 80, 90, 100, 120, 150)


class BudgetForm(forms.Form):
    """How much a month, when somebody is told, and who."""

    amount = forms.DecimalField(label=gettext_lazy("Amount a month"), max_digits=14, localize=True)
    thresholds = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Tell at"), coerce=int, widget=forms.CheckboxSelectMultiple, initial=DEFAULT_THRESHOLDS
    )
    recipient = forms.EmailField(
        label=gettext_lazy("Who is told by e-mail"),
        required=False,
        help_text=gettext_lazy("Empty: the address that gets your invoices."),
    )

    def __init__(self, *args: Any, chosen: Any = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        thresholds: Any = self.fields["thresholds"]
        thresholds.choices = [(one, f"{one} %") for one in sorted({*_THRESHOLDS, *chosen})]


class NewBudgetForm(BudgetForm):
    """What it is for, too."""

    vehicle = forms.ModelChoiceField(Vehicle.objects.none(), label=gettext_lazy("Vehicle"), required=False)
    cost_centre = forms.ModelChoiceField(CostCentre.objects.none(), label=gettext_lazy("Cost centre"), required=False)
    field_order = ["vehicle", "cost_centre", "amount", "thresholds", "recipient"]

    def __init__(self, *args: Any, contract: Contract, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("vehicle", Vehicle), ("cost_centre", CostCentre)):
            field: Any = self.fields[name]
            field.queryset = model.objects.filter(customer=contract.customer_id)
            field.empty_label = gettext_lazy("None in particular")
            field.error_messages["invalid_choice"] = gettext_lazy("Choose one of the list.")


@require_GET
@customer_page
def budgets(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List the budgets with what this month has used of them."""
    month = selectors.first_of_month(clock.now(), zone=selectors.zone_of(membership))
    context = {
        "month": month,
        "budgets": selectors.budgets_of(membership, month=month),
        "contracts": _contracts(membership).exclude(status=Contract.Status.ENDED).order_by("seller__name", "number"),
        "may_change": is_administrator(membership),
    }
    return page_for(request, "portal/budgets.html", membership, **context)


@require_http_methods(["GET", "POST"])
@administrators_page
def budget_add(request: HttpRequest, contract_id: int, *, membership: Membership) -> HttpResponse:
    """Make a budget of a contract, or of a vehicle or cost centre of it."""
    contract = _contracts(membership).filter(pk=contract_id).first()
    if contract is None:
        raise Http404("no such contract")
    form = NewBudgetForm(request.POST if request.method == "POST" else None, contract=contract)
    if request.method == "POST" and form.is_valid():
        try:
            with history_of(membership) as history:
                history.added(make_budget(contract=contract, **form.cleaned_data))
        except BudgetRefused as refusal:
            form.add_error(None, _(str(refusal)))
        else:
            messages.success(request, _("The budget is kept. Nothing is stopped by it; you are told."))
            return redirect("portal:budgets")
    return page_for(request, "portal/budget_add.html", membership, contract=contract, form=form)


@require_http_methods(["GET", "POST"])
@administrators_page
def budget(request: HttpRequest, budget_id: int, *, membership: Membership) -> HttpResponse:
    """Change a budget."""
    found = _budget_of(membership, budget_id)
    initial = {"amount": found.amount.normalize(), "thresholds": found.thresholds, "recipient": found.recipient}
    form = BudgetForm(request.POST if request.method == "POST" else None, initial=initial, chosen=found.thresholds)
    if request.method == "POST" and form.is_valid():
        try:
            with history_of(membership) as history:
                change_budget(budget_id=found.pk, **form.cleaned_data)
                history.changed(found, form)
        except BudgetRefused as refusal:
            form.add_error("amount", _(str(refusal)))
        else:
            messages.success(request, _("The budget is changed."))
            return redirect("portal:budgets")
    return page_for(request, "portal/budget.html", membership, budget=found, contract=found.contract, form=form)


@require_POST
@administrators_page
def budget_drop(request: HttpRequest, budget_id: int, *, membership: Membership) -> HttpResponse:
    """Forget a budget."""
    found = _budget_of(membership, budget_id)
    with history_of(membership) as history:
        history.removed(found)
        drop_budget(budget_id=found.pk)
    messages.success(request, _("The budget is removed."))
    return redirect("portal:budgets")


def _contracts(membership: Membership) -> Any:
    return bought_rows(membership, Contract.objects.all()).select_related("seller", "customer")


def _budget_of(membership: Membership, budget_id: int) -> Budget:
    budgets = bought_rows(membership, Budget.objects.filter(pk=budget_id))
    found: Budget | None = budgets.select_related("contract__customer", "vehicle", "cost_centre").first()
    if found is None:
        raise Http404("no such budget")
    return found
