"""Stripe's double with money on it, an owner's books beside it, and a platform that collects for an owner."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import stripe

from apps.accounting.models import Agreement
from apps.accounting.services.reconciling import reconcile
from apps.accounts.models import Organisation
from apps.invoices.models import Invoice
from apps.payments import gateway
from apps.payments.models import Payment, Refund
from apps.payments.outcomes import BalanceLine
from apps.payments.services.refunds import refund_document
from tests.factories import Site, make_owner
from tests.integration.payments.conftest import NOON, sandbox, site
from tests.integration.payments.drivers import capture, make_attempt, pay, receipt_of
from tests.integration.tenants import ours, owner

__all__ = ["ours", "owner", "sandbox", "site"]

LONG_AGO = date(2020, 1, 1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# 10 % of net and 0.02 a kWh: of 8.40 net and 20 kWh 0.84 + 0.40 = 1.24, with 19 % VAT 1.24 + 0.24 = 1.48.
RULE = {"percent": Decimal(10), "per_kwh": Decimal("0.02")}


@pytest.fixture
def platform(db) -> Organisation:
    return make_owner(name="Platform SE", iban="DE89370400440532013000", bic="COBADEFFXXX")


def make_agreement(platform: Organisation, owner: Organisation, **changes: object) -> Agreement:
    values = {"platform": platform, "owner": owner, "currency": "EUR", "valid_from": LONG_AGO, **RULE}
    return Agreement.objects.create(**values | changes)


def make_account(sandbox) -> str:
    """Make a connected account at Stripe's double that can be paid to."""
    client = stripe.StripeClient(
        "sk_test_of_payments", stripe_version=gateway.API_VERSION, base_addresses={"api": sandbox.url}
    )
    return client.v1.accounts.create({"type": "express", "capabilities": {"transfers": {"requested": True}}}).id


@pytest.fixture
def account(sandbox) -> str:
    return make_account(sandbox)


@pytest.fixture
def agreement(platform, site, account) -> Agreement:
    return make_agreement(platform, site.owner, connected_account=account)


@pytest.fixture
def by_bank(platform, site) -> Agreement:
    """An owner without an account at Stripe."""
    return make_agreement(platform, site.owner)


def collect(site: Site, kwh: str = "20") -> tuple[Payment, Invoice]:
    """Let a driver charge and pay; 20 kWh at 0.50 are 10.00 gross, 8.40 net."""
    attempt = pay(make_attempt(site))
    receipt = receipt_of(attempt, site, kwh=kwh)
    capture(receipt)
    attempt.payment.refresh_from_db()
    return attempt.payment, receipt


def give_back(receipt: Invoice, at: datetime = NOON, **more: object) -> Refund:
    """Give a receipt back, all of it unless told otherwise."""
    (refund,) = refund_document(document_id=receipt.pk, reason="The cable was broken.", by=None, at=at, **more)
    return refund


def next_month(at: datetime) -> datetime:
    """Return an instant in the month after ``at``'s, noon UTC of its second day."""
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return datetime(year, month, 2, 12, tzinfo=UTC)


def earn(site, hold: str = "25.00") -> tuple[Invoice, Payment]:
    """Let a driver charge 20 kWh at 0.50: 10.00 captured, of which Stripe keeps 0.40 (1.5 % + 0.25)."""
    receipt = receipt_of(pay(make_attempt(site, Decimal(hold))), site)
    capture(receipt)
    return receipt, Payment.objects.get(attempt__receipt=receipt)


def compare(at=NOON + HOUR, since=None) -> list[tuple[str, str, str]]:
    """Reconcile; return kind, what we say and the proposed cause of each difference."""
    return [(each.kind.value, each.we_say, each.cause) for each in reconcile(since=since, at=at)]


def line(**changes: object) -> BalanceLine:
    """Return a balance transaction as Stripe would tell it: a fee of 2.00 that belongs to no payment."""
    told = BalanceLine(
        stripe_id="txn_of_a_test",
        kind="stripe_fee",
        amount=Decimal("-2.00"),
        fee=Decimal("0.00"),
        net=Decimal("-2.00"),
        currency="EUR",
        source="",
        intent="",
        description="Radar for Fraud Teams",
        created_at=NOON,
        available_on=NOON,
    )
    return replace(told, **changes)


@pytest.fixture
def earned(sandbox, site) -> tuple[Invoice, Payment]:
    return earn(site)
