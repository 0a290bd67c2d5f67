"""What a contract's plan was billed for each period: the charges, each with the line that bills it.

A billed charge is never changed; what a late record changes is charged as the difference (``services/plans.py``).
What was credited in full is not billed again by itself, unless somebody says so (``BilledAgain``).
"""

from datetime import timedelta

import pgtrigger
from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.plans import Days
from apps.core.constraints import never_overlap
from apps.core.triggers import append_only, frozen
from apps.tariffs.domain.period import LineKind, PeriodLine, line_of

IS_FEE = Q(kind=LineKind.BASE_FEE.value) | Q(takes_back__kind=LineKind.BASE_FEE.value)
"""Charges that are a base fee, or take one back."""


class BilledPeriod(TenantModel):
    """A billing period of a contract with a plan.

    last_day   local, of the seller
    is_closed  it is over and all that was due of it is billed; a record that comes later is found by its own days
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField()
    last_day = models.DateField()
    is_closed = models.BooleanField(default=False)

    class Meta:
        ordering = ["contract", "first_day"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "first_day"], name="billed_period_once_per_contract"),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="billed_period_is_forward"),
            never_overlap("contract", end="last_day", is_last=True, name="billed_period_overlaps_none"),
        ]

    def __str__(self) -> str:
        return f"{self.first_day} to {self.last_day}"

    @property
    def days(self) -> Days:
        return Days(first=self.first_day, end=self.last_day + timedelta(days=1))


class PeriodCharge(TenantModel):
    """One charge of a period, on one invoice line; amount = quantity × price, exact (``domain.period.PeriodLine``).

    position   within the period: two who bill one period at once meet at it
    tax_key    how it is taxed and on which side of the tax it stands (``domain.supplies``)
    takes_back  the charge of its period that it takes back, as far as that was not credited; null: none
    first_day, last_day  the days it is for; null: billed before they were kept
    """

    TENANT = ("period__contract__seller", "period__contract__customer__organisation")

    period = models.ForeignKey(BilledPeriod, on_delete=models.PROTECT, related_name="charges")
    position = models.PositiveIntegerField()
    line = models.OneToOneField("invoices.InvoiceLine", on_delete=models.CASCADE, related_name="period_charge")
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in LineKind])
    words = models.CharField(max_length=240)
    quantity = models.DecimalField(max_digits=24, decimal_places=12)
    price = models.DecimalField(max_digits=24, decimal_places=12)
    tax_key = models.CharField(max_length=40)
    owner = models.CharField(max_length=40, blank=True)
    takes_back = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="taken_back_by"
    )
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["period", "position"]
        constraints = [
            models.CheckConstraint(
                condition=Q(first_day__isnull=True, last_day__isnull=True)
                | Q(first_day__isnull=False, last_day__isnull=False, last_day__gte=F("first_day")),
                name="period_charge_days_are_both_or_none",
            ),
            models.UniqueConstraint(fields=["period", "position"], name="period_charge_once_per_position"),
            models.CheckConstraint(
                condition=Q(takes_back__isnull=True) | Q(kind=LineKind.REVERSAL.value),
                name="period_charge_that_takes_back_says_so",
            ),
        ]
        triggers = frozen(
            "period_charge_frozen_when_issued",
            what="charges of issued documents",
            once="""EXISTS (
                SELECT 1 FROM invoices_invoiceline line JOIN invoices_invoice invoice ON invoice.id = line.invoice_id
                WHERE line.id = OLD.line_id AND invoice.status = 'issued')""",
        )

    def __str__(self) -> str:
        return self.words

    @property
    def days(self) -> Days:
        """The days it is for: its period's where its own were not kept."""
        first, last = self.first_day or self.period.first_day, self.last_day or self.period.last_day
        return Days(first=first, end=last + timedelta(days=1))

    @property
    def is_fee(self) -> bool:
        """Whether it is a base fee, or takes one back."""
        kinds = {self.kind, self.takes_back.kind if self.takes_back else ""}
        return LineKind.BASE_FEE.value in kinds

    def as_line(self) -> PeriodLine:
        return line_of(
            kind=LineKind(self.kind),
            quantity=self.quantity,
            price=self.price,
            words=self.words,
            tax_category=self.tax_key,
            owner=self.owner,
        )


class BilledAgain(TenantModel):
    """Somebody's word that what an invoice listed is due again: all of it is credited, its charges count no more."""

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.PROTECT, related_name="billed_again")
    reason = models.CharField(max_length=200)
    at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="billed_again_says_why")]
        triggers = [
            *append_only("billed_again_append_only", what="words that an invoice is billed again"),
            pgtrigger.Trigger(
                name="billed_again_after_all_is_credited",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM invoices_invoiceline line WHERE line.invoice_id = NEW.invoice_id
                        AND coalesce(line.gross, line.net) IS DISTINCT FROM (
                            SELECT -sum(coalesce(part.gross, part.net)) FROM invoices_invoiceline part
                            WHERE part.credits_id = line.id
                        )
                    ) THEN
                        RAISE EXCEPTION 'an invoice is billed again after all of it is credited'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.reason}"
