"""The calls we make to Stripe and the events we hear from it."""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import frozen
from apps.payments.domain.status import UNFINISHED, OperationKind, OperationStatus
from apps.payments.domain.status_words import operation_in_words
from apps.payments.models.disputes import Dispute
from apps.payments.models.methods import SavedMethod
from apps.payments.models.payments import Payment
from apps.payments.models.refunds import Refund
from apps.payments.models.transfers import Transfer

_UNFINISHED: Final = sorted(status.value for status in UNFINISHED)


class PaymentOperation(TenantModel):
    """One call to Stripe under one idempotency key. What is sent is frozen with the key; ended ones are frozen whole.

    params         what the call sends, amounts in Stripe's minor units; no secret
    is_look_first  Stripe answered 5xx: the next attempt looks whether it was done before anything is sent again
    charge_before  the payment's latest charge when the call was asked for; another one later shows an attempt was made
    retry_of       the operation whose key Stripe has spent on a failure that did nothing; this one has the next key
    next_try_at    when the janitor drives it; moved on before each attempt, so that two never drive at once
    first_sent_at  from when on Stripe may know the key
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        "contracts.Customer", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    method = models.ForeignKey(SavedMethod, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    refund = models.ForeignKey(Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    transfer = models.ForeignKey(Transfer, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    dispute = models.ForeignKey(Dispute, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    kind = models.CharField(max_length=24, choices=[(k.value, k.value) for k in OperationKind])
    idempotency_key = models.CharField(max_length=64, unique=True)
    params = models.JSONField(default=dict)
    livemode = models.BooleanField()
    charge_before = models.CharField(max_length=255, blank=True)
    retry_of = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="retried_by", editable=False
    )
    status = models.CharField(
        max_length=8, choices=[(s.value, s.value) for s in OperationStatus], default=OperationStatus.PENDING
    )
    is_look_first = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True, blank=True)
    first_sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(status__in=_UNFINISHED), name="operation_due"),
            models.Index(fields=["seller", "created_at"], name="operation_by_seller_and_time"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in OperationStatus]), name="operation_status_is_known"
            ),
            # Two collections at once meet here.
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(status__in=_UNFINISHED, payment__isnull=False),
                name="operation_one_unfinished_per_payment",
            ),
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(kind="capture_intent", status="done"),
                name="operation_one_capture_done_per_hold",
            ),
            models.UniqueConstraint(
                fields=["customer", "kind"],
                condition=Q(status__in=_UNFINISHED, kind__in=["create_customer", "create_setup_session"]),
                name="operation_one_setup_step_per_customer",
            ),
            models.CheckConstraint(
                condition=Q(status__in=_UNFINISHED, ended_at__isnull=True, next_try_at__isnull=False)
                | Q(status__in=["done", "rejected"], ended_at__isnull=False, next_try_at__isnull=True),
                name="operation_is_due_or_ended",
            ),
            models.CheckConstraint(
                condition=Q(kind="create_customer", customer__isnull=False)
                & Q(payment__isnull=True, method__isnull=True, refund__isnull=True)
                | Q(kind__in=["create_setup_session", "detach_method"], customer__isnull=False)
                & Q(payment__isnull=True, method__isnull=False, refund__isnull=True)
                | Q(kind__in=["create_intent", "update_amount", "confirm_intent"], customer__isnull=False)
                & Q(payment__isnull=False, method__isnull=False, refund__isnull=True)
                | Q(kind="capture_intent", customer__isnull=True)
                & Q(payment__isnull=False, method__isnull=True, refund__isnull=True)
                | Q(kind__in=["create_payment_session", "expire_session"], payment__isnull=False)
                & Q(method__isnull=True, refund__isnull=True)
                | Q(kind="cancel_intent", payment__isnull=False, method__isnull=True, refund__isnull=True)
                | Q(kind="create_refund", payment__isnull=False, method__isnull=True, refund__isnull=False)
                | Q(kind__in=["create_transfer", "reverse_transfer"], customer__isnull=True)
                & Q(payment__isnull=True, method__isnull=True, refund__isnull=True)
                | Q(kind="update_dispute", payment__isnull=False, method__isnull=True, refund__isnull=True),
                name="operation_names_what_it_acts_on",
            ),
            models.CheckConstraint(
                condition=Q(kind="update_dispute", dispute__isnull=False)
                | ~Q(kind="update_dispute") & Q(dispute__isnull=True),
                name="operation_answers_a_dispute",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["create_transfer", "reverse_transfer"], transfer__isnull=False)
                | ~Q(kind__in=["create_transfer", "reverse_transfer"]) & Q(transfer__isnull=True),
                name="operation_moves_a_transfer",
            ),
            models.UniqueConstraint(
                fields=["transfer"],
                condition=Q(status__in=[*_UNFINISHED, "done"], transfer__isnull=False),
                name="operation_one_standing_per_transfer",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="operation_captures_for_a_receipt",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__kind="capture_intent"),
                # That the receipt is issued and its session settled is refused where the attempt names it.
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_payment p JOIN payments_paymentattempt a ON a.id = p.attempt_id
                        WHERE p.id = NEW.payment_id AND p.kind = 'hold' AND a.receipt_id IS NOT NULL
                    ) THEN
                        RAISE EXCEPTION 'a hold is captured only for a receipt' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            *frozen(
                "operation_call_frozen",
                what="calls to Stripe",
                exempt=(
                    "status",
                    "is_look_first",
                    "attempts",
                    "next_try_at",
                    "first_sent_at",
                    "ended_at",
                    "error",
                ),
            ),
            *frozen("operation_frozen_when_ended", what="ended operations", once="OLD.ended_at IS NOT NULL"),
        ]

    @property
    def asks(self) -> str:
        """Say what the call is for, to people of the console."""
        return operation_in_words(self.kind)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} ({self.status})"


class StripeEvent(TenantModel):
    """A verified webhook as it arrived: a hint at which object to look, nothing more.

    seller  whose object it was about, once known
    error   why it is not processed yet, or that it is about nothing of ours
    """

    TENANT = ("seller",)

    seller = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    stripe_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=120)
    livemode = models.BooleanField()
    api_version = models.CharField(max_length=60, blank=True)
    payload = models.JSONField()
    received_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(processed_at__isnull=True), name="event_due"),
            models.Index(fields=["seller", "received_at"], name="event_by_seller_and_time"),
            models.Index(fields=["seller", "type"], name="event_by_seller_and_type"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(processed_at__isnull=True, next_try_at__isnull=False)
                | Q(processed_at__isnull=False, next_try_at__isnull=True),
                name="event_is_due_or_processed",
            )
        ]
        triggers = frozen(
            "event_frozen_as_received",
            what="received events",
            exempt=("seller_id", "attempts", "next_try_at", "processed_at", "error"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_id}"
