"""Customers and the methods they saved, as Stripe keeps them."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import frozen
from apps.payments.domain.status import MethodEnd, MethodKind, MethodStatus, advance_method
from apps.payments.outcomes import MethodSnapshot


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
    """A card or a bank account that a customer saved on Stripe's page; its number never comes here.

    brand, expiry_*     of a card
    bank_code, country, mandate_*  of a bank account; the reference is on every debit's announcement
    ended_why     why one that was active is not any more; blank while it is, and where none was saved
    checkout_url  of the page while it is open, so that a second click leads to the same one; blank afterwards
    synced_at     when Stripe's object was last looked at
    """

    TENANT = ("customer__seller", "customer__organisation")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in MethodStatus], default=MethodStatus.REQUESTED
    )
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in MethodKind], default=MethodKind.CARD)
    livemode = models.BooleanField()
    checkout_session_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    payment_method_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    brand = models.CharField(max_length=30, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    expiry_month = models.PositiveSmallIntegerField(null=True, blank=True)
    expiry_year = models.PositiveSmallIntegerField(null=True, blank=True)
    bank_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, blank=True)
    mandate_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    mandate_reference = models.CharField(max_length=60, blank=True)
    ended_why = models.CharField(max_length=8, choices=[(w.value, w.value) for w in MethodEnd], blank=True)
    requested_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in MethodStatus]), name="method_status_is_known"
            ),
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
                condition=Q(kind="card", mandate_id__isnull=True, bank_code="", mandate_reference="")
                | Q(kind="sepa_debit", mandate_id__isnull=False, expiry_month__isnull=True, brand="")
                & ~Q(mandate_reference=""),
                name="method_is_a_card_or_has_a_mandate",
            ),
            models.CheckConstraint(
                condition=Q(ended_why="") | Q(status="detached", ended_why__in=[w.value for w in MethodEnd]),
                name="method_ended_says_why",
            ),
            models.CheckConstraint(
                condition=Q(expiry_month__isnull=True, expiry_year__isnull=True)
                | Q(expiry_month__isnull=False, expiry_year__isnull=False)
                & Q(expiry_month__gte=1, expiry_month__lte=12, expiry_year__gte=2000),
                name="method_expiry_is_a_month",
            ),
        ]

    def __str__(self) -> str:
        if not self.last4:
            return f"method {self.pk} ({self.status})"
        # As printed on a statement: DE•• 3000.
        return f"{self.country}•• {self.last4}" if self.is_debit else f"{self.brand.title()} •••• {self.last4}"

    @property
    def is_debit(self) -> bool:
        """Whether it is a bank account, debited under a mandate."""
        return self.kind == MethodKind.SEPA_DEBIT

    def set_active(self, *, saved: MethodSnapshot, at: datetime) -> None:
        """Make a requested method the customer's own; ``saved`` is what may be shown of it."""
        self.status = advance_method(MethodStatus(self.status), MethodStatus.ACTIVE)
        self.payment_method_id = saved.stripe_id
        self.kind = saved.kind
        if saved.mandate is not None:
            self.mandate_id, self.mandate_reference = saved.mandate.stripe_id, saved.mandate.reference
        self.checkout_url = ""
        self.set_shown(saved)
        self.activated_at = self.synced_at = at
        self.save()

    def set_shown(self, saved: MethodSnapshot) -> None:
        """Take over what may be shown of it; the caller saves."""
        self.brand, self.last4 = saved.brand, saved.last4
        self.expiry_month, self.expiry_year = saved.expiry_month, saved.expiry_year
        self.bank_code, self.country = saved.bank_code, saved.country

    def set_failed(self, *, at: datetime) -> None:
        """End a request that saved nothing."""
        self._end(MethodStatus.FAILED, at)

    def set_detached(self, *, why: MethodEnd, at: datetime) -> None:
        """End an active method."""
        self.ended_why = why
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
