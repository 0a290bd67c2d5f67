"""Customers and the methods they saved, as Stripe keeps them."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import frozen
from apps.payments.domain.status import MethodStatus, advance_method
from apps.payments.outcomes import CardSnapshot


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
