"""Prepaid wallets: what a customer paid in advance for one contract, and every movement of it."""

import uuid
from decimal import Decimal

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only, frozen


def _default_amounts() -> list[Decimal]:
    return [Decimal(25), Decimal(50), Decimal(100)]


class WalletOffer(TenantModel):
    """What a seller offers whoever pays in advance, in its own currency; gross. A wallet copies the last two.

    amounts         the buttons of the top-up page · least, most: of one top-up
    low_balance     the customer is told by mail when less is left; 0: only when nothing is
    bound           by how much a wallet may go below zero · session_amount: what each session reserves
    """

    TENANT = ("seller",)

    seller = models.OneToOneField("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amounts = ArrayField(
        models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(1)]),
        size=6,
        default=_default_amounts,
        verbose_name="amounts offered",
        help_text="The buttons of the top-up page, such as 25,50,100. Another amount can be typed.",
    )
    least = models.DecimalField("least top-up", max_digits=12, decimal_places=2, default=10)
    most = models.DecimalField("largest top-up", max_digits=12, decimal_places=2, default=500)
    low_balance = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        default=10,
        help_text="The customer is told by mail when less than this is left.",
    )
    bound = models.DecimalField(
        "may go below zero by",
        max_digits=12,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Of new wallets; each one's own is its spending limit. What a session costs beyond is invoiced.",
    )
    session_amount = models.DecimalField(
        "each session reserves",
        max_digits=12,
        decimal_places=2,
        default=20,
        help_text="Of new wallets, gross: a session begins only where so much is left, and is stopped before it "
        "costs more.",
    )

    class Meta:
        ordering = ["seller"]
        constraints = [
            models.CheckConstraint(
                condition=Q(least__gt=0, most__gte=F("least")), name="wallet_offer_least_is_not_above_most"
            ),
            models.CheckConstraint(
                condition=Q(low_balance__gte=0, bound__gte=0, session_amount__gt=0),
                name="wallet_offer_amounts_are_not_negative",
            ),
            is_rounded_money(
                "least", "most", "low_balance", "bound", "session_amount", name="wallet_offer_amounts_are_rounded"
            ),
        ]

    def __str__(self) -> str:
        return f"Prepaid by {self.seller}"


class Wallet(TenantModel):
    """The prepaid wallet of one contract; by how much it may go below zero is its spending limit.

    balance  the sum of its movements; moved by them alone
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contract = models.OneToOneField("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    balance = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["contract"]
        constraints = [is_rounded_money("balance", name="wallet_balance_is_rounded")]
        triggers = [
            *frozen("wallet_frozen_but_for_its_balance", what="wallets", exempt=("balance",)),
            pgtrigger.Trigger(
                name="wallet_balance_moves_with_its_movements",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                # Within the movement's own trigger the depth is 2.
                func="""
                    IF TG_OP = 'INSERT' AND NEW.balance <> 0
                       OR TG_OP = 'UPDATE' AND NEW.balance <> OLD.balance AND pg_trigger_depth() < 2 THEN
                        RAISE EXCEPTION 'a wallet''s balance moves with its movements alone'
                        USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"Wallet of {self.contract}"


