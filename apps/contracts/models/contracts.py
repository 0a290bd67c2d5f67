"""Who charges on whose account: customers, contracts, their spending limits and membership tiers.

A contract has one seller; its cards (``models.cards``) work at that seller's stations.
"""

import uuid
from datetime import datetime
from decimal import Decimal

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import Exact, LessThanOrEqual
from django_countries.fields import CountryField

from apps.accounts.tenancy import TenantModel
from apps.accounts.vat_ids import cleaned_vat_id
from apps.contracts.domain.cycles import BillingCycle
from apps.contracts.domain.electronic import SCHEMES, InvoiceFormat
from apps.core.constraints import has_usual_years, is_rounded_money


class Customer(TenantModel):
    """A buyer of one seller. ``organisation`` is the buyer's own tenant, whose members see it in the portal."""

    TENANT = ("seller", "organisation")

    class Kind(models.TextChoices):
        FLEET = "fleet", "Fleet"
        BUSINESS = "business", "Business"
        COMMUNITY = "community", "Residential community"
        PRIVATE = "private", "Private person"

    uid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.FLEET)
    number = models.CharField(max_length=20, help_text="The seller's customer number (BT-46).")
    name = models.CharField(max_length=200)
    street = models.CharField(max_length=200)
    postcode = models.CharField(max_length=20)
    city = models.CharField(max_length=100)
    country = CountryField()
    vat_id = models.CharField("VAT identifier", max_length=20, blank=True)
    email = models.EmailField(help_text="Where invoices go.")
    mails_documents = models.BooleanField(
        "invoices by e-mail",
        default=True,
        help_text="Each invoice and credit note is sent with its PDF when it is issued. Without it they are in the "
        "portal alone.",
    )
    language = models.CharField(
        max_length=2,
        choices=[("en", "English"), ("de", "German"), ("fr", "French"), ("nl", "Dutch")],
        default="en",
        help_text="Of their documents.",
    )
    invoice_format = models.CharField(
        max_length=14,
        choices=[(one.value, one.label) for one in InvoiceFormat],
        default=InvoiceFormat.FACTURX.value,
        help_text="Besides the first, a document that cannot be sent so is not issued.",
    )
    electronic_address_scheme = models.CharField(
        "kind of electronic address",
        max_length=4,
        blank=True,
        choices=[(code, scheme.label) for code, scheme in SCHEMES.items()],
    )
    electronic_address = models.CharField(
        max_length=80, blank=True, help_text="Where electronic invoices go (BT-49). Empty: the e-mail address."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "number"], name="customer_number_unique_per_seller"),
            models.CheckConstraint(
                condition=Q(electronic_address="", electronic_address_scheme="")
                | ~Q(electronic_address="") & ~Q(electronic_address_scheme=""),
                name="customer_electronic_address_has_a_scheme",
            ),
            models.CheckConstraint(
                condition=Q(invoice_format__in=[one.value for one in InvoiceFormat]),
                name="customer_invoice_format_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.vat_id = cleaned_vat_id(self.vat_id, country=self.country.code)

    @property
    def amounts_are_gross(self) -> bool:
        """Whether this customer's documents state gross amounts (TARIFFS.md, Rounding and tax)."""
        return self.kind == self.Kind.PRIVATE


class MembershipTier(TenantModel):
    """What several contracts of a seller share: a tariff (by assignment), a discount, or both; half-open in UTC.

    discount_percent  off every component of whatever tariff applies, 0 < percent ≤ 100; null: none
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    discount_percent = models.DecimalField(
        max_digits=7,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Percent off every price of whatever tariff applies, for example 10. Empty: none.",
    )
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="tier_name_unique_per_seller"),
            models.CheckConstraint(
                condition=Q(discount_percent__isnull=True) | Q(discount_percent__gt=0, discount_percent__lte=100),
                name="tier_discount_is_a_percentage",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="tier_ends_after_start",
            ),
            has_usual_years("valid_from", "valid_to", name="tier_has_usual_years"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_in_force(self, at: datetime) -> bool:
        """Tell whether the tier counts at an instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def _default_reminder_days() -> list[int]:
    return [7, 14, 28]


def _default_reminder_fees() -> list[Decimal]:
    return [Decimal(0)] * len(_default_reminder_days())


class IsAscending(Func):
    """``is_ascending(days)``: whether each element is more than the one before (a SQL function of ours)."""

    function = "is_ascending"
    output_field = models.BooleanField()


class Cardinality(Func):
    """How many elements an array has; 0 for an empty one."""

    function = "cardinality"
    output_field = models.IntegerField()


class NoneNegative(Func):
    """Whether no element of an array is below zero."""

    template = "0 <= ALL(%(expressions)s)"
    output_field = models.BooleanField()


class Contract(TenantModel):
    """An agreement between a seller and a customer, half-open in UTC (null = open).

    status  ``offered`` until a version of it is accepted: nothing is billed or authorised by it; ``suspended`` while a
            ``Suspension`` of it is not lifted; only ``suspending`` moves to it and back
    reminder_days, reminder_fees  one of each a reminder; fees in the invoice's currency
    """

    TENANT = ("seller", "customer__organisation")

    class Status(models.TextChoices):
        OFFERED = "offered", "Offered"
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        ENDED = "ended", "Ended"

    class CollectsOn(models.TextChoices):
        ISSUE = "issue", "At issue"
        DUE = "due", "On the due date"
        WALLET = "wallet", "From the prepaid wallet"

    uid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="contracts")
    tier = models.ForeignKey(
        MembershipTier,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="contracts",
        verbose_name="membership tier",
    )
    number = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    collects_on = models.CharField(
        max_length=6,
        choices=CollectsOn.choices,
        default=CollectsOn.ISSUE,
        help_text="When an invoice is taken from the saved card or account.",
    )
    debit_notice_days = models.PositiveSmallIntegerField(
        default=1,
        validators=[MaxValueValidator(60)],
        help_text="Days by which a debit is announced before it is made; agreed with the customer.",
    )
    billing_cycle = models.CharField(
        "billed",
        max_length=7,
        choices=[
            (BillingCycle.RUN.value, "With each billing run"),
            (BillingCycle.MONTH.value, "When a month is over"),
            (BillingCycle.QUARTER.value, "When a quarter is over"),
            (BillingCycle.SESSION.value, "After each session"),
        ],
        default=BillingCycle.RUN.value,
        help_text="A plan's billing period goes before it.",
    )
    payment_days = models.PositiveSmallIntegerField(default=14, help_text="Days from issue until an invoice is due.")
    purchase_order = models.CharField(max_length=60, blank=True, help_text="Printed on invoices (BT-13).")
    buyer_reference = models.CharField(
        max_length=80,
        blank=True,
        help_text="By which the customer routes invoices, such as a Leitweg-ID (BT-10). An XRechnung needs it.",
    )
    reminder_days = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(3650)]),
        size=9,
        blank=True,
        default=_default_reminder_days,
        help_text="Days after the due date on which an unpaid invoice is reminded of, such as 7,14,28. Empty: never.",
    )
    reminder_fees = ArrayField(
        models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)]),
        size=9,
        blank=True,
        default=_default_reminder_fees,
        help_text="What each of these reminders costs, for example 0,5,10, in the invoice's currency and without VAT; "
        "as agreed with the customer.",
    )
    reminder_least = models.DecimalField(
        "least amount reminded of",
        max_digits=12,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Less than this open of an invoice is not reminded of, and blocks no card.",
    )
    suspends_after = models.PositiveSmallIntegerField(
        "blocks cards with reminder",
        default=0,
        help_text="The number of the reminder with which the contract's cards are blocked until it is paid; "
        "the reminder before it says so. 0: never.",
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "number"], name="contract_number_unique_per_seller"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="contract_ends_after_start",
            ),
            has_usual_years("valid_from", "valid_to", name="contract_has_usual_years"),
            models.CheckConstraint(
                condition=IsAscending(F("reminder_days")), name="contract_reminds_on_later_and_later_days"
            ),
            models.CheckConstraint(
                condition=Exact(Cardinality(F("reminder_days")), Cardinality(F("reminder_fees"))),
                name="contract_has_a_fee_for_each_reminder",
            ),
            models.CheckConstraint(
                condition=NoneNegative(F("reminder_fees")), name="contract_reminder_fees_are_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(billing_cycle__in=[one.value for one in BillingCycle]), name="contract_cycle_is_known"
            ),
            models.CheckConstraint(condition=Q(reminder_least__gte=0), name="contract_least_reminded_is_not_negative"),
            models.CheckConstraint(
                condition=LessThanOrEqual(F("suspends_after"), Cardinality(F("reminder_days"))),
                name="contract_blocks_cards_with_a_reminder_it_sends",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="contract_offered_begins_by_acceptance",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="offered") & ~pgtrigger.Q(new__status="offered"),
                func="""
                    IF NEW.status <> 'active' OR NOT EXISTS (
                        SELECT 1 FROM contracts_contractversion WHERE contract_id = NEW.id AND status = 'accepted'
                    ) THEN
                        RAISE EXCEPTION 'an offered contract begins by acceptance alone'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} · {self.customer}"


class SpendingLimit(TenantModel):
    """How much a contract may owe and have reserved at once, gross; a contract without one may spend what it likes.

    is_prepaid      ``amount`` is by how much its prepaid wallet may go below zero, perhaps 0; ``owed`` is negative
                    while there is money in the wallet
    session_amount  what each start reserves; its session is stopped when it may cost more
    owed            open invoices and what is not billed yet · reserved  by sessions without a price yet
    stated_at       when ``owed`` was last stated anew
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    contract = models.OneToOneField(Contract, on_delete=models.PROTECT, related_name="spending_limit")
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(
        "limit",
        max_digits=20,
        decimal_places=6,
        help_text="Gross; of a prepaid wallet: by how much it may go below zero.",
    )
    is_prepaid = models.BooleanField("of a prepaid wallet", default=False, editable=False)
    session_amount = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        help_text="What each session reserves, gross; it is stopped before.",
    )
    owed = models.DecimalField(max_digits=20, decimal_places=6, default=0, editable=False)
    reserved = models.DecimalField(max_digits=20, decimal_places=6, default=0, editable=False)
    stated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["contract"]
        constraints = [
            models.CheckConstraint(condition=Q(session_amount__gt=0), name="limit_reserves_something"),
            models.CheckConstraint(
                condition=Q(is_prepaid=True, amount__gte=0) | Q(is_prepaid=False, session_amount__lte=F("amount")),
                name="limit_lets_one_session_begin",
            ),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="limit_reserved_is_not_negative"),
            is_rounded_money("amount", "session_amount", "owed", "reserved", name="limit_amounts_are_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} for {self.contract}"

    @property
    def available(self) -> Decimal:
        """What is neither owed nor reserved; below zero when more is owed than allowed."""
        return self.amount - self.owed - self.reserved
