"""Statements of the seller's bank account as they were uploaded, and what became of each of their lines."""

from typing import Final

from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen

_DECIDED: Final = ("outcome", "note", "receipt_id", "payout_id", "decided_by_id", "decided_at")
_PERSONAL: Final = ("payer", "payer_iban", "reference")


class CsvLayout(TenantModel):
    """Which columns of a bank's CSV say what; remembered by the seller for files with the same column titles.

    titles_key  digest of the titles · columns: ``Layout`` by field
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    titles_key = models.CharField(max_length=64)
    columns = models.JSONField()
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seller", "titles_key"], name="layout_one_per_titles")]

    def __str__(self) -> str:
        return f"layout {self.pk}"


class BankStatement(TenantModel):
    """A file of a bank, uploaded once: the same bytes again are the same statement.

    source   camt.053 or CSV · account: whose statement it is; blank: the file does not say
    warning  what a person should know of it, e.g. balances that its lines do not make
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField("file", max_length=120)
    sha256 = models.CharField("SHA-256", max_length=64)
    source = models.CharField(max_length=4, choices=[("camt", "camt.053"), ("csv", "CSV")])
    account = models.CharField(max_length=34, blank=True)
    warning = models.TextField(blank=True)
    uploaded_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField("uploaded")

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["seller", "sha256"], name="statement_uploaded_once")]
        triggers = frozen("bank_statement_frozen", what="bank statements")

    def __str__(self) -> str:
        return self.file_name


class BankStatementRow(TenantModel):
    """A line of a statement and what became of it.

    amount   money that came above zero, money that left below
    key      natural: the same line in another file has the same
    receipt  the money it recorded, or that was recorded before · payout: Stripe's, whose arrival it tells
    note     why a person has to look, or what the person said
    """

    TENANT = ("statement__seller",)

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RECORDED = "recorded", "Recorded"
        KNOWN = "known", "Known before"
        PAYOUT = "payout", "Stripe's payout"
        LEFT = "left", "Money that left"
        LOOK = "look", "To be looked at"
        DISMISSED = "dismissed", "Left alone"

    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="rows")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=80)
    booked_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    payer = models.CharField(max_length=140, blank=True)
    payer_iban = models.CharField("payer's IBAN", max_length=34, blank=True)
    reference = models.CharField(max_length=500, blank=True)
    is_reversal = models.BooleanField(default=False)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, default=Outcome.WAITING)
    note = models.CharField(max_length=300, blank=True)
    receipt = models.ForeignKey(
        "payments.BankReceipt", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    payout = models.ForeignKey("accounting.Payout", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "line of a bank statement"
        verbose_name_plural = "lines of bank statements"
        ordering = ["statement", "position"]
        indexes = [
            models.Index(fields=["key"], name="statement_row_by_key"),
            models.Index(fields=["statement"], condition=Q(outcome="waiting"), name="statement_row_waiting"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["statement", "position"], name="statement_row_once_per_position"),
            models.UniqueConstraint(fields=["statement", "key"], name="statement_row_once_per_key"),
            models.CheckConstraint(
                condition=Q(outcome__in=["recorded", "known"], payout__isnull=True)
                | Q(outcome="payout", payout__isnull=False, receipt__isnull=True)
                | Q(outcome__in=["waiting", "left", "look", "dismissed"], receipt__isnull=True, payout__isnull=True),
                name="statement_row_names_what_it_became",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="recorded") | Q(receipt__isnull=False),
                name="statement_row_recorded_has_its_receipt",
            ),
            is_rounded_money("amount", name="statement_row_amount_is_rounded"),
        ]
        triggers = frozen("statement_row_frozen", what="lines of bank statements", exempt=(*_DECIDED, *_PERSONAL))

    def __str__(self) -> str:
        return f"{self.booked_on} {self.amount} {self.payer}"
