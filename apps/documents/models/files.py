"""Files that were issued, which are never changed; and mails: what is to be told to whom, each thing once."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.accounts.tenancy import TenantModel
from apps.core.indexes import by_any_part
from apps.core.triggers import frozen


class Document(TenantModel):
    """One rendered file. ``key`` is natural (``invoice:12:pdf``): rendering again finds it.

    content  the bytes · sha256  their hash, hexadecimal · recipient  the customer's tenant that may read it too
    """

    TENANT = ("seller", "recipient")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    recipient = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, help_text="invoice, credit_note, …")
    media_type = models.CharField(max_length=60)
    language = models.CharField(max_length=2)
    file_name = models.CharField(max_length=120)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["seller", "created_at"], name="document_by_seller_and_time"),
            models.Index(fields=["seller", "kind"], name="document_by_seller_and_kind"),
            models.Index(fields=["seller", "language"], name="document_by_seller_and_lang"),
            by_any_part("file_name", name="document_by_file_name"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["seller", "key"], name="document_key_unique_per_seller"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="document_hash_is_sha256"),
        ]
        triggers = frozen("document_frozen", what="documents")

    def __str__(self) -> str:
        return self.file_name


class Mail(TenantModel):
    """A message to one person. It waits until it is sent, or until it is so old that it would help nobody.

    organisation  whose business it is about · kind  what it is, e.g. ``stations``
    attachment_key  of the organisation's document that goes with it; it waits until that is rendered
    next_attempt_at  when it is tried next, while it is neither sent nor given up
    """

    TENANT = ("organisation",)

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    recipient = models.EmailField()
    kind = models.CharField(max_length=20)
    language = models.CharField(max_length=2)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    attachment_key = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True, help_text="When it came back from the recipient's server.")
    error = models.CharField(max_length=300, blank=True, help_text="Of the last attempt, or why it came back.")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
                name="mail_due",
            ),
            models.Index(fields=["recipient", "kind", "-created_at"], name="mail_by_recipient_and_kind"),
            models.Index(fields=["organisation", "created_at"], name="mail_by_sender_and_time"),
            models.Index(fields=["organisation", "kind"], name="mail_by_sender_and_kind"),
            by_any_part("recipient", name="mail_by_part_of_recipient"),
            by_any_part("subject", name="mail_by_part_of_subject"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(given_up_at__isnull=True), name="mail_sent_is_not_given_up"
            ),
            models.CheckConstraint(
                condition=Q(bounced_at__isnull=True) | Q(sent_at__isnull=False), name="mail_bounced_was_sent"
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    def set_attempted(self, *, next_attempt_at: datetime) -> None:
        self.attempts += 1
        self.next_attempt_at = next_attempt_at
        self.save(update_fields=["attempts", "next_attempt_at"])

    def set_sent(self, at: datetime) -> None:
        self.sent_at, self.error = at, ""
        self.save(update_fields=["sent_at", "error"])

    def set_bounced(self, reason: str, *, at: datetime) -> None:
        self.error, self.bounced_at = reason, at
        self.save(update_fields=["error", "bounced_at"])

    def set_failed(self, error: str, *, given_up_at: datetime | None) -> None:
        self.error, self.given_up_at = error[:300], given_up_at
        self.save(update_fields=["error", "given_up_at"])


class MailTopic(TenantModel):
    """A thing that a mail tells its recipient; until it is over nobody is told it again.

    key         natural, e.g. ``station:12:offline``
    cleared_at  when it was over; null = it is not, as far as is known
    """

    TENANT = ("mail__organisation",)

    mail = models.ForeignKey(Mail, on_delete=models.CASCADE, related_name="topics")
    recipient = models.EmailField()
    key = models.CharField(max_length=80)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("recipient"),
                "key",
                condition=Q(cleared_at__isnull=True),
                name="mail_tells_a_thing_once_until_it_is_over",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} to {self.recipient}"
