"""What a contract's plan was billed for each period: the charges, each with the line that bills it.

A billed charge is never changed; what a late record changes is charged as the difference (``domain/period.py``).
"""

from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import never_overlap
from apps.core.triggers import frozen
from apps.tariffs.domain.period import LineKind, PeriodLine, line_of


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


class PeriodCharge(TenantModel):
    """One charge of a period, on one invoice line; amount = quantity × price, exact (``domain.period.PeriodLine``).

    position   within the period: two who bill one period at once meet at it
    tax_key    how it is taxed and on which side of the tax it stands (``domain.supplies``)
    first_day, last_day  of a base fee, or what takes one back: the days it is for; null: of anything else, or billed
               before fees in advance were deferred
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

    def as_line(self) -> PeriodLine:
        return line_of(
            kind=LineKind(self.kind),
            quantity=self.quantity,
            price=self.price,
            words=self.words,
            tax_category=self.tax_key,
            owner=self.owner,
        )
