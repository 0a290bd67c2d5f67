"""Who pays for a session on an employer's card, and why: decided when it begins, changed by further rows alone."""

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.payers import Origin, Payer, payer_words
from apps.core.triggers import append_only
from apps.sessions.models.sessions import ChargingSession


class PayerDecision(TenantModel):
    """The highest number is in force, and its contract is the session's.

    facts       what said so (``contracts.domain.payers``); of a correction its ``reason``
    mark_days   so long after the session's end the driver may mark it, as the rules were when it began; 0 = never
    decided_by  who marked or corrected it
    """

    TENANT = ("session__seller", "contract__customer__organisation")

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="payer_decisions")
    number = models.PositiveSmallIntegerField()
    payer = models.CharField(max_length=8, choices=[(p.value, p.value) for p in Payer])
    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(max_length=9, choices=[(o.value, o.value) for o in Origin])
    facts = models.JSONField(default=dict)
    mark_days = models.PositiveSmallIntegerField(default=0)
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["session", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="payer_decision_numbered_once"),
            models.CheckConstraint(
                condition=Q(number=1, origin__in=["rule", "otherwise"], decided_by__isnull=True)
                | Q(number__gt=1, origin__in=["marked", "corrected"]),
                name="payer_decided_by_rule_first",
            ),
            models.CheckConstraint(
                condition=~Q(origin="corrected") | Q(facts__has_key="reason", decided_by__isnull=False),
                name="payer_corrected_with_a_reason_and_a_name",
            ),
        ]
        triggers = append_only("payer_decision_append_only", what="decisions on who pays")

    def __str__(self) -> str:
        return self.in_words("en")

    def in_words(self, language: str) -> str:
        """Say who pays and why, in one of the four languages."""
        return payer_words(Payer(self.payer), Origin(self.origin), self.facts, language=language)
