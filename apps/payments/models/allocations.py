"""What settles a document: money that is allocated to it, and what is given up."""

import pgtrigger
from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only
from apps.payments.models.balances import restates_its_document
from apps.payments.models.bank import BankReceipt
from apps.payments.models.payments import Payment


class Allocation(TenantModel):
    """So much of a payment, of money that came by bank, or of a prepaid wallet settles so much of a document.

    amount    below zero where it is taken back (of bank money), or moved away again (of a payment, to the invoice that
              stands in a receipt's stead; of a wallet, since the document was credited)
    reverses  of bank money: the allocation that this one takes back, its mirror image · reason: why
    decided_by  who allocated or took back; null: the system did
    """

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="allocations")
    bank_receipt = models.ForeignKey(
        BankReceipt, null=True, blank=True, on_delete=models.PROTECT, related_name="allocations"
    )
    wallet = models.ForeignKey(
        "payments.Wallet", null=True, blank=True, on_delete=models.PROTECT, related_name="allocations"
    )
    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    reverses = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by")
    reason = models.CharField(max_length=200, blank=True)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    allocated_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="allocation_amount_is_not_zero"),
            models.CheckConstraint(
                condition=Q(payment__isnull=False, bank_receipt__isnull=True, wallet__isnull=True)
                & Q(reverses__isnull=True)
                | Q(payment__isnull=True, bank_receipt__isnull=False, wallet__isnull=True)
                | Q(payment__isnull=True, bank_receipt__isnull=True, wallet__isnull=False, reverses__isnull=True),
                name="allocation_is_of_one_source",
            ),
            models.CheckConstraint(
                condition=Q(bank_receipt__isnull=True)
                | Q(amount__gt=0, reverses__isnull=True)
                | (Q(amount__lt=0, reverses__isnull=False) & ~Q(reason="")),
                name="allocation_of_bank_money_is_positive_or_takes_one_back",
            ),
            is_rounded_money("amount", name="allocation_amount_is_rounded"),
        ]
        triggers = [
            *append_only("allocation_append_only", what="allocations"),
            restates_its_document("allocation_restates_its_document"),
            # Each locks as the services do, document before money, so that two at once see each other's sums.
            pgtrigger.Trigger(
                name="allocation_within_payment_and_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__payment__isnull=False),
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_payment p JOIN invoices_invoice i ON i.id = NEW.invoice_id
                        LEFT JOIN payments_paymentattempt t ON t.id = p.attempt_id
                        WHERE p.id = NEW.payment_id AND i.status = 'issued'
                        AND (p.invoice_id = i.id OR i.kind = 'invoice' AND p.customer_id = i.customer_id
                             OR i.kind = 'top_up' AND p.wallet_id IS NOT NULL AND p.customer_id = i.customer_id
                             OR i.id = t.receipt_id OR i.replaces_id IN (t.receipt_id, p.invoice_id))
                        AND (p.seller_id, p.currency) = (i.seller_id, i.currency)
                        AND p.currency = NEW.currency
                        AND p.amount_received >= NEW.amount + (SELECT coalesce(sum(amount), 0)
                            FROM payments_allocation WHERE payment_id = NEW.payment_id)
                            + (SELECT coalesce(sum(amount), 0)
                               FROM payments_feeallocation WHERE payment_id = NEW.payment_id)
                            + (SELECT coalesce(sum(f.amount), 0)
                               FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id
                               WHERE d.payment_id = NEW.payment_id AND f.invoice_id IS NULL)
                        AND i.gross + payments_fetched_back(i.id) >= NEW.amount + (SELECT coalesce(sum(amount), 0)
                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)
                        AND 0 <= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM payments_allocation
                            WHERE payment_id = NEW.payment_id AND invoice_id = NEW.invoice_id)
                    ) THEN
                        RAISE EXCEPTION 'an allocation exceeds what was received or billed, or joins strangers'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="allocation_within_bank_receipt_and_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__bank_receipt__isnull=False, new__reverses__isnull=True),
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    PERFORM 1 FROM payments_bankreceipt WHERE id = NEW.bank_receipt_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_bankreceipt r JOIN invoices_invoice i ON i.id = NEW.invoice_id
                        WHERE r.id = NEW.bank_receipt_id AND i.status = 'issued' AND i.kind = 'invoice'
                        AND (r.seller_id, r.customer_id, r.currency, NEW.currency)
                            = (i.seller_id, i.customer_id, i.currency, i.currency)
                        AND r.amount >= NEW.amount + payments_receipt_used(r.id)
                        AND i.gross + payments_fetched_back(i.id) >= NEW.amount + (SELECT coalesce(sum(amount), 0)
                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)
                    ) THEN
                        RAISE EXCEPTION 'an allocation exceeds what was received or billed, or joins strangers'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="allocation_within_wallet_and_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__wallet__isnull=False),
                # A correction may give back to the wallet before the document is credited, so what is taken away is
                # compared with the document alone.
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    PERFORM 1 FROM payments_wallet WHERE id = NEW.wallet_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_wallet w JOIN invoices_invoice i ON i.contract_id = w.contract_id
                        WHERE w.id = NEW.wallet_id AND i.id = NEW.invoice_id
                        AND i.status = 'issued' AND i.kind = 'invoice'
                        AND (w.currency, w.currency) = (i.currency, NEW.currency)
                        AND (NEW.amount < 0 OR NEW.amount <= (SELECT coalesce(-sum(amount), 0)
                                FROM payments_walletmovement
                                WHERE wallet_id = w.id AND kind IN ('session', 'invoice', 'returned')
                                AND lot_id IS NULL)
                            - (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE wallet_id = w.id))
                        AND i.gross + payments_fetched_back(i.id) >= NEW.amount + (SELECT coalesce(sum(amount), 0)
                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)
                        AND 0 <= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM payments_allocation
                            WHERE wallet_id = NEW.wallet_id AND invoice_id = NEW.invoice_id)
                    ) THEN
                        RAISE EXCEPTION 'an allocation exceeds what the wallet paid or what was billed'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="allocation_takes_back_the_whole",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__reverses__isnull=False),
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM payments_allocation o WHERE o.id = NEW.reverses_id AND o.reverses_id IS NULL
                        AND (o.bank_receipt_id, o.invoice_id, o.currency, o.amount) =
                            (NEW.bank_receipt_id, NEW.invoice_id, NEW.currency, -NEW.amount)
                    ) THEN
                        RAISE EXCEPTION 'an allocation is taken back whole' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        # No row beside it is asked: lists show hundreds of these.
        source = "a card or debit" if self.payment_id else "the bank"
        return f"{self.amount} by {'a wallet' if self.wallet_id else source}, {self.allocated_at:%Y-%m-%d}"


