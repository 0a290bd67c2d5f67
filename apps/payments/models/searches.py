"""Who looked for a driver's charge by card, amount and day, and what they found: the trail, and what is counted."""

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import frozen
from apps.payments.domain.finding import SearchOutcome
from apps.payments.models.attempts import PaymentAttempt


class ChargeSearch(TenantModel):
    """One search for a charge by its card's last four digits, amount and day.

    seller   whose charges were searched, or whose the found one is; null: all owners', and none or several were found
    network  whence it came, as a keyed hash; "" of support's · by: who of support; null: a driver
    attempt  the one that was found
    """

    TENANT = ("seller",)

    seller = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()
    network = models.CharField(max_length=32, blank=True)
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    card_last4 = models.CharField("card ends in", max_length=4)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    day = models.DateField()
    place = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(
        max_length=7, choices=[(o.value, o.value) for o in SearchOutcome], default=SearchOutcome.ASKED
    )
    attempt = models.ForeignKey(PaymentAttempt, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name_plural = "charge searches"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["network", "at"], condition=~Q(network=""), name="search_by_network"),
            models.Index(fields=["at"], name="search_by_time"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(network="", by__isnull=False) | ~Q(network="") & Q(by__isnull=True),
                name="search_is_of_a_network_or_of_support",
            ),
            models.CheckConstraint(
                condition=Q(outcome="one", attempt__isnull=False, seller__isnull=False)
                | Q(outcome__in=["asked", "refused", "nothing", "several"], attempt__isnull=True),
                name="search_names_what_it_found",
            ),
        ]
        triggers = frozen(
            "search_frozen",
            what="searches",
            # ``KEPT``: a trail that somebody may wipe is none.
            once="TG_OP = 'UPDATE' OR OLD.at > now() - interval '90 days'",
            exempt=("outcome", "attempt_id", "seller_id"),
        )

    def __str__(self) -> str:
        return f"•••• {self.card_last4}, {self.day}: {self.outcome}"

    def set_outcome(self, outcome: SearchOutcome, *, attempt: PaymentAttempt | None = None) -> None:
        self.outcome, self.attempt = outcome, attempt
        if attempt is not None:
            self.seller_id = attempt.seller_id
        self.save(update_fields=["outcome", "attempt", "seller"])
