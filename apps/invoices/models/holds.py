"""What is not billed although it is due: a person keeps it back, with a reason, until a person lets it go."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from apps.accounts.models import User
from apps.accounts.tenancy import TenantModel
from apps.core.triggers import frozen


class BillingHold(TenantModel):
    """A session, or all of a contract, that billing runs leave out; once released it is billed by the next run."""

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey(
        "charging_sessions.ChargingSession",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    contract = models.ForeignKey(
        "contracts.Contract", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=200)
    held_at = models.DateTimeField()
    held_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(session__isnull=False, contract__isnull=True)
                | Q(session__isnull=True, contract__isnull=False),
                name="hold_is_of_a_session_or_a_contract",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="hold_has_a_reason"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True) | Q(released_at__gte=F("held_at")),
                name="hold_is_released_after_it_is_made",
            ),
            models.UniqueConstraint(
                fields=["session"], condition=Q(released_at__isnull=True), name="hold_one_open_per_session"
            ),
            models.UniqueConstraint(
                fields=["contract"], condition=Q(released_at__isnull=True), name="hold_one_open_per_contract"
            ),
        ]
        triggers = frozen("hold_frozen_when_released", what="released holds", once="OLD.released_at IS NOT NULL")

    def __str__(self) -> str:
        return f"{self.session or self.contract}: {self.reason}"

    def set_released(self, *, at: datetime, by: User | None) -> None:
        self.released_at, self.released_by = at, by
        self.save(update_fields=["released_at", "released_by"])