class WriteOff(TenantModel):
    """What of a document is given up as a bad debt, or comes back of it.

    amount      gross; > 0 given up, < 0 taken back since money or a credit note settled it after all
    categories  its VAT categories, signed as the amount: list of {category, rate, net, tax}, decimals as strings
    decided_by  who gave it up; null where a dispute was lost, and where it came back
    """

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    categories = models.JSONField()
    reason = models.CharField(max_length=200)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="write_off_is_not_nothing"),
            models.CheckConstraint(condition=~Q(reason=""), name="write_off_says_why"),
            is_rounded_money("amount", name="write_off_amount_is_rounded"),
        ]
        triggers = [
            *append_only("write_off_append_only", what="write-offs"),
            restates_its_document("write_off_restates_its_document"),
            pgtrigger.Trigger(
                name="write_off_within_its_document",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM invoices_invoice i
                        CROSS JOIN LATERAL (SELECT NEW.amount + coalesce(sum(amount), 0) AS total
                                            FROM payments_writeoff WHERE invoice_id = i.id) w
                        WHERE i.id = NEW.invoice_id AND i.status = 'issued' AND i.kind IN ('invoice', 'receipt')
                        AND i.currency = NEW.currency AND w.total >= 0
                        AND (NEW.amount < 0 OR i.gross
                             + (SELECT coalesce(sum(amount), 0) FROM payments_refund
                                WHERE invoice_id = i.id AND status = 'succeeded')
                             + payments_fetched_back(i.id)
                             - (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE invoice_id = i.id)
                             - (SELECT coalesce(sum(-n.gross), 0) FROM invoices_invoice n
                                WHERE n.credits_id = i.id AND n.kind = 'credit_note' AND n.status = 'issued')
                             >= w.total)
                    ) THEN
                        RAISE EXCEPTION 'a write-off exceeds what its document is open for'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.invoice}"
