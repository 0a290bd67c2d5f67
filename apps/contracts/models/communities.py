"""Residential communities: units and who holds them day by day, shared costs, and the keys by which they are shared.

A community is a customer of that kind. Each unit's invoice is that of the contract which holds the unit; what a cost's
period came to for each is written once, and taken back by its mirror image, never changed.
"""

import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.sharing import KeyKind
from apps.core.constraints import has_usual_day, is_rounded_money, never_overlap
from apps.core.triggers import append_only, frozen

_ONLY_COMMUNITIES = """
    IF (SELECT kind FROM contracts_customer WHERE id = NEW.customer_id) <> 'community' THEN
        RAISE EXCEPTION 'only a residential community has units, keys and shared costs'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


def _has_days(name: str) -> list[models.CheckConstraint]:
    return [
        models.CheckConstraint(
            condition=Q(end_day__isnull=True) | Q(end_day__gt=F("first_day")),
            name=f"{name}_ends_after_it_begins",
            violation_error_message="It ends after it begins.",
        ),
        has_usual_day("first_day", name=f"{name}_has_a_usual_year"),
    ]


def _of_a_community(name: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name, when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update, func=_ONLY_COMMUNITIES
    )


class Unit(TenantModel):
    """A flat or house of a community, from a local day of the seller on until before another (null = open)."""

    TENANT = ("customer__seller", "customer__organisation")

    customer = models.ForeignKey(
        "contracts.Customer", on_delete=models.PROTECT, related_name="units", verbose_name="community"
    )
    label = models.CharField(max_length=40, help_text="As the house calls it, for example Flat 3 left.")
    area_sqm = models.DecimalField(
        "area in m²",
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Needed where a cost is shared by area.",
    )
    first_day = models.DateField(help_text="From when on it bears shared costs.")
    end_day = models.DateField(null=True, blank=True, help_text="First day without it. Empty: until further notice.")

    class Meta:
        ordering = ["customer", "label"]
        constraints = [
            models.UniqueConstraint(fields=["customer", "label"], name="unit_label_unique_per_community"),
            models.CheckConstraint(condition=Q(area_sqm__isnull=True) | Q(area_sqm__gt=0), name="unit_has_some_area"),
            *_has_days("unit"),
        ]
        triggers = [_of_a_community("unit_of_a_community")]

    def __str__(self) -> str:
        return self.label


class Occupancy(TenantModel):
    """Who holds a unit from a local day on: the contract that its cards and its share of costs are billed to."""

    TENANT = ("unit__customer__seller", "unit__customer__organisation", "contract__customer__organisation")

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        TENANT = "tenant", "Tenant"

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="occupancies")
    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="occupancies")
    role = models.CharField(max_length=6, choices=Role.choices, default=Role.TENANT)
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True, help_text="First day without it. Empty: until further notice.")

    class Meta:
        verbose_name_plural = "occupancies"
        ordering = ["unit", "first_day"]
        constraints = [
            *_has_days("occupancy"),
            never_overlap(
                "unit",
                name="occupancy_one_holder_a_unit_and_day",
                violation_error_message="Somebody holds the unit on these days already: end that entry first.",
            ),
            never_overlap(
                "contract",
                name="occupancy_one_unit_a_contract_and_day",
                violation_error_message="This contract holds another unit on these days: each has one of its own.",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="occupancy_within_one_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF (SELECT c.seller_id FROM contracts_unit u JOIN contracts_customer c ON c.id = u.customer_id
                        WHERE u.id = NEW.unit_id)
                       <> (SELECT seller_id FROM contracts_contract WHERE id = NEW.contract_id) THEN
                        RAISE EXCEPTION 'the contract is of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.contract}"


class AllocationKey(TenantModel):
    """By what costs of a community are shared (``domain.sharing``); a table has a weight a unit, from day to day."""

    TENANT = ("customer__seller", "customer__organisation")

    KINDS = [
        (KeyKind.EQUAL.value, "Each unit alike"),
        (KeyKind.AREA.value, "By area"),
        (KeyKind.TABLE.value, "By a table of weights"),
        (KeyKind.CONSUMPTION.value, "By the energy charged"),
    ]

    customer = models.ForeignKey(
        "contracts.Customer", on_delete=models.PROTECT, related_name="keys", verbose_name="community"
    )
    name = models.CharField(max_length=60, help_text="Printed on invoices, for example Co-ownership shares.")
    kind = models.CharField(max_length=11, choices=KINDS, default=KeyKind.EQUAL.value)

    class Meta:
        verbose_name = "allocation key"
        ordering = ["customer", "name"]
        constraints = [models.UniqueConstraint(fields=["customer", "name"], name="key_name_unique_per_community")]
        triggers = [_of_a_community("key_of_a_community")]

    def __str__(self) -> str:
        return self.name


class KeyWeight(TenantModel):
    """What a unit weighs in a table from a local day on; a unit without a row that day weighs nothing."""

    TENANT = ("key__customer__seller", "key__customer__organisation")

    key = models.ForeignKey(AllocationKey, on_delete=models.CASCADE, related_name="weights")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="weights")
    weight = models.DecimalField(max_digits=14, decimal_places=4, help_text="For example 48.5 of a thousand.")
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True, help_text="First day without it. Empty: until further notice.")

    class Meta:
        ordering = ["key", "unit", "first_day"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__gt=0),
                name="key_weight_is_positive",
                violation_error_message="A weight is more than nothing; leave the unit out instead.",
            ),
            *_has_days("key_weight"),
            never_overlap(
                "key",
                "unit",
                name="key_weight_one_a_unit_and_day",
                violation_error_message="The unit has a weight on these days already: end that one first.",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="key_weight_of_a_table_and_its_community",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM contracts_allocationkey k JOIN contracts_unit u ON u.customer_id = k.customer_id
                        WHERE k.id = NEW.key_id AND u.id = NEW.unit_id AND k.kind = 'table'
                    ) THEN
                        RAISE EXCEPTION 'a weight is of a table and a unit of its community'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.weight.normalize():f}"


class SharedCost(TenantModel):
    """What a community's units bear together, each month or once, shared by a key.

    amount        of a whole month, or of all its days; net, or gross if ``tax_included``
    end_day       first day without it; null = until further notice (monthly costs alone)
    """

    TENANT = ("customer__seller", "customer__organisation")

    customer = models.ForeignKey(
        "contracts.Customer", on_delete=models.PROTECT, related_name="shared_costs", verbose_name="community"
    )
    name = models.CharField(max_length=80, help_text="Printed on invoices, for example Operation of the wallboxes.")
    key = models.ForeignKey(AllocationKey, on_delete=models.PROTECT, related_name="costs")
    is_monthly = models.BooleanField("every month", default=True)
    currency = models.CharField(max_length=3, editable=False, help_text="The seller's.")
    amount = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        help_text="Of a month, by days where it begins or ends within one; or of all its days together.",
    )
    tax_included = models.BooleanField(
        "amount includes VAT", default=False, help_text="The shares add up to the amount on this side of the tax."
    )
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True, help_text="First day without it. Empty: until further notice.")

    class Meta:
        ordering = ["customer", "name", "first_day"]
        constraints = [
            *_has_days("shared_cost"),
            models.CheckConstraint(
                condition=Q(is_monthly=True) | Q(end_day__isnull=False), name="shared_cost_that_comes_once_has_an_end"
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="shared_cost_is_something"),
            is_rounded_money("amount", name="shared_cost_is_rounded"),
        ]
        triggers = [
            _of_a_community("shared_cost_of_a_community"),
            pgtrigger.Trigger(
                name="shared_cost_has_a_key_of_its_community",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF (SELECT customer_id FROM contracts_allocationkey WHERE id = NEW.key_id) <> NEW.customer_id THEN
                        RAISE EXCEPTION 'the key is of another community'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            *frozen(
                "shared_cost_frozen_when_shared",
                what="costs that were shared",
                once="EXISTS (SELECT 1 FROM contracts_costperiod WHERE cost_id = OLD.id)",
                exempt=("end_day",),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CostPeriod(TenantModel):
    """A period of a cost as it was shared; what was wrong is taken back by a mirror and shared anew.

    amount    what was shared; of a mirror the negative
    reverses  of a mirror: the period it takes back, in full, once
    """

    TENANT = ("cost__customer__seller", "cost__customer__organisation")

    cost = models.ForeignKey(SharedCost, on_delete=models.PROTECT, related_name="periods")
    first_day = models.DateField()
    last_day = models.DateField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    key_kind = models.CharField(max_length=11, choices=AllocationKey.KINDS)
    key_name = models.CharField(max_length=60)
    is_in_force = models.BooleanField(default=True, editable=False)
    reverses = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by")
    reason = models.CharField(max_length=200, blank=True)
    shared_at = models.DateTimeField()
    shared_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-first_day", "-pk"]
        constraints = [
            # Two runs at once meet here; what was taken back may be shared again.
            never_overlap(
                "cost", end="last_day", is_last=True, name="cost_shared_once_a_day", condition=Q(is_in_force=True)
            ),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="cost_period_is_forward"),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True) | Q(is_in_force=False) & ~Q(reason=""),
                name="cost_period_taken_back_with_a_reason",
            ),
            is_rounded_money("amount", name="cost_period_is_rounded"),
        ]
        triggers = [
            *frozen("cost_period_frozen", what="shared costs", exempt=("is_in_force",)),
            pgtrigger.Trigger(
                name="cost_period_is_its_shares",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func="""
                    IF NEW.amount <> (
                        SELECT coalesce(sum(amount), 0) FROM contracts_costshare WHERE period_id = NEW.id
                    ) THEN
                        RAISE EXCEPTION 'the shares of a cost add up to it' USING ERRCODE = 'check_violation';
                    END IF;
                    -- As the row is when the transaction ends, not as it was when this change was made.
                    IF (SELECT is_in_force FROM contracts_costperiod WHERE id = NEW.id) = (
                        NEW.reverses_id IS NOT NULL
                        OR EXISTS (SELECT 1 FROM contracts_costperiod m WHERE m.reverses_id = NEW.id)
                    ) THEN
                        RAISE EXCEPTION 'a shared cost is in force until it is taken back'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cost}, {self.first_day} to {self.last_day}"


