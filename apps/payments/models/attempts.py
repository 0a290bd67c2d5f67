"""A driver's wish to charge, and where the money for it is."""

import secrets
from datetime import datetime
from typing import Final

import pgtrigger
from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.payments.domain.status import ATTEMPT_ENDS, BEFORE_MONEY, AttemptStatus, advance_attempt
from apps.payments.domain.status_words import attempt_in_words

_BEFORE_MONEY: Final = sorted(status.value for status in BEFORE_MONEY)
_ENDS: Final = sorted(status.value for status in ATTEMPT_ENDS)
_ENDS_IN_SQL: Final = ", ".join(f"'{status}'" for status in _ENDS)


def new_token() -> str:
    """Return 128 random bits as 22 characters that an address can hold."""
    return secrets.token_urlsafe(16)


class PaymentAttempt(TenantModel):
    """One driver's try to pay for one charge: a hold first, then a grant, at the end one capture of the receipt.

    token           names the driver's pages; whoever knows it is the driver
    pay_code        of the sticker that was scanned
    page_key        of the page on which the price was read: its button makes one attempt however often it is hit
    hold_amount     gross, the most that can be captured; 0: the tariff is free, nothing is held and nothing at Stripe
    checkout_url    of the page while it is open, so that a second click leads to the same one; blank afterwards
    grant           the permission to start that the hold paid for
    receipt         what the hold is captured for
    buyer           name and address, asked for where the hold is above the country's ceiling for receipts without them
    release_reason  why nothing was taken · failure_*: why a payment or capture came to nothing
    """

    TENANT = ("seller",)

    token = models.CharField(max_length=22, unique=True, default=new_token, editable=False)
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    evse = models.ForeignKey("stations.Evse", verbose_name="EVSE", on_delete=models.PROTECT, related_name="+")
    tariff_version = models.ForeignKey("tariffs.TariffVersion", on_delete=models.PROTECT, related_name="+")
    pay_code = models.CharField(max_length=22)
    page_key = models.CharField(max_length=64, blank=True, editable=False)
    language = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    hold_amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in AttemptStatus], default=AttemptStatus.CREATED
    )
    checkout_session_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    grant = models.OneToOneField(
        "charging_sessions.StartGrant", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    receipt = models.OneToOneField(
        "invoices.Invoice", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    buyer = models.JSONField(default=dict, blank=True)
    failure_code = models.CharField(max_length=80, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    release_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    authorised_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["seller", "created_at"], name="attempt_by_seller_and_time"),
            models.Index(fields=["created_at"], condition=Q(ended_at__isnull=True), name="attempt_under_way"),
            models.Index(
                fields=["grant"],
                condition=Q(grant__isnull=False, receipt__isnull=True),
                name="attempt_without_receipt",
            ),
            models.Index(fields=["evse", "-created_at"], name="attempt_by_evse"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["page_key"], condition=~Q(page_key=""), name="attempt_one_per_page"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in AttemptStatus]), name="attempt_status_is_known"
            ),
            models.CheckConstraint(condition=Q(hold_amount__gte=0), name="attempt_hold_is_not_negative"),
            is_rounded_money("hold_amount", name="attempt_hold_is_rounded"),
            # Nothing is at Stripe for a free charge; and no money is held without the page that took it.
            models.CheckConstraint(
                condition=Q(hold_amount=0, checkout_session_id__isnull=True)
                & Q(status__in=["authorised", "releasing", "released"])
                | Q(hold_amount__gt=0, checkout_session_id__isnull=False)
                | Q(hold_amount__gt=0, checkout_session_id__isnull=True)
                & Q(status__in=["created", "checkout_expired", "payment_failed", "releasing", "released"]),
                name="attempt_holds_money_through_its_page",
            ),
            models.CheckConstraint(
                condition=Q(status__in=_BEFORE_MONEY, grant__isnull=True, receipt__isnull=True)
                | Q(status__in=["authorised", "releasing", "released", "hold_expired", "captured"])
                | Q(status__in=["capturing", "capture_failed"], grant__isnull=False, receipt__isnull=False),
                name="attempt_is_granted_by_its_hold_and_captured_for_its_receipt",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["releasing", "released"]) & ~Q(release_reason="")
                | ~Q(status__in=["releasing", "released"]),
                name="attempt_released_says_why",
            ),
            models.CheckConstraint(
                condition=Q(status__in=_ENDS, ended_at__isnull=False) | ~Q(status__in=_ENDS) & Q(ended_at__isnull=True),
                name="attempt_ended_says_when",
            ),
        ]
        triggers = [
            *frozen(
                "attempt_wish_frozen",
                what="wishes of drivers",
                exempt=(
                    "status",
                    "checkout_session_id",
                    "checkout_url",
                    "grant_id",
                    "receipt_id",
                    "failure_code",
                    "failure_message",
                    "release_reason",
                    "authorised_at",
                    "ended_at",
                    "buyer",
                ),
            ),
            pgtrigger.Trigger(
                name="attempt_only_goes_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"""
                    IF (OLD.status IN ({_ENDS_IN_SQL}) AND NEW.status <> OLD.status)
                       OR (OLD.checkout_session_id IS NOT NULL
                           AND NEW.checkout_session_id IS DISTINCT FROM OLD.checkout_session_id)
                       OR (OLD.grant_id IS NOT NULL AND NEW.grant_id IS DISTINCT FROM OLD.grant_id)
                       OR (OLD.receipt_id IS NOT NULL AND NEW.receipt_id IS DISTINCT FROM OLD.receipt_id)
                    THEN
                        RAISE EXCEPTION 'an attempt never goes back' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="attempt_belongs_together",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM stations_evse e
                        JOIN stations_chargingstation s ON s.id = e.station_id
                        JOIN stations_location l ON l.id = s.location_id
                        JOIN tariffs_tariffversion v ON v.id = NEW.tariff_version_id
                        JOIN tariffs_tariff t ON t.id = v.tariff_id
                        WHERE e.id = NEW.evse_id AND v.currency = NEW.currency
                        AND (l.owner_id, t.owner_id) = (NEW.seller_id, NEW.seller_id)
                    ) THEN
                        RAISE EXCEPTION 'an attempt is for an EVSE and a tariff of its seller, in its currency'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.grant_id IS NOT NULL AND NEW.grant_id IS DISTINCT FROM OLD.grant_id AND NOT EXISTS (
                        SELECT 1 FROM charging_sessions_startgrant g
                        WHERE g.id = NEW.grant_id AND g.contract_id IS NULL
                        AND (g.limit_amount = NEW.hold_amount OR NEW.hold_amount = 0)
                        AND (g.seller_id, g.evse_id, g.tariff_version_id, g.currency)
                            = (NEW.seller_id, NEW.evse_id, NEW.tariff_version_id, NEW.currency)
                    ) THEN
                        RAISE EXCEPTION 'a hold pays for an anonymous grant of its EVSE and tariff, up to its amount'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.receipt_id IS NOT NULL AND NEW.receipt_id IS DISTINCT FROM OLD.receipt_id AND NOT EXISTS (
                        SELECT 1 FROM invoices_invoice i
                        JOIN invoices_invoiceline n ON n.invoice_id = i.id
                        JOIN charging_sessions_cdr c ON c.id = n.cdr_id
                        JOIN charging_sessions_chargingsession s ON s.id = c.session_id AND s.status = 'settled'
                        JOIN charging_sessions_startgrant g ON g.used_by_session_id = s.id
                        WHERE i.id = NEW.receipt_id AND i.kind = 'receipt' AND i.status = 'issued'
                        AND g.id = NEW.grant_id AND (i.seller_id, i.currency) = (NEW.seller_id, NEW.currency)
                    ) THEN
                        RAISE EXCEPTION 'a hold is captured for the issued receipt of its settled session'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    @property
    def stands(self) -> str:
        """Say where the money is, to people of the console."""
        return attempt_in_words(self.status)

    def __str__(self) -> str:
        return f"attempt {self.pk} ({self.status})"

    @property
    def is_free(self) -> bool:
        """Whether the tariff can only come to zero, so that nothing is held."""
        return bool(self.hold_amount.amount == 0)

    def set_status(self, status: AttemptStatus, *, at: datetime) -> None:
        """Move on; the caller saves."""
        if status == self.status:
            return
        self.status = advance_attempt(AttemptStatus(self.status), status)
        if status == AttemptStatus.AUTHORISED:
            self.authorised_at = at
            self.failure_code = self.failure_message = ""
        if status in ATTEMPT_ENDS:
            self.ended_at = at

    def set_releasing(self, *, reason: str, at: datetime) -> None:
        """Ask for the money to be given back; the caller saves."""
        self.set_status(AttemptStatus.RELEASING, at=at)
        self.release_reason = reason[:200]
