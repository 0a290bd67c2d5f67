"""Owner settlement: who collects for whom at which fee, what a month came to, and what is paid out.

Invariants: one platform collects for an owner at a time; a statement is one per agreement and month and never
changes; each document line and each ledger entry is settled in one statement, for ever.
"""

from decimal import Decimal
from typing import Final

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounting.domain.owner_payouts import PayoutStatus
from apps.accounting.domain.shares import ShareRule
from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money, never_overlap
from apps.core.triggers import append_only, frozen

_RULE: Final = ("percent", "per_kwh", "per_session", "minimum_per_month")


def _fee_field(name: str, help_text: str) -> models.DecimalField:
    return models.DecimalField(
        name,
        max_digits=20,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=help_text,
    )


def _money() -> MoneyField:
    return MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")


class Agreement(TenantModel):
    """A platform collects for an owner, from a day on until before another (null = open), and keeps a fee.

    percent … minimum_per_month  the platform's fee, net (``domain.shares.ShareRule``)
    connected_account            the owner's account at the platform's Stripe; blank: all is paid out by bank
    """

    TENANT = ("platform", "owner")

    platform = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3, editable=False, help_text="The owner's.")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day on which it no longer holds.")
    percent = models.DecimalField(
        "% of net",
        max_digits=9,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text="Of each session's net amount.",
    )
    per_kwh = _fee_field("per kWh", "For each kWh, net.")
    per_session = _fee_field("per session", "For each session, net.")
    minimum_per_month = _fee_field("minimum per month", "What the fees of a month come to at least, net.")
    connected_account = models.CharField(max_length=255, blank=True, help_text="At Stripe: acct_…")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["owner", "-valid_from"]
        constraints = [
            models.CheckConstraint(condition=~Q(platform=F("owner")), name="agreement_is_between_two"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="agreement_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100, per_kwh__gte=0, per_session__gte=0)
                & Q(minimum_per_month__gte=0),
                name="agreement_fee_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(connected_account="") | Q(connected_account__startswith="acct_"),
                name="agreement_account_is_one_of_stripes",
            ),
            is_rounded_money("minimum_per_month", name="agreement_minimum_is_rounded"),
            never_overlap("owner", first="valid_from", end="valid_to", name="agreement_one_at_a_time_per_owner"),
        ]
        # Money was collected and fees computed under it: the rule of an agreement is ended and followed by another.
        triggers = frozen("agreement_frozen", what="agreements", exempt=("valid_to", "connected_account"))

    def __str__(self) -> str:
        return f"{self.platform} collects for {self.owner} from {self.valid_from}"

    def rule(self) -> ShareRule:
        return ShareRule(**{name: getattr(self, name) for name in _RULE})

    def rule_in_words(self) -> str:
        """Say the rule as a statement prints it: ``10 % of net + 0.02 per kWh``."""
        parts = (
            (self.percent, "{} % of net"),
            (self.per_kwh, "{} per kWh"),
            (self.per_session, "{} per session"),
        )
        said = [text.format(f"{number.normalize():f}") for number, text in parts if number]
        return " + ".join(said) or "no fee"


class Statement(TenantModel):
    """What a platform collected for an owner and keeps, up to the end of a month; frozen as it is made.

    month            its first day, on the platform's clock
    opening, closing what was and is due to the owner; below zero: the owner owes it, and it is carried on
    moved            the ledger entries on *due to owner* that this statement settles, without its own fee
    net, fee, share  of the lines · top_up: what the minimum adds to the fee
    fee_brought, fee_carried  ≤ 0: fees given back that no invoice has taken off yet
    fee_invoice      of fee_brought + fee + top_up, when that is more than nothing
    """

    TENANT = ("agreement__platform", "agreement__owner")

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="statements")
    month = models.DateField()
    currency = models.CharField(max_length=3)
    opening = _money()
    moved = _money()
    net = _money()
    fee = _money()
    share = _money()
    top_up = _money()
    fee_brought = _money()
    fee_carried = _money()
    fee_gross = _money()
    closing = _money()
    fee_invoice = models.OneToOneField(
        "invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-month", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "month"], name="statement_one_per_agreement_and_month"),
            models.CheckConstraint(condition=Q(month__day=1), name="statement_month_is_its_first_day"),
            models.CheckConstraint(condition=Q(net=F("fee") + F("share")), name="statement_fee_and_share_make_net"),
            models.CheckConstraint(
                condition=Q(closing=F("opening") + F("moved") - F("fee_gross")), name="statement_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(top_up__gte=0, fee_brought__lte=0, fee_carried__lte=0, fee_gross__gte=0),
                name="statement_signs_are_right",
            ),
            models.CheckConstraint(
                condition=Q(fee_invoice__isnull=True, fee_gross=0) | Q(fee_invoice__isnull=False, fee_gross__gt=0),
                name="statement_fee_has_its_invoice",
            ),
            is_rounded_money(
                *("opening", "moved", "net", "fee", "share", "top_up", "fee_brought", "fee_carried", "fee_gross"),
                "closing",
                name="statement_amounts_are_rounded",
            ),
        ]
        triggers = append_only("statement_append_only", what="statements")

    def __str__(self) -> str:
        return f"{self.agreement.owner} {self.month:%Y-%m}"