class CostShare(TenantModel):
    """What one holder of a unit bears of a period. part: of the whole, to ten decimals, for people; amount: exact."""

    TENANT = (
        "period__cost__customer__seller",
        "period__cost__customer__organisation",
        "contract__customer__organisation",
    )

    period = models.ForeignKey(CostPeriod, on_delete=models.PROTECT, related_name="shares")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="shares")
    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField()
    last_day = models.DateField()
    part = models.DecimalField(max_digits=12, decimal_places=10)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        ordering = ["period", "unit", "first_day"]
        constraints = [
            models.UniqueConstraint(fields=["period", "unit", "first_day"], name="cost_share_once_a_holder"),
            is_rounded_money("amount", name="cost_share_is_rounded"),
        ]
        triggers = [
            *append_only("cost_share_append_only", what="shares of costs"),
            pgtrigger.Trigger(
                name="cost_share_adds_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF (SELECT amount FROM contracts_costperiod WHERE id = NEW.period_id) <> (
                        SELECT sum(amount) FROM contracts_costshare WHERE period_id = NEW.period_id
                    ) THEN
                        RAISE EXCEPTION 'the shares of a cost add up to it' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.amount.normalize():f} {self.currency}"

    @property
    def percent(self) -> str:
        """The part as people read it, to four decimals."""
        return f"{self.part * 100:.4f}".rstrip("0").rstrip(".")
