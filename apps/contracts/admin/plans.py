"""Plans in the console: what a billing period costs and includes, and which contracts have it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.decorators import action

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import TenantAdmin, TenantForm, TenantTabular
from apps.contracts.models import ContractPlan, Plan, PlanStep
from apps.contracts.plans import copy_plan, why_not_given
from apps.core.words import amount


class StepInline(TenantTabular):
    model = PlanStep
    change_roles = MASTER_DATA_ROLES
    deletable = True
    fields = ("up_to", "price")
    verbose_name = "step"
    verbose_name_plural = "steps: what each kWh beyond the included ones costs besides its tariff, by the period's sum"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request) and not is_in_use(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request) and not is_in_use(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request) and not is_in_use(obj)


class PlanContractInline(TenantTabular):
    model = ContractPlan
    fields = ("contract", "first_day", "end_day")
    readonly_fields = fields
    verbose_name_plural = "contracts that have it"


class ContractPlanFormSet(forms.BaseInlineFormSet):
    """Says in words what the database would refuse of all of a contract's plans together."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        rows = [form.instance for form in self.forms if form.instance.pk or form.has_changed()]
        if why := why_not_given(self.instance, rows):
            raise forms.ValidationError(why)


class ContractPlanInline(TenantTabular):
    """On a contract's page: which plan from when on."""

    model = ContractPlan
    formset = ContractPlanFormSet
    change_roles = MASTER_DATA_ROLES
    fields = ("plan", "first_day", "end_day")
    verbose_name = "plan"
    verbose_name_plural = "plans: what each billing period costs and includes besides the sessions"


class PlanForm(TenantForm):
    """Knows the seller's currency before amounts are checked against it."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        seller = cleaned.get("seller") or (self.instance.seller if self.instance.seller_id else None)
        if seller is not None:
            self.instance.currency = seller.currency
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # Not shown, and still what amounts are rounded to.
        return super()._get_validation_exclusions() - {"currency"}


def is_in_use(plan: Plan | None) -> bool:
    """Tell whether a contract has the plan, which freezes it."""
    return plan is not None and plan.pk is not None and plan.contract_plans.exists()


@admin.register(Plan)
class PlanAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    form = PlanForm
    refusals = {
        "plan_name_unique_per_seller": "You already have a plan of this name.",
        "plan_amounts_are_positive": "Amounts are not negative; leave minimum and maximum empty for none.",
        "plan_maximum_is_no_less_than_its_minimum": "The maximum is at least the minimum.",
        "plan_amounts_are_rounded": "The currency has no such small amounts.",
    }
    empty_hint = (
        "A plan is what a contract costs besides its sessions: a base fee, included energy, steps, a minimum. Add one, "
        "then give it to contracts on their pages."
    )
    list_display = ("name", "cycle", "fee", "included", "bounds", "contract_count")
    search_fields = ("name",)
    fields = (
        ("name", "cycle"),
        "tax_included",
        ("base_fee", "in_advance"),
        ("included_kwh", "included_for"),
        ("minimum", "maximum"),
    )
    inlines = (StepInline, PlanContractInline)
    actions_detail = ("copy",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.annotate(contract_total=Count("contract_plans__contract", distinct=True)).order_by("name")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not is_in_use(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_in_use(obj)

    @action(description="Copy", url_path="copy", permissions=["copy"], icon="content_copy")
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a plan of the same terms that can be changed, for what contracts get from some day on."""
        plan = self.get_object_or_404(request, object_id)
        return self.act(
            request,
            obj=plan,
            title=f"Copy {plan}",
            text="Contracts that have this plan keep it. The copy can be changed and given to them from a later day.",
            submit="Copy",
            do=lambda _: self._copied(request, plan),
        )

    def has_copy_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.may_change(request)

    def _copied(self, request: HttpRequest, plan: Plan) -> HttpResponse:
        twin = copy_plan(plan.pk)
        messages.success(request, f"{twin} is a copy: change what is different, then give it to contracts.")
        return HttpResponseRedirect(self.page_of(twin))

    @admin.display(description="base fee", ordering="base_fee")
    def fee(self, plan: Plan) -> str:
        return amount(plan.base_fee, plan.currency) + (" in advance" if plan.in_advance and plan.base_fee else "")

    @admin.display(description="included", ordering="included_kwh")
    def included(self, plan: Plan) -> str:
        if not plan.included_kwh:
            return "–"
        whom = " a vehicle" if plan.included_for == "vehicle" else ""
        return f"{plan.included_kwh.normalize():f} kWh{whom}"

    @admin.display(description="minimum, maximum")
    def bounds(self, plan: Plan) -> str:
        said = [
            f"{name} {amount(bound, plan.currency)}"
            for name, bound in (("at least", plan.minimum), ("at most", plan.maximum))
            if bound is not None
        ]
        return ", ".join(said) or "–"

    @admin.display(description="contracts", ordering="contract_total")
    def contract_count(self, plan: Any) -> int:
        return int(plan.contract_total)
