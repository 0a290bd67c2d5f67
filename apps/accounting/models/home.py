"""Charging at home paid back: a driver's month, what it lists, the payment of it, and what the fleet has paid for it.

No supply and no invoice: what is due to the driver and due from the fleet. A listed record is listed once; what a later
revision changes is a line of the difference in the month it is found.
"""

import pgtrigger
from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounting.domain.home import HomePayoutStatus
from apps.accounts.tenancy import TenantModel
from apps.core.constraints import has_usual_day, is_rounded_money
from apps.core.triggers import append_only, frozen


def _money() -> MoneyField:
    return MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")


class HomeFile(TenantModel):
    """A file by which drivers are paid, as it was made: pain.001 for the bank, or a list for the employer's payroll."""

    TENANT = ("seller",)

    class Kind(models.TextChoices):
        PAIN001 = "pain001", "Bank (pain.001)"
        PAYROLL = "payroll", "Payroll list (CSV)"

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    message_id = models.CharField(max_length=35, unique=True)
    execution_date = models.DateField(help_text="On which the drivers are to be paid.")
    content = models.BinaryField()
    made_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = "file that pays drivers"
        verbose_name_plural = "files that pay drivers"
        ordering = ["-pk"]
        triggers = append_only("home_file_append_only", what="files that pay drivers")

    def __str__(self) -> str:
        return self.message_id


class HomePayout(TenantModel):
    """One payment to a driver, of one statement or several, asked for in one file.

    in_file → paid | returned; paid → returned. What came back is due again, by another payout.
    """

    TENANT = ("driver__agreement__contract__seller", "driver__agreement__contract__customer__organisation")

    driver = models.ForeignKey("contracts.HomeDriver", on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(HomeFile, on_delete=models.PROTECT, related_name="payouts")
    status = models.CharField(
        max_length=8, choices=[(s.value, s.value) for s in HomePayoutStatus], default=HomePayoutStatus.IN_FILE
    )
    currency = models.CharField(max_length=3)
    amount = _money()
    paid_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it came back.")
    noted_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "payment to a driver"
        verbose_name_plural = "payments to drivers"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["driver", "file"], name="home_payout_once_a_file"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="home_payout_is_positive"),
            models.CheckConstraint(
                condition=Q(status="in_file", paid_at__isnull=True, returned_at__isnull=True)
                | Q(status="paid", paid_at__isnull=False, returned_at__isnull=True)
                | Q(status="returned", returned_at__isnull=False) & ~Q(reason=""),
                name="home_payout_times_match_status",
            ),
            is_rounded_money("amount", name="home_payout_is_rounded"),
        ]
        triggers = [
            *frozen(
                "home_payout_wish_frozen",
                what="payments to drivers",
                exempt=("status", "paid_at", "returned_at", "reason", "noted_by_id"),
            ),
            *frozen("home_payout_frozen_when_returned", what="returned payments", once="OLD.status = 'returned'"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} to {self.driver}"


class HomeStatement(TenantModel):
    """A driver's month: what charging at home is worth to them, and is due from the fleet. One a driver and month.

    amount  the sum of its lines, below zero where corrections outweigh
    payout  that pays it; null = none does, or it came back
    """

    TENANT = ("driver__agreement__contract__seller", "driver__agreement__contract__customer__organisation")

    driver = models.ForeignKey("contracts.HomeDriver", on_delete=models.PROTECT, related_name="+")
    month = models.DateField(help_text="Its first day.")
    currency = models.CharField(max_length=3)
    amount = _money()
    energy_milliwh = models.BigIntegerField()
    payout = models.ForeignKey(HomePayout, null=True, blank=True, on_delete=models.PROTECT, related_name="statements")
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = "statement of charging at home"
        verbose_name_plural = "statements of charging at home"
        ordering = ["-month", "driver"]
        constraints = [
            models.UniqueConstraint(fields=["driver", "month"], name="home_statement_once_a_month"),
            models.CheckConstraint(condition=Q(month__day=1), name="home_statement_is_of_a_month"),
            is_rounded_money("amount", name="home_statement_is_rounded"),
        ]
        triggers = [
            *frozen("home_statement_frozen", what="statements of charging at home", exempt=("payout_id",)),
            pgtrigger.Trigger(
                name="home_statement_is_its_lines",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF (NEW.amount, NEW.energy_milliwh) <> (
                        SELECT coalesce(sum(amount), 0), coalesce(sum(energy_milliwh), 0)
                        FROM accounting_homeline WHERE statement_id = NEW.id
                    ) THEN
                        RAISE EXCEPTION 'a statement is the sum of its lines' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="home_statement_paid_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF OLD.payout_id IS DISTINCT FROM NEW.payout_id AND (
                        EXISTS (SELECT 1 FROM accounting_homepayout p
                                WHERE p.id = OLD.payout_id AND p.status <> 'returned')
                        OR EXISTS (SELECT 1 FROM accounting_homepayout p
                                   WHERE p.id = NEW.payout_id AND p.driver_id <> NEW.driver_id)
                    ) THEN
                        RAISE EXCEPTION 'a statement is paid once, to its driver' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.driver}, {self.month:%B %Y}"


class HomeLine(TenantModel):
    """A charge record of purpose ``reimbursement``, or what a later revision changed of one listed before.

    amount, energy_milliwh  of the record, less what earlier revisions of its session are listed with
    """

    TENANT = (
        "statement__driver__agreement__contract__seller",
        "statement__driver__agreement__contract__customer__organisation",
    )

    statement = models.ForeignKey(HomeStatement, on_delete=models.PROTECT, related_name="lines")
    cdr = models.OneToOneField("charging_sessions.Cdr", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = _money()
    energy_milliwh = models.BigIntegerField()
    is_correction = models.BooleanField()

    class Meta:
        ordering = ["statement", "cdr__started_at", "pk"]
        constraints = [is_rounded_money("amount", name="home_line_is_rounded")]
        triggers = append_only("home_line_append_only", what="lines of statements")

    def __str__(self) -> str:
        return f"{self.cdr}: {self.amount}"


class HomeReceipt(TenantModel):
    """Money that a fleet has paid for its drivers, noted by a person from the bank statement. key: natural, theirs"""

    TENANT = ("agreement__contract__seller", "agreement__contract__customer__organisation")

    agreement = models.ForeignKey("contracts.HomeAgreement", on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=70, help_text="As the bank statement names it; once for each agreement.")
    received_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount = _money()
    noted_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    noted_at = models.DateTimeField()

    class Meta:
        verbose_name = "money from a fleet"
        verbose_name_plural = "money from fleets"
        ordering = ["-received_on", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "reference"], name="home_receipt_once_a_reference"),
            models.CheckConstraint(condition=~Q(amount=0) & ~Q(reference=""), name="home_receipt_is_something"),
            has_usual_day("received_on", name="home_receipt_has_a_usual_year"),
            is_rounded_money("amount", name="home_receipt_is_rounded"),
        ]
        triggers = append_only("home_receipt_append_only", what="money from fleets")

    def __str__(self) -> str:
        return f"{self.amount} of {self.agreement}"
