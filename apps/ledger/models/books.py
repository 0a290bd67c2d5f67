"""Double entry: a ledger per legal entity, journals that balance per currency and are never changed.

A journal has a natural key, so that posting twice is posting once. Debits are positive, credits negative.
"""

import pgtrigger
from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.indexes import by_any_part
from apps.core.triggers import append_only


class Account(TenantModel):
    """One account of an entity's chart; ``code`` is unique in it."""

    TENANT = ("entity",)

    class Kind(models.TextChoices):
        ASSET = "asset", "Asset"
        LIABILITY = "liability", "Liability"
        EQUITY = "equity", "Equity"
        INCOME = "income", "Income"
        EXPENSE = "expense", "Expense"

    entity = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)

    class Meta:
        ordering = ["entity", "code"]
        constraints = [models.UniqueConstraint(fields=["entity", "code"], name="account_code_unique_per_entity")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Journal(TenantModel):
    """One event in the books of one entity. posted_on: first open period; tax_date: end of supply."""

    TENANT = ("entity",)

    entity = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=80, help_text="Natural key, e.g. invoice:12:issued.")
    posted_on = models.DateField()
    tax_date = models.DateField()
    text = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["entity", "key"], name="journal_key_unique_per_entity")]
        indexes = [
            models.Index(fields=["entity", "posted_on"], name="journal_by_posting"),
            models.Index(fields=["entity", "tax_date"], name="journal_by_tax_date"),
            by_any_part("text", name="journal_by_text"),
        ]
        triggers = [
            *append_only("journal_append_only", what="journals"),
            pgtrigger.Trigger(
                name="journal_not_in_a_closed_month",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF ledger_open_day(NEW.entity_id, NEW.posted_on) > NEW.posted_on THEN
                        RAISE EXCEPTION 'the month of % is closed', NEW.posted_on USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.posted_on})"


class LedgerEntry(TenantModel):
    """One side of a journal: ``amount`` > 0 debits the account, < 0 credits it.

    vat  under which VAT it stands (``Vat.code``), where that means something; else blank
    """

    TENANT = ("journal__entity",)

    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    vat = models.CharField("VAT", max_length=16, blank=True, default="", db_default="")

    class Meta:
        verbose_name_plural = "ledger entries"
        ordering = ["journal", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="entry_amount_is_not_zero"),
            is_rounded_money("amount", name="entry_amount_is_rounded"),
            models.CheckConstraint(
                condition=Q(vat="") | Q(vat__regex=r"^[A-Z]{2}\|[A-Z]{1,2}\|[01]\.[0-9]{4}$"),
                name="entry_vat_is_a_code",
            ),
        ]
        triggers = [
            *append_only("entry_append_only", what="ledger entries"),
            pgtrigger.Trigger(
                name="entry_account_of_the_journals_entity",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF (SELECT entity_id FROM ledger_journal WHERE id = NEW.journal_id)
                       IS DISTINCT FROM (SELECT entity_id FROM ledger_account WHERE id = NEW.account_id) THEN
                        RAISE EXCEPTION 'a journal never spans two entities' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # A journal's row written before this transaction began was posted by another one. Rows of savepoints
            # carry ids above the transaction's own; age() compares past the ids' wrap-around.
            pgtrigger.Trigger(
                name="entry_comes_with_its_journal",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF (SELECT age(xmin) FROM ledger_journal WHERE id = NEW.journal_id)
                       > age(pg_current_xact_id()::xid) THEN
                        RAISE EXCEPTION 'a posted journal gets no more entries' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="entry_journal_balances",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM ledger_ledgerentry WHERE journal_id = NEW.journal_id
                        GROUP BY currency HAVING sum(amount) <> 0
                    ) THEN
                        RAISE EXCEPTION 'journal % does not balance', NEW.journal_id USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"
