"""An owner's part of a payment that a platform collected, on its way to the owner's connected account, or back."""

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.payments.domain.status import TransferStatus
from apps.payments.models.payments import Payment
from apps.payments.models.refunds import Refund


class Transfer(TenantModel):
    """Money of a payment that becomes the owner's at Stripe (Transfer); or, with ``reverses``, its way back (reversal).

    uid          our reference at Stripe, by which it is found before anything is asked again
    payment      whose charge the money comes from (``source_transaction``)
    reverses     the transfer a reversal takes back a part of, for ``refund``
    destination  the owner's connected account
    """

    TENANT = ("platform", "owner")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at Stripe.")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="transfers")
    platform = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    reverses = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversals")
    refund = models.ForeignKey(Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    destination = models.CharField(max_length=255)
    status = models.CharField(
        max_length=9, choices=[(s.value, s.value) for s in TransferStatus], default=TransferStatus.REQUESTED
    )
    stripe_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    failure_message = models.CharField(max_length=300, blank=True)
    requested_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(reverses__isnull=True) & ~Q(status="failed"),
                name="transfer_one_standing_per_payment",
            ),
            models.UniqueConstraint(
                fields=["refund"],
                condition=Q(reverses__isnull=False) & ~Q(status="failed"),
                name="transfer_one_reversal_standing_per_refund",
            ),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True, refund__isnull=True)
                | Q(reverses__isnull=False, refund__isnull=False),
                name="transfer_is_reversed_for_a_refund",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", stripe_id__isnull=True, succeeded_at__isnull=True)
                & Q(failed_at__isnull=True)
                | Q(status="succeeded", stripe_id__isnull=False, succeeded_at__isnull=False, failed_at__isnull=True)
                | Q(status="failed", stripe_id__isnull=True, succeeded_at__isnull=True, failed_at__isnull=False),
                name="transfer_times_match_status",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_amount_is_positive"),
            models.CheckConstraint(condition=~Q(destination=""), name="transfer_has_a_destination"),
            is_rounded_money("amount", name="transfer_amount_is_rounded"),
        ]
        triggers = [
            *frozen(
                "transfer_wish_frozen",
                what="transfers",
                exempt=("status", "stripe_id", "failure_message", "succeeded_at", "failed_at"),
            ),
            *frozen("transfer_frozen_when_ended", what="ended transfers", once="OLD.status <> 'requested'"),
            pgtrigger.Trigger(
                name="transfer_within_what_was_collected",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # The payment's lock makes two at once see each other's sums.
                func="""
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_payment p WHERE p.id = NEW.payment_id
                        AND (p.collector_id, p.seller_id, p.currency)
                            = (NEW.platform_id, NEW.owner_id, NEW.currency)
                        AND p.amount_received >= NEW.amount
                    ) OR NEW.reverses_id IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM payments_transfer t WHERE t.id = NEW.reverses_id
                        AND t.payment_id = NEW.payment_id AND t.reverses_id IS NULL AND t.status = 'succeeded'
                        AND t.destination = NEW.destination
                        AND t.amount >= NEW.amount + (SELECT coalesce(sum(r.amount), 0) FROM payments_transfer r
                            WHERE r.reverses_id = t.id AND r.status <> 'failed')
                    ) THEN
                        RAISE EXCEPTION 'a transfer exceeds what was collected, or joins strangers'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{'reversal' if self.reverses_id else 'transfer'} {self.pk} of {self.payment}"