class WalletMovement(TenantModel):
    """One movement of a wallet, gross, with what caused it; > 0 pays in.

    key      natural key within the wallet, e.g. ``payment:12``; with it also the journal's key
    lot      the top-up whose VAT was paid with it that this is taken from, or given back to; null: VAT is due at use
    tax      the VAT in the amount, with its sign; 0 without a lot
    balance  of the wallet afterwards, written by the database
    kind     SESSION: a charge record's price, or what its correction changed · INVOICE: what an invoice says beyond
             its sessions, or was left open of it · RETURNED: what a credited invoice does not need any more ·
             REFUND, RESTORED: given back to a card, and come back since that failed · TAKEN: what was taken back at
             Stripe without our asking, as by a lost dispute; it alone passes the bound · RETAXED: a taxed top-up pays
             for what an invoice taxes, so its VAT is credited; out of the lot and in again without one
    """

    TENANT = ("wallet__contract__seller", "wallet__contract__customer__organisation")

    class Kind(models.TextChoices):
        TOP_UP = "top_up", "Top-up"
        SESSION = "session", "Charging session"
        INVOICE = "invoice", "Invoice"
        RETURNED = "returned", "Credited invoice"
        REFUND = "refund", "Refund"
        RESTORED = "restored", "Refund that failed"
        TAKEN = "taken", "Taken back by the bank"
        RETAXED = "retaxed", "VAT moved to an invoice"

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    key = models.CharField(max_length=60)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    tax = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    balance = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    lot = models.ForeignKey("payments.Payment", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    payment = models.ForeignKey("payments.Payment", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    cdr = models.ForeignKey("charging_sessions.Cdr", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey("invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    refund = models.ForeignKey("payments.Refund", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200, blank=True)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    moved_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["wallet", "key"], name="wallet_movement_once_per_key"),
            models.UniqueConstraint(
                fields=["cdr"], condition=Q(lot__isnull=True), name="wallet_movement_one_per_charge_record"
            ),
            models.UniqueConstraint(
                fields=["cdr", "lot"], condition=Q(lot__isnull=False), name="wallet_movement_one_per_record_and_lot"
            ),
            models.CheckConstraint(condition=Q(lot__isnull=False) | Q(tax=0), name="wallet_movement_of_a_lot_has_vat"),
            models.CheckConstraint(condition=~Q(amount=0), name="wallet_movement_is_not_zero"),
            models.CheckConstraint(
                condition=Q(kind="top_up", payment__isnull=False, amount__gt=0)
                | Q(kind="session", cdr__isnull=False)
                | Q(kind="invoice", invoice__isnull=False, amount__lt=0)
                | Q(kind="returned", amount__gt=0)
                | Q(kind="refund", refund__isnull=False, amount__lt=0)
                | Q(kind="restored", refund__isnull=False, amount__gt=0)
                | Q(kind="taken", payment__isnull=False, amount__lt=0)
                | Q(kind="retaxed", lot__isnull=False, amount__lt=0)
                | Q(kind="retaxed", lot__isnull=True, amount__gt=0),
                name="wallet_movement_names_its_cause",
            ),
            is_rounded_money("amount", "balance", "tax", name="wallet_movement_amounts_are_rounded"),
        ]
        triggers = [
            *append_only("wallet_movement_append_only", what="movements of wallets"),
            pgtrigger.Trigger(
                name="wallet_movement_moves_it_within_its_bound",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    UPDATE payments_wallet SET balance = balance + NEW.amount
                    WHERE id = NEW.wallet_id AND currency = NEW.currency RETURNING balance INTO NEW.balance;
                    IF NEW.lot_id IS NOT NULL AND NEW.amount + (
                        SELECT coalesce(sum(amount), 0) FROM payments_walletmovement WHERE lot_id = NEW.lot_id)
                        NOT BETWEEN 0 AND (SELECT amount_received FROM payments_payment WHERE id = NEW.lot_id) THEN
                        RAISE EXCEPTION 'a taxed top-up pays no more than it brought' USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.balance IS NULL OR NEW.amount < 0 AND NEW.kind NOT IN ('taken', 'retaxed')
                       AND NEW.balance < -coalesce((
                        SELECT l.amount FROM contracts_spendinglimit l
                        JOIN payments_wallet w ON w.contract_id = l.contract_id
                        WHERE w.id = NEW.wallet_id AND l.is_prepaid), 0) THEN
                        RAISE EXCEPTION 'a wallet is not taken below its bound' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="wallet_movement_within_its_contract",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_wallet w WHERE w.id = NEW.wallet_id
                        AND (NEW.payment_id IS NULL OR EXISTS (
                            SELECT 1 FROM payments_payment p WHERE p.id = NEW.payment_id AND p.wallet_id = w.id))
                        AND (NEW.lot_id IS NULL OR EXISTS (
                            SELECT 1 FROM payments_payment p WHERE p.id = NEW.lot_id AND p.wallet_id = w.id))
                        AND (NEW.refund_id IS NULL OR EXISTS (
                            SELECT 1 FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
                            WHERE r.id = NEW.refund_id AND p.wallet_id = w.id))
                        AND (NEW.invoice_id IS NULL OR EXISTS (
                            SELECT 1 FROM invoices_invoice i
                            WHERE i.id = NEW.invoice_id AND i.contract_id = w.contract_id))
                        AND (NEW.cdr_id IS NULL OR EXISTS (
                            SELECT 1 FROM charging_sessions_cdr c
                            JOIN charging_sessions_chargingsession s ON s.id = c.session_id
                            WHERE c.id = NEW.cdr_id AND s.contract_id = w.contract_id))
                    ) THEN
                        RAISE EXCEPTION 'a movement is of its wallet''s contract' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
