"""Webhooks: where an organisation wants to be told, what waits for it, and what each try came to.

A delivery is written in the transaction of the fact that it tells, once per endpoint and fact, and its text is never
changed; only when it is tried, and how that ended, moves on.
"""

import uuid
from datetime import datetime

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.indexes import by_any_part
from apps.documents.domain.events import PING, EventType

_TYPES = [event.value for event in EventType]


class WebhookEndpoint(TenantModel):
    """A URL that an organisation wants to be told at.

    side             whether it is told what the organisation sells or what it buys
    secret_sealed    signs what is sent; old_secret_sealed signs too until ``old_secret_until``
    not_before       nothing is sent before: it rests after failures, or something is on its way just now
    failures         in a row; failing_since: when the first of them was
    switched_off_at  by a person, or because it answered 410; nothing new is kept for it then
    """

    TENANT = ("organisation",)

    class Side(models.TextChoices):
        SELLER = "seller", "What we sell"
        CUSTOMER = "customer", "What we buy"

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=8, choices=Side.choices)
    url = models.CharField("URL", max_length=500)
    description = models.CharField(max_length=120, blank=True)
    event_types = ArrayField(models.CharField(max_length=40), verbose_name="told")
    secret_sealed = models.TextField()
    old_secret_sealed = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField("last success", null=True, blank=True)
    switched_off_at = models.DateTimeField(null=True, blank=True)
    switched_off_why = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "side", "url"],
                condition=Q(switched_off_at__isnull=True),
                name="webhook_endpoint_one_per_url",
            ),
            models.CheckConstraint(
                condition=Q(event_types__contained_by=_TYPES, event_types__len__gt=0),
                name="webhook_endpoint_is_told_known_events",
            ),
            models.CheckConstraint(condition=Q(side__in=["seller", "customer"]), name="webhook_endpoint_side_is_known"),
            models.CheckConstraint(
                condition=Q(old_secret_sealed="", old_secret_until__isnull=True)
                | (~Q(old_secret_sealed="") & Q(old_secret_until__isnull=False)),
                name="webhook_endpoint_old_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since__isnull=True) | Q(failures__gt=0, failing_since__isnull=False),
                name="webhook_endpoint_fails_since",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookDelivery(TenantModel):
    """One message to one endpoint, tried until it is answered or given up.

    uid              the header ``webhook-id``, the same at every try
    key              natural, of the fact: ``invoice.issued:<uid>``
    body             as it travels, byte for byte
    waiting_since    when it was last put into the queue, so that a replay is patient anew
    next_attempt_at  when it is tried next, while it is neither delivered nor given up
    """

    TENANT = ("endpoint__organisation",)

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    event_type = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    body = models.TextField()
    occurred_at = models.DateTimeField()
    waiting_since = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, help_text="Of the last try.")

    class Meta:
        ordering = ["-pk"]
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=Q(delivered_at__isnull=True, given_up_at__isnull=True),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["endpoint", "occurred_at"], name="webhook_delivery_by_time"),
            by_any_part("key", name="webhook_delivery_by_key"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "key"], name="webhook_delivery_tells_a_fact_once"),
            models.CheckConstraint(condition=Q(event_type__in=[*_TYPES, PING]), name="webhook_delivery_event_is_known"),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(given_up_at__isnull=True),
                name="webhook_delivered_is_not_given_up",
            ),
        ]
        triggers = [
            # What was told stays what was told; a log that ended is deleted in time.
            pgtrigger.Trigger(
                name="webhook_message_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "ROW(OLD.uid, OLD.endpoint_id, OLD.event_type, OLD.key, OLD.body, OLD.occurred_at) "
                    "IS DISTINCT FROM ROW(NEW.uid, NEW.endpoint_id, NEW.event_type, NEW.key, NEW.body, NEW.occurred_at)"
                ),
                func="RAISE EXCEPTION 'webhook messages are frozen' USING ERRCODE = 'restrict_violation';",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.endpoint}"

    @property
    def message_id(self) -> str:
        return f"msg_{self.uid.hex}"

    def set_attempted(self, *, next_attempt_at: datetime) -> None:
        self.attempts += 1
        self.next_attempt_at = next_attempt_at
        self.save(update_fields=["attempts", "next_attempt_at"])


class WebhookAttempt(TenantModel):
    """What one try came to.

    url, address  where it went, by name and by number; address "" = it came to no connection
    status_code   null: no answer was read · answer: its beginning · error: why it does not count as delivered
    """

    TENANT = ("delivery__endpoint__organisation",)

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    url = models.CharField(max_length=500)
    address = models.CharField(max_length=45, blank=True)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_number_unique_per_delivery")
        ]

    def __str__(self) -> str:
        return f"try {self.number}"
