"""Reminders of unpaid invoices, what they cost, and what settles or waives that."""

from decimal import Decimal

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField
from djmoney.money import Money

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only
from apps.payments.models.bank import BankReceipt
from apps.payments.models.payments import Payment


class DunningStep(TenantModel):
    """A reminder that was sent of an invoice; the next one has the next level. What the letter prints is copied here.

    taken_on      the seller's day · due_date: of the invoice
    open_amount   of the invoice, gross · fee: of this reminder, without VAT
    suspends      whether the contract's cards are blocked with it · threatens: whether the next one will block them
    letter        what its letter says besides, null for reminders older than letters: ``fees`` of earlier reminders
                  that are open (level, taken_on, open), ``others``: what else the customer has due (number, due_date,
                  open); amounts and days as strings
    reason        why it was sent · decided_by: who sent it before its day; null: the system did
    """

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    level = models.PositiveSmallIntegerField()
    taken_on = models.DateField()
    due_date = models.DateField()
    currency = models.CharField(max_length=3)
    open_amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    fee = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    is_last = models.BooleanField()
    suspends = models.BooleanField()
    threatens = models.BooleanField()
    letter = models.JSONField(null=True, blank=True, editable=False)
    reason = models.CharField(max_length=200)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField()

    class Meta:
        verbose_name = "reminder"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "level"], name="dunning_step_once_per_invoice_and_level"),
            models.UniqueConstraint(fields=["invoice", "taken_on"], name="dunning_step_once_per_invoice_and_day"),
            models.CheckConstraint(condition=Q(level__gte=1), name="dunning_step_levels_begin_with_one"),
            models.CheckConstraint(condition=Q(fee__gte=0), name="dunning_fee_is_not_negative"),
            models.CheckConstraint(condition=Q(open_amount__gt=0), name="dunning_step_is_of_something_open"),
            models.CheckConstraint(condition=Q(taken_on__gt=F("due_date")), name="dunning_step_is_after_the_due_date"),
            models.CheckConstraint(condition=~Q(reason=""), name="dunning_step_says_why"),
            is_rounded_money("open_amount", "fee", name="dunning_amounts_are_rounded"),
        ]
        triggers = [
            *append_only("dunning_step_append_only", what="reminders"),
            pgtrigger.Trigger(
                name="dunning_step_follows_the_one_before",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM invoices_invoice i WHERE i.id = NEW.invoice_id AND i.status = 'issued'
                        AND i.kind = 'invoice' AND i.contract_id IS NOT NULL AND i.currency = NEW.currency
                        AND i.due_date = NEW.due_date
                        AND NEW.level = 1 + (SELECT count(*) FROM payments_dunningstep WHERE invoice_id = i.id)
                        AND NEW.taken_on > ALL (SELECT taken_on FROM payments_dunningstep WHERE invoice_id = i.id)
                    ) THEN
                        RAISE EXCEPTION 'a reminder is of an issued invoice and follows the one before'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"Reminder {self.level} of {self.invoice}"

    @property
    def days_overdue(self) -> int:
        return (self.taken_on - self.due_date).days

    @property
    def to_pay(self) -> Money:
        """What the letter asks for: what was open of the invoice, and the fees of all its reminders."""
        earlier = sum((Decimal(fee["open"]) for fee in (self.letter or {"fees": []})["fees"]), Decimal(0))
        return self.open_amount + self.fee + Money(earlier, self.currency)


class DunningPause(TenantModel):
    """No reminder of an invoice is sent before ``until``; the latest one counts."""

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    until = models.DateField()
    reason = models.CharField(max_length=200)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="dunning_pause_says_why")]
        triggers = append_only("dunning_pause_append_only", what="pauses of reminders")

    def __str__(self) -> str:
        return f"{self.invoice}: paused until {self.until}"


