"""What is there before any history begins: a seller, a connector, and a fleet that owes three invoices."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from apps.contracts.models import Customer
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from tests.factories import Site, make_site, make_user
from tests.integration.invoices.world import make_cdr

BEGIN: Final = datetime(2030, 1, 7, 10, 0, tzinfo=UTC)
"""Ahead of every machine's clock, because Stripe's double only moves on; and the same, so that a seed stays a seed."""
MONTHS: Final = ((date(2029, 10, 31), "20"), (date(2029, 11, 30), "200"), (date(2029, 12, 31), "0.6"))
"""Until when is billed what of it was drawn (kWh): 10.00, 100.00, and 0.30 EUR, which is too little for a card."""


@dataclass(frozen=True, kw_only=True)
class Town:
    site: Site
    customer: Customer
    invoices: tuple[Invoice, ...]
    operator: object


def build() -> Town:
    """Make it; the invoices by the real billing run, with their journals."""
    site = make_site(tax_included=True)
    invoices = []
    for until, kwh in MONTHS:
        at = datetime(until.year, until.month, 10, 8, 0, tzinfo=UTC)
        make_cdr(site=site, started_at=at, kwh=kwh)
        run = run_billing(seller_id=site.owner.pk, until_date=until, at=BEGIN)
        invoices += run.invoices.filter(status="issued")
    assert len(invoices) == len(MONTHS)
    return Town(site=site, customer=site.customer, invoices=tuple(invoices), operator=make_user(is_staff=True))
