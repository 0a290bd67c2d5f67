"""What customers' banks take back, what we answer, and what of a loss was the customer's anyway."""

from datetime import datetime
from typing import Final

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only, frozen
from apps.payments.domain.disputes import ANSWERABLE, DISPUTE_ENDS, MONEY_AWAY, DisputeStatus
from apps.payments.models.balances import restates_its_document
from apps.payments.models.payments import Payment

_ENDS_IN_SQL: Final = ", ".join(f"'{status.value}'" for status in sorted(DISPUTE_ENDS))


class Dispute(TenantModel):
    """The mirror of a Stripe Dispute of one payment, and our answer to it.

    beyond        what of the amount exceeds what the payment brought and did not give back by refunds and other
                  disputes; always zero where Stripe is right, and told by the audit where not
    due_by        until when the bank takes an answer; null where nobody may object
    evidence      what is told the bank, text by Stripe's field; ``prepared_at``: when our facts were put together
    submitted_at  when it had gone to the bank; frozen from then on
    """

    TENANT = ("payment__seller", "payment__customer__organisation")

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    stripe_id = models.CharField(max_length=255, unique=True)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    beyond = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    reason = models.CharField(max_length=60)
    status = models.CharField(max_length=24, choices=[(s.value, s.value.replace("_", " ")) for s in DisputeStatus])
    opened_at = models.DateTimeField()
    due_by = models.DateTimeField("answer by", null=True, blank=True)
    evidence = models.JSONField(default=dict, blank=True)
    prepared_at = models.DateTimeField(null=True, blank=True)
    edited_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["due_by"], condition=Q(status__in=sorted(s.value for s in ANSWERABLE)), name="dispute_to_answer"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in DisputeStatus]), name="dispute_status_is_known"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(beyond__gte=0, beyond__lte=F("amount")), name="dispute_beyond_is_a_part_of_it"
            ),
            is_rounded_money("amount", "beyond", name="dispute_amounts_are_rounded"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(s.value for s in DISPUTE_ENDS), closed_at__isnull=False)
                | ~Q(status__in=sorted(s.value for s in DISPUTE_ENDS)) & Q(closed_at__isnull=True),
                name="dispute_closed_says_when",
            ),
        ]
        triggers = [
            *frozen(
                "dispute_frozen_as_opened",
                what="disputes",
                exempt=(
                    "amount",
                    "beyond",
                    "reason",
                    "status",
                    "due_by",
                    "evidence",
                    "prepared_at",
                    "edited_by_id",
                    "submitted_at",
                    "closed_at",
                    "synced_at",
                ),
            ),
            pgtrigger.Trigger(
                name="dispute_within_what_was_captured",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__status__in=sorted(s.value for s in MONEY_AWAY)),
                # The payment's lock makes two at once see each other's sums.
                func="""
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_payment p WHERE p.id = NEW.payment_id AND p.currency = NEW.currency
                        AND p.amount_received >= NEW.amount - NEW.beyond
                            + (SELECT coalesce(sum(amount), 0) FROM payments_refund
                               WHERE payment_id = NEW.payment_id AND status IN ('pending', 'succeeded'))
                            + (SELECT coalesce(sum(amount - beyond), 0) FROM payments_dispute
                               WHERE payment_id = NEW.payment_id AND id <> NEW.id
                               AND status IN ('lost', 'needs_response', 'under_review'))
                    ) THEN
                        RAISE EXCEPTION 'a dispute exceeds what was captured and not refunded'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="dispute_only_goes_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"""
                    IF (OLD.status IN ({_ENDS_IN_SQL}) AND NEW.status <> OLD.status)
                       OR (OLD.submitted_at IS NOT NULL AND (NEW.evidence, NEW.submitted_at, NEW.edited_by_id)
                           IS DISTINCT FROM (OLD.evidence, OLD.submitted_at, OLD.edited_by_id))
                    THEN
                        RAISE EXCEPTION 'a dispute never goes back' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"dispute {self.pk} of {self.payment}"

    @property
    def is_answerable(self) -> bool:
        return self.status in ANSWERABLE and self.submitted_at is None

    def set_evidence(self, evidence: dict[str, str], *, at: datetime) -> None:
        """Keep the texts; the caller saves."""
        self.evidence = evidence
        self.prepared_at = self.prepared_at or at


class FetchedBack(TenantModel):
    """What a lost dispute took of what a document was paid, which is open again for so much, or of a surplus.

    Kept with the dispute's loss, whose receivable is the sum of these. A top-up has none: its wallet pays for it.

    invoice  the document that the money had settled; null: a surplus, it had settled none
    """

    TENANT = ("dispute__payment__seller", "dispute__payment__customer__organisation")

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="fetched_back")
    invoice = models.ForeignKey("invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    fetched_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "invoice"], nulls_distinct=False, name="fetched_back_once_of_each_document"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="fetched_back_amount_is_positive"),
            is_rounded_money("amount", name="fetched_back_amount_is_rounded"),
        ]
        triggers = [
            *append_only("fetched_back_append_only", what="amounts that were fetched back"),
            restates_its_document("fetched_back_restates_its_document"),
            pgtrigger.Trigger(
                name="fetched_back_within_what_was_paid",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # It locks as the services do, document before money. A refund of this payment that is only asked for
                # counts for nothing: its money is gone.
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    PERFORM 1 FROM payments_payment p JOIN payments_dispute d ON d.payment_id = p.id
                        WHERE d.id = NEW.dispute_id FOR UPDATE OF p;
                    IF NOT EXISTS (
                        WITH refunded AS (
                            SELECT r.* FROM payments_refund r WHERE r.status IN ('pending', 'succeeded')
                        ), fetched AS (
                            SELECT f.*, d.payment_id
                            FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id
                        )
                        SELECT 1 FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id
                        LEFT JOIN invoices_invoice i ON i.id = NEW.invoice_id
                        WHERE d.id = NEW.dispute_id AND d.status = 'lost' AND p.wallet_id IS NULL
                        AND d.currency = NEW.currency
                        AND d.amount - d.beyond >= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM fetched
                            WHERE dispute_id = d.id)
                        AND (NEW.invoice_id IS NOT NULL OR p.amount_received - p.amount_returned >= NEW.amount
                            + (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE payment_id = p.id)
                            + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE payment_id = p.id)
                            + (SELECT coalesce(sum(amount), 0) FROM refunded
                               WHERE payment_id = p.id AND invoice_id IS NULL)
                            + (SELECT coalesce(sum(amount), 0) FROM fetched
                               WHERE payment_id = p.id AND invoice_id IS NULL))
                        AND (NEW.invoice_id IS NULL OR i.currency = NEW.currency
                            AND (SELECT coalesce(sum(amount), 0) FROM payments_allocation
                                 WHERE payment_id = p.id AND invoice_id = i.id)
                                >= NEW.amount
                                + (SELECT coalesce(sum(amount), 0) FROM refunded
                                   WHERE payment_id = p.id AND invoice_id = i.id)
                                + (SELECT coalesce(sum(amount), 0) FROM fetched
                                   WHERE payment_id = p.id AND invoice_id = i.id))
                    ) THEN
                        RAISE EXCEPTION 'a dispute fetches back more than was paid'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.invoice or self.dispute.payment}"
