"""Plans: what is agreed for each billing period besides the prices of sessions, and since when a contract has one.

A plan that a contract had is not changed but followed by another; a contract has one plan a day.
"""

import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.plans import Cycle, IncludedFor, PlanSpan, PlanTerms, closed_steps
from apps.core.constraints import has_usual_day, is_rounded_money, never_overlap
from apps.tariffs.domain.ladders import Tier

# Whoever has a plan was promised it: it is frozen as soon as a contract names it.
_FROZEN_IN_USE = """
    IF EXISTS (SELECT 1 FROM contracts_contractplan WHERE plan_id = OLD.{plan}) THEN
        RAISE EXCEPTION 'plans that contracts have are frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
"""


class Plan(TenantModel):
    """What each billing period costs and includes (``domain.plans.PlanTerms``); net, or gross if ``tax_included``."""

    TENANT = ("seller",)

    CYCLES = [(Cycle.MONTH.value, "Month"), (Cycle.QUARTER.value, "Quarter")]
    INCLUDED_FOR = [
        (IncludedFor.CONTRACT.value, "All of the contract together"),
        (IncludedFor.VEHICLE.value, "Each vehicle"),
    ]

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80, help_text="Printed on the line of the base fee.")
    currency = models.CharField(max_length=3, editable=False, help_text="The seller's.")
    cycle = models.CharField("billing period", max_length=7, choices=CYCLES, default=Cycle.MONTH.value)
    tax_included = models.BooleanField("amounts include VAT", default=False)
    base_fee = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="For each billing period; by days where the plan begins or ends within one.",
    )
    in_advance = models.BooleanField(
        "base fee in advance", default=False, help_text="On the invoice before the period, not on the one after it."
    )
    included_kwh = models.DecimalField(
        "included kWh",
        max_digits=12,
        decimal_places=3,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Of each billing period, the earliest energy first; what is left is not carried on.",
    )
    included_for = models.CharField(max_length=8, choices=INCLUDED_FOR, default=IncludedFor.CONTRACT.value)
    minimum = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="What the sessions of a period come to at least. Empty: no minimum.",
    )
    maximum = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="What the sessions of a period come to at most. Empty: no maximum.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="plan_name_unique_per_seller"),
            models.CheckConstraint(
                condition=Q(base_fee__gte=0, included_kwh__gte=0)
                & (Q(minimum__isnull=True) | Q(minimum__gt=0))
                & (Q(maximum__isnull=True) | Q(maximum__gt=0)),
                name="plan_amounts_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(minimum__isnull=True) | Q(maximum__isnull=True) | Q(maximum__gte=F("minimum")),
                name="plan_maximum_is_no_less_than_its_minimum",
            ),
            is_rounded_money("base_fee", "minimum", "maximum", name="plan_amounts_are_rounded"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="plan_frozen_in_use",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=_FROZEN_IN_USE.format(plan="id"),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def terms(self) -> PlanTerms:
        """Return the plan as the billing run applies it."""
        return PlanTerms(
            name=self.name,
            currency=self.currency,
            cycle=Cycle(self.cycle),
            tax_included=self.tax_included,
            base_fee=self.base_fee,
            in_advance=self.in_advance,
            included_milliwh=int(self.included_kwh * 1_000_000),
            included_for=IncludedFor(self.included_for),
            steps=closed_steps(Tier(up_to=step.up_to, unit_price=step.price) for step in self.steps.all()),
            minimum=self.minimum,
            maximum=self.maximum,
        )


class PlanStep(TenantModel):
    """What each kWh beyond the included ones costs besides its tariff, up to so many in a period; a rebate is negative.

    up_to  kWh of the period, this one included; null: the last step
    """

    TENANT = ("plan__seller",)

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="steps")
    up_to = models.DecimalField(
        "up to kWh",
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Of a billing period. Empty: the last step, without an end. Beyond the last one nothing is added.",
    )
    price = models.DecimalField(
        "per kWh",
        max_digits=16,
        decimal_places=6,
        help_text="On top of the tariff; below zero it is a rebate, such as -0.02.",
    )

    class Meta:
        ordering = ["plan", F("up_to").asc(nulls_last=True)]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "up_to"], nulls_distinct=False, name="plan_step_ends_once_at_each_amount"
            ),
            models.CheckConstraint(condition=Q(up_to__isnull=True) | Q(up_to__gt=0), name="plan_step_ends_after_zero"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="plan_step_frozen_in_use",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=_FROZEN_IN_USE.format(plan="plan_id"),
            ),
            pgtrigger.Trigger(
                name="plan_step_not_added_in_use",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_FROZEN_IN_USE.replace("OLD", "NEW").format(plan="plan_id"),
            ),
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to.normalize():f} kWh" if self.up_to is not None else "beyond"


class ContractPlan(TenantModel):
    """A contract has a plan from a local day of its seller on until before another (null = open)."""

    TENANT = ("contract__seller", "contract__customer__organisation")

    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="plans")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="contract_plans")
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True, help_text="First day without it. Empty: until further notice.")

    class Meta:
        ordering = ["contract", "first_day"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_day__isnull=True) | Q(end_day__gt=F("first_day")), name="contract_plan_ends_after_start"
            ),
            has_usual_day("first_day", name="contract_plan_has_a_usual_year"),
            never_overlap("contract", name="contract_plan_one_a_day"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="contract_plan_within_one_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF (SELECT seller_id FROM contracts_plan WHERE id = NEW.plan_id)
                       <> (SELECT seller_id FROM contracts_contract WHERE id = NEW.contract_id) THEN
                        RAISE EXCEPTION 'the plan is of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan} from {self.first_day}"

    def span(self) -> PlanSpan:
        return PlanSpan(terms=self.plan.terms(), first=self.first_day, end=self.end_day)
