"""Journals that left for other software: a file each, frozen, and which journals it told, each once a format."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncMonth
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen


class JournalExport(TenantModel):
    """One file of the journals of a month, in one format and currency.

    number    how many files of this format, month and currency came before: additions to the first
    journals  how many it tells · debits: what they add up to
    document  the bytes; downloading again gives the same · sha256: of them
    debtors   DATEV: who stands behind the debtor accounts of these bookings; null: other formats, or nobody
    withdrawn_*  it was not used: its journals are told again by the next one
    """

    TENANT = ("seller",)

    class Format(models.TextChoices):
        DATEV = "datev", "DATEV Buchungsstapel"
        XERO = "xero", "Xero manual journals"
        QUICKBOOKS = "quickbooks", "QuickBooks Online journal entries"
        CSV = "csv", "Plain CSV"
        JSON = "json", "JSON"

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    format = models.CharField(max_length=10, choices=Format.choices)
    month = models.DateField()
    currency = models.CharField(max_length=3)
    number = models.PositiveSmallIntegerField("addition")
    journals = models.PositiveIntegerField()
    debits = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    document = models.ForeignKey("documents.Document", on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField("SHA-256", max_length=64)
    debtors = models.ForeignKey("documents.Document", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField("made")
    withdrawn_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField("withdrawn", null=True, blank=True)
    reason = models.CharField("why it was withdrawn", max_length=200, blank=True)

    class Meta:
        verbose_name = "export"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "format", "month", "currency", "number"], name="export_numbered_once"
            ),
            models.CheckConstraint(condition=Q(month=TruncMonth("month")), name="export_is_of_a_whole_month"),
            models.CheckConstraint(condition=Q(journals__gt=0), name="export_tells_something"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True, reason="")
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False) & ~Q(reason=""),
                name="export_withdrawn_says_who_and_why",
            ),
            is_rounded_money("debits", name="export_debits_are_rounded"),
        ]
        triggers = [
            *frozen("export_frozen_as_made", what="exports", exempt=("withdrawn_by_id", "withdrawn_at", "reason")),
            *frozen("export_withdrawn_once", what="withdrawn exports", once="OLD.withdrawn_at IS NOT NULL"),
        ]

    def __str__(self) -> str:
        addition = f", addition {self.number}" if self.number else ""
        return f"{self.get_format_display()} of {self.month:%B %Y}{addition}"


class ExportedJournal(TenantModel):
    """A journal was told by an export; in one format only once, unless that export was withdrawn."""

    TENANT = ("export__seller",)

    export = models.ForeignKey(JournalExport, on_delete=models.PROTECT, related_name="told")
    journal = models.ForeignKey("ledger.Journal", on_delete=models.PROTECT, related_name="+")
    format = models.CharField(max_length=10)
    is_withdrawn = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["journal", "format"], condition=Q(is_withdrawn=False), name="journal_exported_once_per_format"
            ),
            models.UniqueConstraint(fields=["export", "journal"], name="journal_once_per_export"),
        ]
        triggers = [
            *frozen("exported_journal_frozen", what="exported journals", exempt=("is_withdrawn",)),
            pgtrigger.Trigger(
                name="exported_journal_is_its_exports",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM accounting_journalexport x JOIN ledger_journal j ON j.id = NEW.journal_id
                        WHERE x.id = NEW.export_id AND x.seller_id = j.entity_id AND x.format = NEW.format
                          AND date_trunc('month', j.posted_on) = x.month
                          AND NEW.is_withdrawn = (x.withdrawn_at IS NOT NULL)
                    ) THEN
                        RAISE EXCEPTION 'an export tells journals of its own seller and month'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.journal_id} in {self.export_id}"
