"""What we know of money at Stripe: customers, saved methods, payments, the calls we make, the events we hear.

A payment mirrors one PaymentIntent and changes only by projecting Stripe's object; an operation is one call under one
idempotency key. Invariants: at most one open payment an invoice, one unfinished operation a payment; allocations
never exceed what was received nor what the invoice bills; live and test never mix.
"""

import uuid
from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only, frozen
from apps.payments.domain.status import (
    OPEN_PAYMENT,
    UNFINISHED,
    MethodStatus,
    OperationKind,
    OperationStatus,
    PaymentStatus,
    advance_method,
)
from apps.payments.outcomes import CardSnapshot


def _values(statuses: type[MethodStatus] | type[PaymentStatus] | type[OperationStatus]) -> list[str]:
    return [status.value for status in statuses]


_OPEN = sorted(status.value for status in OPEN_PAYMENT)
_UNFINISHED = sorted(status.value for status in UNFINISHED)


class StripeCustomer(TenantModel):
    """A customer's counterpart at Stripe; written once, when Stripe has made it."""

    TENANT = ("customer__seller", "customer__organisation")

    customer = models.OneToOneField("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    stripe_id = models.CharField(max_length=255, unique=True)
    livemode = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        triggers = frozen("stripe_customer_frozen", what="Stripe customers")

    def __str__(self) -> str:
        return self.stripe_id


class SavedMethod(TenantModel):
    """A card (later a mandate) that a customer saved on Stripe's page; its number never comes here.

    checkout_url  of the page while it is open, so that a second click leads to the same one; blank afterwards
    synced_at     when Stripe's object was last looked at
    """

    TENANT = ("customer__seller", "customer__organisation")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in MethodStatus], default=MethodStatus.REQUESTED
    )
    livemode = models.BooleanField()
    checkout_session_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    payment_method_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    brand = models.CharField(max_length=30, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    expiry_month = models.PositiveSmallIntegerField(null=True, blank=True)
    expiry_year = models.PositiveSmallIntegerField(null=True, blank=True)
    requested_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=_values(MethodStatus)), name="method_status_is_known"),
            # Two clicks at once meet here.
            models.UniqueConstraint(
                fields=["customer"], condition=Q(status="requested"), name="method_one_requested_per_customer"
            ),
            models.UniqueConstraint(
                fields=["customer"], condition=Q(status="active"), name="method_one_active_per_customer"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "failed"], payment_method_id__isnull=True, last4="")
                | (
                    Q(status__in=["active", "detached"], payment_method_id__isnull=False)
                    & Q(checkout_session_id__isnull=False, activated_at__isnull=False)
                    & ~Q(last4="")
                ),
                name="method_known_once_active",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "active"], ended_at__isnull=True)
                | Q(status__in=["failed", "detached"], ended_at__isnull=False),
                name="method_ended_says_when",
            ),
            models.CheckConstraint(
                condition=Q(expiry_month__isnull=True, expiry_year__isnull=True)
                | Q(expiry_month__isnull=False, expiry_year__isnull=False)
                & Q(expiry_month__gte=1, expiry_month__lte=12, expiry_year__gte=2000),
                name="method_expiry_is_a_month",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand.title()} •••• {self.last4}" if self.last4 else f"method {self.pk} ({self.status})"

    def set_active(self, *, card: CardSnapshot, at: datetime) -> None:
        """Make a requested method the customer's own; ``card`` is what may be shown of it."""
        self.status = advance_method(MethodStatus(self.status), MethodStatus.ACTIVE)
        self.payment_method_id = card.stripe_id
        self.brand, self.last4 = card.brand, card.last4
        self.expiry_month, self.expiry_year = card.expiry_month, card.expiry_year
        self.checkout_url = ""
        self.activated_at = self.synced_at = at
        self.save()

    def set_failed(self, *, at: datetime) -> None:
        """End a request that saved nothing."""
        self._end(MethodStatus.FAILED, at)

    def set_detached(self, *, at: datetime) -> None:
        """End an active method: replaced, revoked or removed."""
        self._end(MethodStatus.DETACHED, at)

    def _end(self, status: MethodStatus, at: datetime) -> None:
        self.status = advance_method(MethodStatus(self.status), status)
        self.checkout_url = ""
        self.ended_at = self.synced_at = at
        self.save()

    @property
    def expiry(self) -> str:
        """The month in which the card expires, as printed on it (``12/34``), or nothing."""
        return f"{self.expiry_month:02}/{self.expiry_year % 100:02}" if self.expiry_month and self.expiry_year else ""


