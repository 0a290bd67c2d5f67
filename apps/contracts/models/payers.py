"""When an employer's contract lets the driver pay: a policy with its rules, asked when a session begins.

A change counts for what begins after it: each session keeps what was decided of it.
"""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.payers import CardKind, Payer, PayerRule, words_of

PAYERS = [(Payer.EMPLOYER.value, "The employer"), (Payer.DRIVER.value, "The driver")]
CARD_KINDS = [
    (CardKind.EMPLOYEE.value, "Employee's card"),
    (CardKind.VISITOR.value, "Visitor's card"),
    (CardKind.POOL.value, "Pool vehicle's card"),
    (CardKind.PRIVATE.value, "Private card"),
]
WEEKDAYS = [
    (1, "Monday"),
    (2, "Tuesday"),
    (3, "Wednesday"),
    (4, "Thursday"),
    (5, "Friday"),
    (6, "Saturday"),
    (7, "Sunday"),
]


class PayerPolicy(TenantModel):
    """Who pays for sessions on a contract's cards. mark_days: after its end a driver may mark a session; 0 = never"""

    TENANT = ("contract__seller", "contract__customer__organisation")

    contract = models.OneToOneField(
        "contracts.Contract",
        on_delete=models.PROTECT,
        related_name="payer_policy",
        verbose_name="employer's contract",
        help_text="Whose cards the rules are for. A card names the driver's own contract beside it.",
    )
    otherwise = models.CharField(
        "where no rule applies",
        max_length=8,
        choices=PAYERS,
        default=Payer.EMPLOYER.value,
        help_text="Who pays then.",
    )
    mark_days = models.PositiveSmallIntegerField(
        "days to mark a session",
        default=3,
        validators=[MaxValueValidator(31)],
        help_text="So long after its end the driver may mark it as business or private in the portal; billing waits "
        "for that. 0: never.",
    )

    class Meta:
        verbose_name = "employer or driver"
        verbose_name_plural = "employer or driver"
        ordering = ["contract"]
        constraints = [models.CheckConstraint(condition=Q(mark_days__lte=31), name="policy_waits_a_month_at_most")]

    def __str__(self) -> str:
        return str(self.contract)

    def ordered_rules(self) -> list[PayerRule]:
        return [row.as_rule() for row in self.rules.all()]


class PayerRuleRow(TenantModel):
    """One rule of a policy, in its place (``domain.payers``)."""

    TENANT = ("policy__contract__seller", "policy__contract__customer__organisation")

    policy = models.ForeignKey(PayerPolicy, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)], help_text="Rule 1 is asked first.")
    payer = models.CharField(max_length=8, choices=PAYERS)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=WEEKDAYS), size=7, blank=True, default=list, help_text="None: any day."
    )
    begins = models.TimeField(null=True, blank=True, help_text="On the clock of the charger's place.")
    ends = models.TimeField(null=True, blank=True, help_text="Before it begins: on the next day.")
    location = models.ForeignKey(
        "stations.Location", null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="None: any."
    )
    card_kind = models.CharField("kind of card", max_length=8, choices=CARD_KINDS, blank=True)

    class Meta:
        verbose_name = "rule"
        ordering = ["policy", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "position"],
                name="payer_rule_one_a_position",
                violation_error_message="Two rules have the same place: number them 1, 2, 3.",
            ),
            models.CheckConstraint(
                condition=Q(begins__isnull=True, ends__isnull=True) | Q(begins__isnull=False, ends__isnull=False),
                name="payer_rule_has_both_times_or_none",
                violation_error_message="Name both times or none.",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="payer_rule_at_a_place_of_its_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NEW.location_id IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM contracts_payerpolicy p JOIN contracts_contract c ON c.id = p.contract_id
                        JOIN stations_location l ON l.owner_id = c.seller_id
                        WHERE p.id = NEW.policy_id AND l.id = NEW.location_id
                    ) THEN
                        RAISE EXCEPTION 'a rule names a place of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"Rule {self.position}: {words_of(self.as_rule(), language='en')}"

    def as_rule(self) -> PayerRule:
        return PayerRule(
            payer=Payer(self.payer),
            weekdays=frozenset(self.weekdays),
            begins=self.begins,
            ends=self.ends,
            location=self.location_id,
            place=str(self.location) if self.location else "",
            card_kind=CardKind(self.card_kind) if self.card_kind else None,
        )