class FeeWaiver(TenantModel):
    """A reminder's fee is given up, whole and once."""

    TENANT = ("step__invoice__seller", "step__invoice__customer__organisation")

    step = models.OneToOneField(DunningStep, on_delete=models.PROTECT, related_name="waiver")
    reason = models.CharField(max_length=200)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    waived_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="fee_waiver_says_why")]
        triggers = [
            *append_only("fee_waiver_append_only", what="waivers of fees"),
            pgtrigger.Trigger(
                name="fee_waiver_of_a_fee_that_nobody_paid",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM 1 FROM payments_dunningstep WHERE id = NEW.step_id FOR UPDATE;
                    IF EXISTS (SELECT 1 FROM payments_feeallocation WHERE step_id = NEW.step_id)
                       OR NOT EXISTS (SELECT 1 FROM payments_dunningstep WHERE id = NEW.step_id AND fee > 0) THEN
                        RAISE EXCEPTION 'a fee is given up while nothing of it is paid'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step.fee} of {self.step}: {self.reason}"


class FeeAllocation(TenantModel):
    """So much of money that came by bank, or of a card's payment on the invoice's page, settles so much of a fee."""

    TENANT = ("step__invoice__seller", "step__invoice__customer__organisation")

    step = models.ForeignKey(DunningStep, on_delete=models.PROTECT, related_name="allocations")
    bank_receipt = models.ForeignKey(
        BankReceipt, null=True, blank=True, on_delete=models.PROTECT, related_name="fee_allocations"
    )
    payment = models.ForeignKey(
        Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="fee_allocations"
    )
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    allocated_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["step", "bank_receipt"], name="fee_allocation_once_per_fee_and_receipt"),
            models.UniqueConstraint(fields=["step", "payment"], name="fee_allocation_once_per_fee_and_payment"),
            models.CheckConstraint(
                condition=Q(bank_receipt__isnull=False, payment__isnull=True)
                | Q(bank_receipt__isnull=True, payment__isnull=False),
                name="fee_allocation_is_of_one_source",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="fee_allocation_is_more_than_nothing"),
            is_rounded_money("amount", name="fee_allocation_amount_is_rounded"),
        ]
        triggers = [
            *append_only("fee_allocation_append_only", what="allocations to fees"),
            pgtrigger.Trigger(
                name="fee_allocation_within_fee_and_money",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM 1 FROM payments_dunningstep WHERE id = NEW.step_id FOR UPDATE;
                    PERFORM 1 FROM payments_bankreceipt WHERE id = NEW.bank_receipt_id FOR UPDATE;
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_dunningstep s JOIN invoices_invoice i ON i.id = s.invoice_id
                        LEFT JOIN payments_bankreceipt r ON r.id = NEW.bank_receipt_id
                        LEFT JOIN payments_payment p ON p.id = NEW.payment_id
                        WHERE s.id = NEW.step_id AND s.currency = NEW.currency
                        AND NOT EXISTS (SELECT 1 FROM payments_feewaiver WHERE step_id = s.id)
                        AND s.fee >= NEW.amount
                            + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE step_id = s.id)
                        AND (r.currency = NEW.currency AND r.seller_id = i.seller_id AND r.customer_id = i.customer_id
                             AND r.amount >= NEW.amount + payments_receipt_used(r.id)
                             OR p.kind = 'link' AND p.invoice_id = i.id AND p.currency = NEW.currency
                             AND p.amount_received >= NEW.amount
                                + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE payment_id = p.id)
                                + (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE payment_id = p.id)
                                + (SELECT coalesce(sum(amount), 0) FROM payments_refund
                                   WHERE payment_id = p.id AND invoice_id IS NULL AND status <> 'failed')
                                + (SELECT coalesce(sum(f.amount), 0)
                                   FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id
                                   WHERE d.payment_id = p.id AND f.invoice_id IS NULL))
                    ) THEN
                        RAISE EXCEPTION 'an allocation to a fee exceeds the fee or the money, or joins strangers'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for the fee of {self.step}"
