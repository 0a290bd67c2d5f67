"""Employer or driver, in the console: the rules of an employer's contract."""

from typing import Any

from django import forms
from django.contrib import admin
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import DatedForm, TenantAdmin, TenantForm, TenantTabular
from apps.contracts.models import PayerPolicy, PayerRuleRow
from apps.contracts.models.payers import WEEKDAYS


class RuleForm(DatedForm):
    """Offers the days of the week as boxes."""

    weekdays = forms.TypedMultipleChoiceField(
        choices=WEEKDAYS, coerce=int, required=False, widget=CheckboxSelectMultiple, help_text="None: any day."
    )


class RuleInline(TenantTabular):
    model = PayerRuleRow
    form = RuleForm
    change_roles = MASTER_DATA_ROLES
    deletable = True
    fields = ("position", "weekdays", "begins", "ends", "location", "card_kind", "payer")
    autocomplete_fields = ("location",)
    verbose_name_plural = "rules: the first that holds decides; what a rule leaves empty holds always"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        if obj is not None and "location" in formset.form.base_fields:
            field = formset.form.base_fields["location"]
            field.queryset = field.queryset.filter(owner=obj.contract.seller_id)
        return formset


class PolicyForm(TenantForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "contract" in self.fields:
            field = self.fields["contract"]
            field.queryset = field.queryset.exclude(customer__kind="private")  # type: ignore[attr-defined]


@admin.register(PayerPolicy)
class PayerPolicyAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    form = PolicyForm
    refusals = {
        "payer_rule_one_a_position": "Two rules have the same place: number them 1, 2, 3.",
        "payer_rule_has_both_times_or_none": "Name both times or none.",
        "policy_waits_a_month_at_most": "31 days at most: billing waits for it.",
    }
    empty_hint = (
        "An employer's cards may be billed to the driver at times: choose the contract, add rules, and name each "
        "driver's own contract on their cards. Without rules the employer pays for everything."
    )
    list_display = ("contract", "rule_count", "otherwise", "mark_days")
    list_select_related = ("contract__customer",)
    search_fields = ("contract__number", "contract__customer__name")
    autocomplete_fields = ("contract",)
    fields = ("contract", ("otherwise", "mark_days"))
    inlines = (RuleInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("contract",)

    @admin.display(description="rules")
    def rule_count(self, policy: PayerPolicy) -> str:
        return "; ".join(str(rule) for rule in policy.rules.all()) or "none"
