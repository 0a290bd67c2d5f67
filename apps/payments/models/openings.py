"""What customers owed, or had too much, when their seller came from another system, and what became of it."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import has_usual_day, is_rounded_money
from apps.core.triggers import append_only, frozen


class OpeningItem(TenantModel):
    """A document of the old system as it was open when it was brought in; it has no lines, and its VAT is booked there.

    number    the old system's document · document_date, due_date  of it
    amount    gross, what is open; below zero: the customer has so much too much, and a bank receipt holds it
    reversed  taken back, since it was a mistake: only while nothing settled it; the same number may come again

    Posted receivable against opening balances under its own key; never an invoice, so that nothing bills, numbers or
    declares it again.
    """

    TENANT = ("seller", "customer__organisation")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    number = models.CharField("document", max_length=40)
    document_date = models.DateField("of")
    due_date = models.DateField("due")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    note = models.CharField(max_length=200, blank=True)
    recorded_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    reversed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reversed_at = models.DateTimeField("taken back", null=True, blank=True)
    reversal_reason = models.CharField("why it was taken back", max_length=200, blank=True)

    class Meta:
        ordering = ["due_date", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "number"],
                condition=Q(reversed_at__isnull=True),
                name="opening_item_once_per_document",
            ),
            models.CheckConstraint(condition=~Q(number=""), name="opening_item_names_its_document"),
            models.CheckConstraint(condition=~Q(amount=0), name="opening_item_is_not_nothing"),
            models.CheckConstraint(
                condition=Q(due_date__gte=F("document_date")), name="opening_item_due_after_its_day"
            ),
            has_usual_day("document_date", name="opening_item_has_a_usual_day"),
            has_usual_day("due_date", name="opening_item_is_due_on_a_usual_day"),
            models.CheckConstraint(
                condition=Q(reversed_at__isnull=True, reversed_by__isnull=True, reversal_reason="")
                | Q(reversed_at__isnull=False, reversed_by__isnull=False) & ~Q(reversal_reason=""),
                name="opening_item_taken_back_says_who_and_why",
            ),
            is_rounded_money("amount", name="opening_item_amount_is_rounded"),
        ]
        triggers = [
            *frozen(
                "opening_item_frozen",
                what="opening items",
                exempt=("reversed_by_id", "reversed_at", "reversal_reason"),
            ),
            *frozen(
                "opening_item_taken_back_once", what="items that were taken back", once="OLD.reversed_at IS NOT NULL"
            ),
            pgtrigger.Trigger(
                name="opening_item_of_its_sellers_customer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (SELECT 1 FROM contracts_customer
                                   WHERE id = NEW.customer_id AND seller_id = NEW.seller_id) THEN
                        RAISE EXCEPTION 'an opening item is of a customer of its seller'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # A credit is taken back by its own receipt's money, all of it, so that nothing else can use it.
            pgtrigger.Trigger(
                name="opening_item_taken_back_while_unsettled",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__reversed_at__isnull=False),
                func="""
                    IF (SELECT coalesce(sum(amount), 0) FROM payments_openingsettlement WHERE item_id = NEW.id)
                       <> greatest(-NEW.amount, 0) THEN
                        RAISE EXCEPTION 'what is settled is not taken back' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.number


class OpeningSettlement(TenantModel):
    """So much of an opening item is paid by money that came by bank, or is given up.

    bank_receipt  null: given up as a bad debt, or below zero: paid after all
    reverses      the payment that this one takes back, its mirror image · reason: why; needed but for payments
    decided_by    who did it; null: the system did
    """

    TENANT = ("item__seller", "item__customer__organisation")

    item = models.ForeignKey(OpeningItem, on_delete=models.PROTECT, related_name="settlements")
    bank_receipt = models.ForeignKey(
        "payments.BankReceipt",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="opening_settlements",
    )
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    reverses = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by")
    reason = models.CharField(max_length=200, blank=True)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(bank_receipt__isnull=False, reverses__isnull=True, amount__gt=0)
                | Q(bank_receipt__isnull=False, reverses__isnull=False, amount__lt=0) & ~Q(reason="")
                | Q(bank_receipt__isnull=True, reverses__isnull=True) & ~Q(amount=0) & ~Q(reason=""),
                name="opening_settlement_pays_takes_back_or_gives_up",
            ),
            is_rounded_money("amount", name="opening_settlement_amount_is_rounded"),
        ]
        triggers = [
            *append_only("opening_settlement_append_only", what="settlements of opening items"),
            # It locks as the services do, item before money, so that two at once see each other's sums.
            pgtrigger.Trigger(
                name="opening_settlement_within_item_and_money",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__reverses__isnull=True),
                func="""
                    PERFORM 1 FROM payments_openingitem WHERE id = NEW.item_id FOR UPDATE;
                    PERFORM 1 FROM payments_bankreceipt WHERE id = NEW.bank_receipt_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_openingitem i
                        CROSS JOIN LATERAL (
                            SELECT coalesce(sum(amount), 0) AS all_of_it,
                                   coalesce(sum(amount) FILTER (WHERE bank_receipt_id IS NULL), 0) AS given_up
                            FROM payments_openingsettlement WHERE item_id = i.id
                        ) s
                        LEFT JOIN payments_bankreceipt r ON r.id = NEW.bank_receipt_id
                        WHERE i.id = NEW.item_id AND i.reversed_at IS NULL AND i.currency = NEW.currency
                        AND (i.amount > 0 AND NEW.amount + s.all_of_it BETWEEN 0 AND i.amount
                             OR i.amount < 0 AND r.opening_item_id = i.id AND NEW.amount = -i.amount)
                        AND (NEW.bank_receipt_id IS NULL AND NEW.amount + s.given_up >= 0
                             OR (r.seller_id, r.customer_id, r.currency) = (i.seller_id, i.customer_id, i.currency)
                                AND r.amount >= NEW.amount + payments_receipt_used(r.id))
                    ) THEN
                        RAISE EXCEPTION 'a settlement exceeds its opening item or the money, or joins strangers'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="opening_settlement_takes_back_the_whole",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__reverses__isnull=False),
                func="""
                    PERFORM 1 FROM payments_openingitem WHERE id = NEW.item_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_openingsettlement o JOIN payments_openingitem i ON i.id = o.item_id
                        WHERE o.id = NEW.reverses_id AND o.reverses_id IS NULL AND i.reversed_at IS NULL
                        AND (o.bank_receipt_id, o.item_id, o.currency, o.amount)
                            = (NEW.bank_receipt_id, NEW.item_id, NEW.currency, -NEW.amount)
                    ) THEN
                        RAISE EXCEPTION 'a payment of an opening item is taken back whole'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.item}"