class Payment(TenantModel):
    """One wish to be paid an invoice: the mirror of a Stripe PaymentIntent.

    status           Stripe's word, or ``new`` before Stripe has made the intent
    amount           what is asked for, gross; amount_received: what Stripe took, never shrinks
    latest_charge    the last attempt's charge
    failure_*        of the last attempt; the message is for the customer's eyes
    version          grows with each projection, so that an older snapshot never overwrites a newer one
    """

    TENANT = ("seller", "customer__organisation")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at Stripe.")
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=23, choices=[(s.value, s.value) for s in PaymentStatus], default=PaymentStatus.NEW
    )
    livemode = models.BooleanField()
    stripe_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    amount_received = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    latest_charge = models.CharField(max_length=255, blank=True)
    balance_transaction = models.CharField(max_length=255, blank=True)
    failure_code = models.CharField(max_length=80, blank=True)
    failure_advice = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(status__in=_OPEN), name="payment_one_open_per_invoice"
            ),
            models.CheckConstraint(condition=Q(status__in=_values(PaymentStatus)), name="payment_status_is_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(amount_received__gte=0, amount_received__lte=F("amount")),
                name="payment_receives_at_most_its_amount",
            ),
            # An intent that Stripe refused to make is canceled without ever having had an id.
            models.CheckConstraint(
                condition=Q(status="new", stripe_id__isnull=True)
                | Q(status="canceled")
                | (~Q(status__in=["new", "canceled"]) & Q(stripe_id__isnull=False)),
                name="payment_has_an_id_once_made",
            ),
            models.CheckConstraint(
                condition=Q(status="succeeded", amount_received__gt=0, succeeded_at__isnull=False)
                | (~Q(status="succeeded") & Q(succeeded_at__isnull=True)),
                name="payment_succeeded_received_something",
            ),
            is_rounded_money("amount", "amount_received", name="payment_amounts_are_rounded"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="payment_belongs_to_its_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM invoices_invoice i JOIN contracts_customer c ON c.id = i.customer_id
                        WHERE i.id = NEW.invoice_id AND i.kind = 'invoice' AND i.status = 'issued'
                        AND (i.seller_id, i.customer_id, i.currency) = (NEW.seller_id, NEW.customer_id, NEW.currency)
                        AND c.seller_id = NEW.seller_id
                    ) THEN
                        RAISE EXCEPTION 'a payment is for an issued invoice of its seller, customer and currency'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="payment_only_goes_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'payments are never deleted' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.amount_received < OLD.amount_received
                       OR (OLD.stripe_id IS NOT NULL AND NEW.stripe_id IS DISTINCT FROM OLD.stripe_id)
                       OR (OLD.status IN ('succeeded', 'canceled') AND NEW.status <> OLD.status)
                       OR NEW.version < OLD.version
                       OR (NEW.uid, NEW.invoice_id, NEW.livemode) IS DISTINCT FROM
                          (OLD.uid, OLD.invoice_id, OLD.livemode)
                    THEN
                        RAISE EXCEPTION 'a payment never goes back' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"payment {self.pk} of {self.invoice}"


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
    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    method = models.ForeignKey(SavedMethod, null=True, blank=True, on_delete=models.PROTECT, related_name="operations")
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in OperationKind])
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
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=_values(OperationStatus)), name="operation_status_is_known"),
            # Two collections at once meet here.
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(status__in=_UNFINISHED, payment__isnull=False),
                name="operation_one_unfinished_per_payment",
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
                condition=Q(kind="create_customer", payment__isnull=True, method__isnull=True)
                | Q(kind__in=["create_setup_session", "detach_method"], payment__isnull=True, method__isnull=False)
                | Q(kind__in=["create_intent", "update_amount", "confirm_intent"], payment__isnull=False)
                & Q(method__isnull=False)
                | Q(kind="cancel_intent", payment__isnull=False),
                name="operation_names_what_it_acts_on",
            ),
        ]
        triggers = [
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


class Allocation(TenantModel):
    """So much of a payment settles so much of an invoice."""

    TENANT = ("payment__seller", "payment__customer__organisation")

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    allocated_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="allocation_amount_is_positive"),
            is_rounded_money("amount", name="allocation_amount_is_rounded"),
        ]
        triggers = [
            *append_only("allocation_append_only", what="allocations"),
            pgtrigger.Trigger(
                name="allocation_within_payment_and_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # Locks as the services do, invoice before payment, so that two at once see each other's sums.
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_payment p JOIN invoices_invoice i ON i.id = NEW.invoice_id
                        WHERE p.id = NEW.payment_id AND i.kind = 'invoice' AND i.status = 'issued'
                        AND (p.seller_id, p.customer_id, p.currency) = (i.seller_id, i.customer_id, i.currency)
                        AND p.currency = NEW.currency
                        AND p.amount_received >= NEW.amount + (SELECT coalesce(sum(amount), 0)
                            FROM payments_allocation WHERE payment_id = NEW.payment_id)
                        AND i.gross >= NEW.amount + (SELECT coalesce(sum(amount), 0)
                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)
                    ) THEN
                        RAISE EXCEPTION 'an allocation exceeds what was received or billed, or joins strangers'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of payment {self.payment_id} for invoice {self.invoice_id}"
