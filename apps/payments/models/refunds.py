"""What of a payment was given back."""

import uuid

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.payments.domain.status import RefundStatus
from apps.payments.models.balances import restates_its_document
from apps.payments.models.payments import Payment


class Refund(TenantModel):
    """Money of a payment given back; mirrors Stripe's Refund.

    uid         our reference at Stripe, by which it is found before anything is asked again
    origin      CREDIT: what ``credit_note`` left too much · SURPLUS: what was paid beyond what was open, as by two
                ways at once · WALLET: what was left of a top-up · ELSEWHERE: made at Stripe without our asking
    confirmed_by  the second person of a refund above the seller's limit; null: none was needed
    invoice     the document that the money had settled, which is open again by so much; null: it had settled none
    """

    TENANT = ("payment__seller", "payment__customer__organisation")

    class Origin(models.TextChoices):
        CREDIT = "credit", "Credit note"
        SURPLUS = "surplus", "Paid beyond what was open"
        WALLET = "wallet", "Left in the wallet"
        ELSEWHERE = "elsewhere", "Made at Stripe"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at Stripe.")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    origin = models.CharField(max_length=9, choices=Origin.choices, default=Origin.CREDIT)
    invoice = models.ForeignKey("invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    credit_note = models.ForeignKey(
        "invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(
        max_length=9, choices=[(s.value, s.value) for s in RefundStatus], default=RefundStatus.REQUESTED
    )
    stripe_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    reason = models.CharField(max_length=200)
    failure_message = models.CharField(max_length=300, blank=True)
    requested_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="requested", stripe_id__isnull=True, succeeded_at__isnull=True)
                & Q(failed_at__isnull=True)
                | Q(status="pending", stripe_id__isnull=False, succeeded_at__isnull=True, failed_at__isnull=True)
                | Q(status="succeeded", stripe_id__isnull=False, succeeded_at__isnull=False, failed_at__isnull=True)
                | Q(status="failed", failed_at__isnull=False),
                name="refund_times_match_status",
            ),
            models.CheckConstraint(
                condition=Q(origin="credit", invoice__isnull=False, credit_note__isnull=False)
                | Q(origin__in=["surplus", "wallet"], invoice__isnull=True, credit_note__isnull=True)
                | Q(origin="elsewhere", credit_note__isnull=True, stripe_id__isnull=False),
                name="refund_has_the_papers_of_its_origin",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True)
                | Q(requested_by__isnull=False, confirmed_by__isnull=False) & ~Q(confirmed_by=F("requested_by")),
                name="refund_is_confirmed_by_somebody_else",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_is_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_says_why"),
            is_rounded_money("amount", name="refund_amount_is_rounded"),
        ]
        triggers = [
            *frozen(
                "refund_wish_frozen",
                what="refunds",
                exempt=("status", "stripe_id", "failure_message", "succeeded_at", "failed_at"),
            ),
            restates_its_document("refund_restates_its_document"),
            pgtrigger.Trigger(
                name="refund_that_moves_restates_its_document",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="was", new="became"),
                func="""
                    PERFORM payments_restate(ARRAY(
                        SELECT became.invoice_id FROM became JOIN was USING (id)
                        WHERE became.invoice_id IS NOT NULL AND 'succeeded' IN (was.status, became.status)));
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="refund_within_what_was_captured",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # The payment's lock makes two at once see each other's sums. What left Stripe already is never refused.
                condition=pgtrigger.Q(new__origin__in=["credit", "surplus", "wallet"]),
                func="""
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF NOT EXISTS (
                        WITH given AS (
                            SELECT coalesce(sum(amount), 0) AS whole,
                                   coalesce(sum(amount) FILTER (WHERE invoice_id IS NULL), 0) AS of_surplus,
                                   coalesce(sum(amount) FILTER (WHERE invoice_id = NEW.invoice_id), 0) AS of_document
                            FROM payments_refund WHERE payment_id = NEW.payment_id AND status <> 'failed'
                        ), settled AS (
                            SELECT coalesce(sum(amount), 0)
                                   + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation
                                      WHERE payment_id = NEW.payment_id) AS whole,
                                   coalesce(sum(amount) FILTER (WHERE invoice_id = NEW.invoice_id), 0) AS of_document
                            FROM payments_allocation WHERE payment_id = NEW.payment_id
                        )
                        SELECT 1 FROM payments_payment p, given, settled
                        WHERE p.id = NEW.payment_id AND p.currency = NEW.currency
                        AND p.amount_received >= NEW.amount + given.whole
                        AND (NEW.origin = 'wallet' AND p.wallet_id IS NOT NULL
                             OR NEW.origin = 'surplus' AND p.wallet_id IS NULL
                             AND p.amount_received >= NEW.amount + settled.whole + given.of_surplus
                             OR NEW.origin = 'credit' AND settled.of_document >= NEW.amount + given.of_document
                             AND EXISTS (SELECT 1 FROM invoices_invoice n WHERE n.id = NEW.credit_note_id
                                         AND n.credits_id = NEW.invoice_id AND n.status = 'issued'))
                    ) THEN
                        RAISE EXCEPTION 'a refund exceeds what was captured, or lacks its credit note'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="refund_without_disputed_money",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # As above: what left Stripe already is never refused.
                condition=pgtrigger.Q(new__origin__in=["credit", "surplus", "wallet"]),
                func="""
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF (SELECT amount_received FROM payments_payment WHERE id = NEW.payment_id)
                       < NEW.amount
                       + (SELECT coalesce(sum(amount), 0) FROM payments_refund
                          WHERE payment_id = NEW.payment_id AND status <> 'failed')
                       + (SELECT coalesce(sum(amount - beyond), 0) FROM payments_dispute
                          WHERE payment_id = NEW.payment_id
                          AND status IN ('lost', 'needs_response', 'under_review')) THEN
                        RAISE EXCEPTION 'a refund exceeds what disputes leave of what was captured'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="refund_only_goes_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF (OLD.status = 'failed' AND NEW.status <> 'failed')
                       OR (OLD.status <> 'requested' AND NEW.status = 'requested')
                       OR (OLD.stripe_id IS NOT NULL AND NEW.stripe_id IS DISTINCT FROM OLD.stripe_id)
                    THEN
                        RAISE EXCEPTION 'a refund never goes back' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"refund {self.pk} of {self.payment}"