class StatementLine(TenantModel):
    """One line of a document, or of a credit note, as it is parted; a line is settled once.

    place, time_zone, started_at, energy_milliwh  copied from the line · rule: in words, as applied
    """

    TENANT = ("statement__agreement__platform", "statement__agreement__owner")

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="lines")
    line = models.OneToOneField("invoices.InvoiceLine", on_delete=models.PROTECT, related_name="+")
    document = models.CharField(max_length=30, help_text="Number of the receipt, invoice or credit note.")
    place = models.CharField(max_length=240)
    time_zone = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    energy_milliwh = models.BigIntegerField()
    rule = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    net = _money()
    fee = _money()
    share = _money()

    class Meta:
        ordering = ["statement", "started_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(net=F("fee") + F("share")), name="shared_fee_and_share_make_net"),
            # Below zero together or not at all: what is taken back mirrors what was given.
            models.CheckConstraint(
                condition=Q(net__gte=0, fee__gte=0, share__gte=0) | Q(net__lte=0, fee__lte=0, share__lte=0),
                name="shared_fee_is_within_net",
            ),
            is_rounded_money("net", "fee", "share", name="shared_amounts_are_rounded"),
        ]
        triggers = append_only("shared_append_only", what="statement lines")

    def __str__(self) -> str:
        return f"{self.document}: {self.share}"


class StatementEntry(TenantModel):
    """One entry on *due to owner* that a statement settles; an entry is settled once.

    amount  > 0: more is due to the owner
    """

    TENANT = ("statement__agreement__platform", "statement__agreement__owner")

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="entries")
    entry = models.OneToOneField("ledger.LedgerEntry", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = _money()

    class Meta:
        verbose_name_plural = "statement entries"
        ordering = ["statement", "entry_id"]
        constraints = [is_rounded_money("amount", name="settled_amount_is_rounded")]
        triggers = append_only("settled_append_only", what="statement entries")

    def __str__(self) -> str:
        return f"{self.entry}"


class PayoutFile(TenantModel):
    """A SEPA credit transfer file (pain.001) as it was downloaded; made once, the same bytes ever after."""

    TENANT = ("platform",)

    platform = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    message_id = models.CharField(max_length=35, unique=True)
    execution_date = models.DateField(help_text="On which the bank is asked to transfer.")
    content = models.BinaryField()
    made_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        triggers = append_only("payout_file_append_only", what="payout files")

    def __str__(self) -> str:
        return self.message_id


class OwnerPayout(TenantModel):
    """What a statement leaves due to an owner, on its way by SEPA credit transfer.

    due → in_file → executed; superseded: a later statement carries the amount on, or the bank did not execute it
    """

    TENANT = ("statement__agreement__platform", "statement__agreement__owner")

    statement = models.OneToOneField(Statement, on_delete=models.PROTECT, related_name="payout")
    platform = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in PayoutStatus], default=PayoutStatus.DUE
    )
    currency = models.CharField(max_length=3)
    amount = _money()
    file = models.ForeignKey(PayoutFile, null=True, blank=True, on_delete=models.PROTECT, related_name="payouts")
    executed_at = models.DateTimeField(null=True, blank=True)
    executed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "owner", "currency"], condition=Q(status="due"), name="payout_one_due_per_owner"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="owner_payout_is_positive"),
            models.CheckConstraint(
                condition=Q(status="due", file__isnull=True, executed_at__isnull=True)
                | Q(status="superseded", executed_at__isnull=True)
                | Q(status="in_file", file__isnull=False, executed_at__isnull=True)
                | Q(status="executed", file__isnull=False, executed_at__isnull=False),
                name="owner_payout_times_match_status",
            ),
            is_rounded_money("amount", name="owner_payout_is_rounded"),
        ]
        triggers = [
            *frozen(
                "owner_payout_wish_frozen",
                what="payouts to owners",
                exempt=("status", "file_id", "executed_at", "executed_by_id"),
            ),
            *frozen(
                "owner_payout_frozen_when_ended",
                what="ended payouts to owners",
                once="OLD.status IN ('executed', 'superseded')",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} to {self.owner}"
