"""Payments."""

import uuid
from decimal import Decimal
from typing import Final

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.payments.domain.status import OPEN_PAYMENT, PaymentStatus
from apps.payments.domain.status_words import payment_in_words
from apps.payments.models.attempts import PaymentAttempt

_OPEN: Final = sorted(status.value for status in OPEN_PAYMENT)


class Payment(TenantModel):
    """The mirror of a Stripe PaymentIntent: a collection of an invoice, a driver's hold, or a page on which to pay.

    kind             of a LINK and a TOP_UP the intent is made when somebody types a card on its hosted page
    wallet           of a TOP_UP: the prepaid wallet into which it pays
    page_id, page_url  of a LINK or TOP_UP: its hosted page; the address while it is open
    status           Stripe's word, or ``new`` before Stripe has made the intent
    amount           what is asked for, gross; amount_received: what Stripe took, never shrinks
    amount_capturable, capture_before  of a hold: how much still stands, and until when the bank keeps it
    amount_returned  of a debit that was paid: what the customer's bank took back afterwards
    latest_charge    the last attempt's charge · card_last4: by which a driver finds it again; "" of a debit
    collector        the platform whose Stripe account it goes through, if that is not the seller's own
    failure_*        of the last attempt; the message is for the customer's eyes
    version          grows with each projection, so that an older snapshot never overwrites a newer one
    """

    TENANT = ("seller", "customer__organisation")

    class Kind(models.TextChoices):
        COLLECTION = "collection", "Collection"
        HOLD = "hold", "Hold"
        LINK = "link", "Pay link"
        TOP_UP = "top_up", "Top-up"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at Stripe.")
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    collector = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.COLLECTION)
    customer = models.ForeignKey(
        "contracts.Customer", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    invoice = models.ForeignKey("invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    attempt = models.OneToOneField(
        PaymentAttempt, null=True, blank=True, on_delete=models.PROTECT, related_name="payment"
    )
    wallet = models.ForeignKey(
        "payments.Wallet", null=True, blank=True, on_delete=models.PROTECT, related_name="top_ups"
    )
    status = models.CharField(
        max_length=23, choices=[(s.value, s.value) for s in PaymentStatus], default=PaymentStatus.NEW
    )
    livemode = models.BooleanField()
    stripe_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    page_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    page_url = models.TextField(blank=True)
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    amount_received = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    amount_returned = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    amount_capturable = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    capture_before = models.DateTimeField(null=True, blank=True)
    latest_charge = models.CharField(max_length=255, blank=True)
    card_last4 = models.CharField("card ends in", max_length=4, blank=True)
    balance_transaction = models.CharField(max_length=255, blank=True)
    failure_code = models.CharField(max_length=80, blank=True)
    failure_advice = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["seller", "created_at"], name="payment_by_seller_and_time"),
            models.Index(
                fields=["succeeded_at"],
                condition=Q(status="succeeded", balance_transaction=""),
                name="payment_without_fee",
            ),
            models.Index(fields=["card_last4", "created_at"], condition=~Q(card_last4=""), name="payment_by_card"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "kind"],
                condition=Q(status__in=_OPEN),
                name="payment_one_open_per_document_and_kind",
            ),
            # Eight clicks at once meet here.
            models.UniqueConstraint(
                fields=["wallet"], condition=Q(status__in=_OPEN), name="payment_one_open_top_up_per_wallet"
            ),
            models.CheckConstraint(
                condition=Q(kind="collection", invoice__isnull=False, customer__isnull=False)
                & Q(attempt__isnull=True, wallet__isnull=True)
                | Q(kind="link", invoice__isnull=False, attempt__isnull=True, wallet__isnull=True)
                | Q(kind="hold", invoice__isnull=True, customer__isnull=True, attempt__isnull=False)
                & Q(wallet__isnull=True)
                | Q(kind="top_up", invoice__isnull=True, customer__isnull=False, attempt__isnull=True)
                & Q(wallet__isnull=False),
                name="payment_collects_an_invoice_or_holds_for_an_attempt",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["link", "top_up"]) & (Q(page_id__isnull=False) | Q(page_url=""))
                | ~Q(kind__in=["link", "top_up"]) & Q(page_id__isnull=True, page_url=""),
                name="payment_by_link_has_a_page",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in PaymentStatus]), name="payment_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(collector__isnull=True) | ~Q(collector=F("seller")),
                name="payment_is_collected_by_another_or_by_nobody_else",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(card_last4="") | Q(card_last4__regex=r"^[0-9]{4}$"), name="payment_card_ends_in_four_digits"
            ),
            models.CheckConstraint(
                condition=Q(amount_received__gte=0, amount_received__lte=F("amount")),
                name="payment_receives_at_most_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(amount_capturable=0)
                | Q(
                    kind="hold", status="requires_capture", amount_capturable__gt=0, amount_capturable__lte=F("amount")
                ),
                name="payment_holds_at_most_its_amount",
            ),
            # An intent that Stripe refused to make is canceled without ever having had an id.
            models.CheckConstraint(
                condition=Q(status="new", stripe_id__isnull=True)
                | Q(status="canceled")
                | (~Q(status__in=["new", "canceled"]) & Q(stripe_id__isnull=False)),
                name="payment_has_an_id_once_made",
            ),
            models.CheckConstraint(
                condition=Q(status="succeeded", amount_received__gt=0, succeeded_at__isnull=False)
                | (~Q(status="succeeded") & Q(succeeded_at__isnull=True)),
                name="payment_succeeded_received_something",
            ),
            models.CheckConstraint(
                condition=Q(amount_returned=0, returned_at__isnull=True)
                | Q(kind="collection", status="succeeded", amount_returned__gt=0)
                & Q(amount_returned__lte=F("amount_received"), returned_at__isnull=False),
                name="payment_returned_only_what_was_received",
            ),
            is_rounded_money("amount", "amount_received", "amount_capturable", name="payment_amounts_are_rounded"),
            is_rounded_money("amount_returned", name="payment_amount_returned_is_rounded"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="payment_belongs_to_its_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NEW.kind = 'hold' THEN
                        IF NOT EXISTS (
                            SELECT 1 FROM payments_paymentattempt a WHERE a.id = NEW.attempt_id
                            AND (a.seller_id, a.currency, a.hold_amount) = (NEW.seller_id, NEW.currency, NEW.amount)
                        ) THEN
                            RAISE EXCEPTION 'a hold is of its attempt''s seller, currency and amount'
                            USING ERRCODE = 'check_violation';
                        END IF;
                    ELSIF NEW.kind = 'top_up' THEN
                        IF NOT EXISTS (
                            SELECT 1 FROM payments_wallet w JOIN contracts_contract c ON c.id = w.contract_id
                            WHERE w.id = NEW.wallet_id
                            AND (c.seller_id, c.customer_id, w.currency)
                                = (NEW.seller_id, NEW.customer_id, NEW.currency)
                        ) THEN
                            RAISE EXCEPTION 'a top-up is of its wallet''s seller, customer and currency'
                            USING ERRCODE = 'check_violation';
                        END IF;
                    ELSIF NOT EXISTS (
                        SELECT 1 FROM invoices_invoice i LEFT JOIN contracts_customer c ON c.id = i.customer_id
                        WHERE i.id = NEW.invoice_id AND i.status = 'issued'
                        AND (i.kind = 'invoice' OR i.kind = 'receipt' AND NEW.kind = 'link')
                        AND (i.seller_id, i.currency) = (NEW.seller_id, NEW.currency)
                        AND i.customer_id IS NOT DISTINCT FROM NEW.customer_id
                        AND (c.id IS NULL OR c.seller_id = NEW.seller_id)
                    ) THEN
                        RAISE EXCEPTION 'a payment is for an issued invoice of its seller, customer and currency'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="payment_only_goes_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'payments are never deleted' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.amount_received < OLD.amount_received
                       OR (OLD.stripe_id IS NOT NULL AND NEW.stripe_id IS DISTINCT FROM OLD.stripe_id)
                       OR (OLD.page_id IS NOT NULL AND NEW.page_id IS DISTINCT FROM OLD.page_id)
                       OR (OLD.status IN ('succeeded', 'canceled') AND NEW.status <> OLD.status)
                       OR NEW.version < OLD.version
                       OR (NEW.uid, NEW.kind, NEW.invoice_id, NEW.attempt_id, NEW.livemode, NEW.collector_id,
                           NEW.wallet_id)
                          IS DISTINCT FROM
                          (OLD.uid, OLD.kind, OLD.invoice_id, OLD.attempt_id, OLD.livemode, OLD.collector_id,
                           OLD.wallet_id)
                    THEN
                        RAISE EXCEPTION 'a payment never goes back' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    @property
    def stands(self) -> str:
        """Say how it stands, to people of the console."""
        return payment_in_words(self.status)

    def __str__(self) -> str:
        if self.wallet_id:
            return f"top-up {self.pk}"
        return f"payment {self.pk} of {self.invoice}" if self.invoice_id else f"hold {self.pk}"

    @property
    def checkout_session_id(self) -> str | None:
        """The hosted page on which this is paid: a link's own, or that of a hold's attempt."""
        page_id: str | None = self.attempt.checkout_session_id if self.attempt else self.page_id
        return page_id
