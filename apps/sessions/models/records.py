"""Charge records: rated sessions, frozen."""

from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.sessions.models.sessions import ChargingSession


class Cdr(TenantModel):
    """A rated session, frozen: what was delivered, at which price, why, and what was told to compute it.

    inputs        facts, grant terms, tax rates and policy (engine's ``inputs_as_document``); re-rating them with
                  the same engine version gives the same ``document``
    document      the rated session: periods with quantity, price, amount and reason (``as_document``)
    content_hash  SHA-256 of the canonical bytes of ``document``
    is_automatic  the revision was made by no person: evidence came late, or another document bills the same
    tax_date      local day of the end of supply
    """

    TENANT = ("session__seller", "session__contract__customer__organisation")

    class Purpose(models.TextChoices):
        RETAIL = "retail", "Retail"
        REIMBURSEMENT = "reimbursement", "Reimbursement"

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="cdrs")
    purpose = models.CharField(max_length=13, choices=Purpose.choices, default=Purpose.RETAIL)
    revision = models.PositiveIntegerField()
    tariff_version = models.ForeignKey("tariffs.TariffVersion", on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    energy_milliwh = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    net = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    tax = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    gross = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    tax_date = models.DateField()
    inputs = models.JSONField()
    document = models.JSONField()
    content_hash = models.CharField(max_length=64)
    engine_version = models.CharField(max_length=10)
    rated_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True, help_text="Why this revision; empty for the first.")
    revised_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    is_automatic = models.BooleanField(default=False)

    class Meta:
        verbose_name = "charge record"
        ordering = ["-rated_at", "-pk"]
        indexes = [models.Index(fields=["-rated_at", "-id"], name="cdr_newest_first")]
        constraints = [
            models.UniqueConstraint(fields=["session", "purpose", "revision"], name="cdr_revision_unique"),
            models.CheckConstraint(condition=Q(revision__gte=1), name="cdr_revision_starts_at_one"),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="cdr_net_and_tax_make_gross"),
            models.CheckConstraint(condition=Q(energy_milliwh__gte=0), name="cdr_energy_is_not_negative"),
            models.CheckConstraint(
                condition=Q(revision=1) | (~Q(reason="") & (Q(revised_by__isnull=False) | Q(is_automatic=True))),
                name="cdr_correction_has_reason_and_author",
            ),
            models.CheckConstraint(
                condition=Q(is_automatic=False) | Q(revision__gt=1, revised_by__isnull=True),
                name="cdr_automatic_has_no_person",
            ),
            is_rounded_money("net", "tax", "gross", name="cdr_amounts_are_rounded"),
        ]
        triggers = frozen("cdr_frozen", what="charge records")

    def __str__(self) -> str:
        return f"Cdr {self.session_id}.{self.revision}"
