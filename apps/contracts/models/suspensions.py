"""Since when and why a contract's cards are blocked, and on which days a contract had ended that was reopened."""

from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import never_overlap
from apps.core.triggers import frozen


class Suspension(TenantModel):
    """A contract's cards are blocked, from ``since`` until it is lifted; sessions that run go on.

    cause  overdue: what is overdue is not paid, it ends by itself when it is · manual: a person's decision, ends by one
    suspended_by, lifted_by  null: the system
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    class Cause(models.TextChoices):
        OVERDUE = "overdue", "Overdue"
        MANUAL = "manual", "By hand"

    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="suspensions")
    cause = models.CharField(max_length=7, choices=Cause.choices)
    reason = models.CharField(max_length=200)
    suspended_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    lift_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract"], condition=Q(lifted_at__isnull=True), name="suspension_one_open_per_contract"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="suspension_says_why"),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True, lift_reason="")
                | (Q(lifted_at__isnull=False, lifted_at__gte=F("since")) & ~Q(lift_reason="")),
                name="suspension_is_lifted_with_a_reason",
            ),
        ]
        triggers = [
            *frozen("suspension_frozen", what="suspensions", exempt=("lifted_at", "lifted_by_id", "lift_reason")),
            *frozen("suspension_lifted_once", what="lifted suspensions", once="OLD.lifted_at IS NOT NULL"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} since {self.since:%Y-%m-%d}: {self.reason}"


class Ending(TenantModel):
    """A contract was ended by hand: on its local days of the seller from ``first_day`` on it had no plan.

    end_day  from which it runs again; null: it was not reopened
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="endings")
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["contract", "first_day"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_day__isnull=True) | Q(end_day__gt=F("first_day")), name="ending_is_forward"
            ),
            never_overlap("contract", name="ending_one_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} ended from {self.first_day}"
