"""Stripe's double with money on it, and an owner's books beside it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounting.services.reconciling import reconcile
from apps.invoices.models import Invoice
from apps.payments.models import Payment
from apps.payments.outcomes import BalanceLine
from tests.integration.payments.conftest import NOON, sandbox, site
from tests.integration.payments.drivers import capture, make_attempt, pay, receipt_of
from tests.integration.tenants import ours, owner

__all__ = ["ours", "owner", "sandbox", "site"]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


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
