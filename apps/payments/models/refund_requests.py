"""Refunds that wait for a second person."""

from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel


class RefundRequest(TenantModel):
    """A refund above the seller's limit, as one person asked for it; another confirms or declines it.

    document, wallet  of which of the two
    amounts    line id → how much, as the document states its lines, decimals as strings; null: all that is left
    seen_left  what was left to be credited, or in the wallet, when it was asked for · amount  what goes back, gross
    """

    TENANT = ("seller",)

    class Status(models.TextChoices):
        OPEN = "open"
        CONFIRMED = "confirmed"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    document = models.ForeignKey("invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    wallet = models.ForeignKey("payments.Wallet", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    amounts = models.JSONField(null=True, blank=True)
    seen_left = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    reason = models.CharField(max_length=200)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=200, blank=True)
    credit_note = models.ForeignKey(
        "invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["document"], condition=Q(status="open"), name="refund_request_one_open_per_document"
            ),
            models.UniqueConstraint(
                fields=["wallet"], condition=Q(status="open"), name="refund_request_one_open_per_wallet"
            ),
            models.CheckConstraint(
                condition=Q(document__isnull=False, wallet__isnull=True)
                | Q(document__isnull=True, wallet__isnull=False, amounts__isnull=True),
                name="refund_request_is_of_a_document_or_a_wallet",
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_by__isnull=True, decided_at__isnull=True)
                | Q(status="withdrawn", decided_at__isnull=False)
                | Q(status__in=["confirmed", "declined"], decided_by__isnull=False, decided_at__isnull=False),
                name="refund_request_is_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["confirmed", "declined"]) | ~Q(decided_by=F("requested_by")),
                name="refund_request_is_decided_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=~Q(status="declined") | ~Q(decision_reason=""), name="refund_request_declined_says_why"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_request_amount_is_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_request_says_why"),
        ]

    def __str__(self) -> str:
        return f"refund of {self.document or self.wallet}"
