"""What a customer means to spend a month on a contract, a vehicle or a cost centre, and what was told of it."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.models.contracts import IsAscending
from apps.core.constraints import is_rounded_money
from apps.sessions.domain.budgets import DEFAULT_THRESHOLDS


def default_thresholds() -> list[int]:
    return list(DEFAULT_THRESHOLDS)


class Budget(TenantModel):
    """An amount for each month of the seller's calendar; it tells when thresholds are reached and stops nothing.

    amount, currency  net, or gross where the customer's documents are; the seller's currency
    vehicle, cost_centre  at most one; neither: all of the contract
    thresholds  percent, ascending
    recipient   who is told by mail; "" = whoever gets the customer's invoices
    """

    TENANT = ("seller", "contract__customer__organisation")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+", editable=False)
    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    vehicle = models.ForeignKey("contracts.Vehicle", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    cost_centre = models.ForeignKey(
        "contracts.CostCentre", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    currency = models.CharField(max_length=3, editable=False)
    amount = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        help_text="For each month: net, or with VAT where the customer's documents state it.",
    )
    thresholds = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(1000)]),
        size=9,
        default=default_thresholds,
        help_text="Percent at which the customer is told, such as 50,80,100.",
    )
    recipient = models.EmailField(
        "told to", blank=True, help_text="Who is told by e-mail. Empty: whoever gets the customer's invoices."
    )

    class Meta:
        ordering = ["contract", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "vehicle", "cost_centre"], nulls_distinct=False, name="budget_one_for_each_thing"
            ),
            models.CheckConstraint(
                condition=Q(vehicle__isnull=True) | Q(cost_centre__isnull=True), name="budget_is_for_one_thing"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_is_more_than_nothing"),
            models.CheckConstraint(
                condition=IsAscending(models.F("thresholds")), name="budget_tells_at_higher_and_higher_thresholds"
            ),
            is_rounded_money("amount", name="budget_amount_is_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.contract.number}: {self.what}"

    @property
    def percents(self) -> str:
        """The thresholds as they are read: 50, 80, 100."""
        return ", ".join(str(one) for one in self.thresholds)

    @property
    def what(self) -> str:
        """What it is for, as people call it."""
        return str(self.vehicle or self.cost_centre or self.contract.number)


class BudgetAlert(TenantModel):
    """A threshold that a month reached; told once, whatever the month comes to later.

    month  its first day · used  what was charged when it was told
    """

    TENANT = ("budget__seller", "budget__contract__customer__organisation")

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts")
    month = models.DateField()
    threshold = models.PositiveSmallIntegerField()
    used = models.DecimalField(max_digits=20, decimal_places=6)
    told_at = models.DateTimeField()

    class Meta:
        ordering = ["-told_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "month", "threshold"], name="budget_alert_told_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="budget_alert_is_of_a_month"),
        ]

    def __str__(self) -> str:
        return f"{self.budget}: {self.threshold} % in {self.month:%B %Y}"
