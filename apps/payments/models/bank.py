"""Money that came by bank, and what of it is sent back."""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.payments.domain.status import RepaymentStatus

_PERSONAL: Final = ("payer", "payer_iban", "reference")


class BankReceipt(TenantModel):
    """A credit on the seller's bank account; what of it settles no document is its customer's credit.

    customer     null until somebody knows whose money it is
    booked_on    the bank's day · payer, payer_iban, reference  as the bank told them
    line_key     what makes the same line of a statement the same, so that it counts once
    recorded_by  who typed it in; null: it was read from a statement
    opening_item of money that came before the seller was here: the credit as which it was brought in, and posted

    The SQL function ``payments_receipt_used`` sums up what of one settles something or goes back, for all triggers.
    Frozen, but for its customer while it is free, and for the payer's own words, which retention may empty.
    """

    TENANT = ("seller", "customer__organisation")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        "contracts.Customer", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    booked_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    payer = models.CharField(max_length=140, blank=True)
    payer_iban = models.CharField("payer's IBAN", max_length=34, blank=True)
    reference = models.CharField(max_length=500, blank=True)
    line_key = models.CharField(max_length=80)
    recorded_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    opening_item = models.OneToOneField(
        "payments.OpeningItem", null=True, blank=True, on_delete=models.PROTECT, related_name="receipt"
    )

    class Meta:
        ordering = ["-booked_on", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "line_key"], name="bank_receipt_once_per_statement_line"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bank_receipt_amount_is_positive"),
            models.CheckConstraint(condition=~Q(line_key=""), name="bank_receipt_has_a_natural_key"),
            is_rounded_money("amount", name="bank_receipt_amount_is_rounded"),
        ]
        triggers = [
            *frozen("bank_receipt_frozen", what="bank receipts", exempt=("customer_id", *_PERSONAL)),
            pgtrigger.Trigger(
                name="bank_receipt_forgets_only",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="".join(
                    f"""
                    IF NEW.{column} NOT IN (OLD.{column}, '') THEN
                        RAISE EXCEPTION 'what the bank told is emptied or kept' USING ERRCODE = 'restrict_violation';
                    END IF;"""
                    for column in _PERSONAL
                )
                + " RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="bank_receipt_of_its_sellers_customer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NEW.opening_item_id IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM payments_openingitem o WHERE o.id = NEW.opening_item_id
                        AND (o.seller_id, o.customer_id, o.currency, o.amount)
                            = (NEW.seller_id, NEW.customer_id, NEW.currency, -NEW.amount)
                    ) THEN
                        RAISE EXCEPTION 'a receipt holds the whole of its opening item'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.customer_id IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM contracts_customer WHERE id = NEW.customer_id AND seller_id = NEW.seller_id
                    ) THEN
                        RAISE EXCEPTION 'a bank receipt is of a customer of its seller'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    IF TG_OP = 'UPDATE' AND NEW.customer_id IS DISTINCT FROM OLD.customer_id AND (
                        (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE bank_receipt_id = NEW.id) <> 0
                        OR EXISTS (SELECT 1 FROM payments_bankrepayment
                                   WHERE bank_receipt_id = NEW.id AND status <> 'withdrawn')
                        OR EXISTS (SELECT 1 FROM payments_feeallocation WHERE bank_receipt_id = NEW.id)
                        OR (SELECT coalesce(sum(amount), 0)
                            FROM payments_openingsettlement WHERE bank_receipt_id = NEW.id) <> 0
                        OR NEW.opening_item_id IS NOT NULL
                    ) THEN
                        RAISE EXCEPTION 'money that settles something keeps its customer'
                        USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.booked_on} from {self.payer or 'an unnamed payer'}"


class BankRepayment(TenantModel):
    """What is left of a bank receipt, to be paid back by bank: a payable until it is executed or withdrawn.

    executed_on  the bank's day on which it left · confirmed_by: the second person of one above the seller's limit
    """

    TENANT = ("bank_receipt__seller", "bank_receipt__customer__organisation")

    bank_receipt = models.ForeignKey(BankReceipt, on_delete=models.PROTECT, related_name="repayments")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    reason = models.CharField(max_length=200)
    status = models.CharField(
        max_length=9, choices=[(s.value, s.value) for s in RepaymentStatus], default=RepaymentStatus.REQUESTED
    )
    requested_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    confirmed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    executed_on = models.DateField(null=True, blank=True)
    ended_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="bank_repayment_amount_is_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="bank_repayment_says_why"),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True)
                | Q(requested_by__isnull=False, confirmed_by__isnull=False) & ~Q(confirmed_by=F("requested_by")),
                name="bank_repayment_is_confirmed_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", executed_on__isnull=True, ended_at__isnull=True)
                | Q(status="executed", executed_on__isnull=False, ended_at__isnull=False)
                | Q(status="withdrawn", executed_on__isnull=True, ended_at__isnull=False),
                name="bank_repayment_days_match_status",
            ),
            is_rounded_money("amount", name="bank_repayment_amount_is_rounded"),
        ]
        triggers = [
            *frozen(
                "bank_repayment_wish_frozen",
                what="bank repayments",
                exempt=("status", "confirmed_by_id", "executed_on", "ended_by_id", "ended_at"),
            ),
            *frozen("bank_repayment_frozen_when_ended", what="ended repayments", once="OLD.status <> 'requested'"),
            pgtrigger.Trigger(
                name="bank_repayment_within_its_receipt",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # The receipt's lock makes two at once, and an allocation beside them, see each other's sums.
                func="""
                    PERFORM 1 FROM payments_bankreceipt WHERE id = NEW.bank_receipt_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_bankreceipt r WHERE r.id = NEW.bank_receipt_id
                        AND r.currency = NEW.currency
                        AND r.amount >= NEW.amount + payments_receipt_used(r.id)
                    ) THEN
                        RAISE EXCEPTION 'a repayment exceeds what is left of its receipt'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} back to {self.bank_receipt.payer or self.bank_receipt.customer}"
