"""Stripe's own books beside ours: payouts, the balance transactions they consist of, and what does not agree.

A balance transaction is kept as Stripe says it and never changed; it is tied once to the journals that say the same in
our ledger, and a journal to one balance transaction only.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounting.domain.differences import DifferenceKind
from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.indexes import by_beginning
from apps.core.triggers import frozen


class PullMark(TenantModel):
    """How far Stripe's balance transactions were read; what is before it is all here."""

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    livemode = models.BooleanField()
    pulled_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seller", "livemode"], name="mark_one_per_account")]

    def __str__(self) -> str:
        return f"pulled until {self.pulled_until:%Y-%m-%d %H:%M}"


class Payout(TenantModel):
    """The mirror of a Stripe Payout to the owner of the Stripe account.

    status           Stripe's word: pending, in_transit, paid, failed, canceled
    is_automatic     Stripe can say what it consists of; of a manual one nobody can
    lines_pulled_at  when all that it consists of was here
    banked_on        the day of its line on the bank's statement
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    stripe_id = models.CharField(max_length=255, unique=True)
    livemode = models.BooleanField()
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    status = models.CharField(max_length=20)
    is_automatic = models.BooleanField("automatic")
    failure_code = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField("made")
    arrives_at = models.DateTimeField("arrives")
    lines_pulled_at = models.DateTimeField(null=True, blank=True)
    banked_on = models.DateField("on the bank statement", null=True, blank=True)
    synced_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [is_rounded_money("amount", name="payout_amount_is_rounded")]
        triggers = frozen(
            "payout_frozen_as_made",
            what="payouts",
            exempt=("status", "failure_code", "arrives_at", "lines_pulled_at", "banked_on", "synced_at"),
        )

    def __str__(self) -> str:
        return f"payout {self.stripe_id}"


class BalanceEntry(TenantModel):
    """A Stripe balance transaction: net = amount − fee, in the currency it settles in.

    source, intent   the object that moved, and the payment it belongs to
    payout           in which it left for the bank
    journal_key      of our ledger's journal that says the same, fee_key of the one for the fee; blank: none yet
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    stripe_id = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=60)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    fee = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    net = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    source = models.CharField(max_length=255, blank=True)
    intent = models.CharField(max_length=255, blank=True)
    description = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField("made")
    available_on = models.DateTimeField()
    payout = models.ForeignKey(Payout, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    journal_key = models.CharField("our journal", max_length=80, blank=True)
    fee_key = models.CharField("our journal of the fee", max_length=80, blank=True)
    matched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "balance entries"
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["seller", "created_at"], name="entry_by_time"),
            models.Index(fields=["seller"], condition=Q(journal_key=""), name="entry_without_journal"),
            by_beginning("source", name="entry_by_source"),
            by_beginning("journal_key", name="entry_by_journal_key"),
            by_beginning("intent", name="entry_by_intent"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(net=F("amount") - F("fee")), name="entry_net_is_amount_less_fee"),
            is_rounded_money("amount", "fee", "net", name="balance_entry_is_rounded"),
            models.UniqueConstraint(
                fields=["seller", "journal_key"], condition=~Q(journal_key=""), name="entry_one_per_journal"
            ),
            models.UniqueConstraint(
                fields=["seller", "fee_key"], condition=~Q(fee_key=""), name="entry_one_per_fee_journal"
            ),
            models.CheckConstraint(
                condition=Q(journal_key="", fee_key="", matched_at__isnull=True)
                | ~Q(journal_key="") & Q(matched_at__isnull=False),
                name="entry_matched_says_when",
            ),
        ]
        triggers = [
            *frozen(
                "balance_entry_frozen",
                what="balance transactions",
                exempt=("payout_id", "journal_key", "fee_key", "matched_at"),
            ),
            pgtrigger.Trigger(
                name="balance_entry_only_goes_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF (OLD.journal_key <> '' AND (NEW.journal_key, NEW.fee_key) <> (OLD.journal_key, OLD.fee_key))
                       OR (OLD.payout_id IS NOT NULL AND NEW.payout_id IS DISTINCT FROM OLD.payout_id) THEN
                        RAISE EXCEPTION 'a matched balance transaction stays so' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_id}"


class Discrepancy(TenantModel):
    """Where Stripe and our books do not agree, until they do or a person has dealt with it.

    key          natural, e.g. ``entry:txn_…`` or ``journal:payment:7:received``
    resolved_by  null on a resolved one: it went away by itself
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=300)
    kind = models.CharField(max_length=20, choices=[(k.value, k.value.replace("_", " ")) for k in DifferenceKind])
    subject = models.CharField(max_length=200)
    stripe_says = models.CharField(max_length=300)
    we_say = models.CharField(max_length=300)
    cause = models.CharField("probably", max_length=300)
    entry = models.ForeignKey(BalanceEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    payout = models.ForeignKey(Payout, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    found_at = models.DateTimeField("found")
    resolved_at = models.DateTimeField("resolved", null=True, blank=True)
    resolved_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "discrepancies"
        ordering = ["-found_at", "-pk"]
        indexes = [
            models.Index(fields=["seller", "-found_at"], condition=Q(resolved_at__isnull=True), name="discrepancy_open")
        ]
        constraints = [
            models.UniqueConstraint(fields=["seller", "key"], name="discrepancy_told_once"),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolved_by__isnull=True, note="")
                | Q(resolved_at__isnull=False) & ~Q(note=""),
                name="discrepancy_resolved_says_how",
            ),
        ]

    def __str__(self) -> str:
        return self.subject
