"""A contract's spending limit is told what it owes: what is billed and open, and what is not billed yet."""

from decimal import Decimal

import pytest

from apps.contracts.models import SpendingLimit
from apps.invoices.services.crediting import credit_amounts, credit_lines
from apps.payments import tasks
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.owing import state_all_owed
from tests.factories import make_contract
from tests.integration.invoices.world import APRIL, bill, make_cdr, revise

pytestmark = pytest.mark.django_db


@pytest.fixture
def limit(site) -> SpendingLimit:
    return SpendingLimit.objects.create(contract=site.contract, currency="EUR", amount="100.00", session_amount="5.00")


def owed(limit) -> Decimal:
    state_all_owed(at=APRIL)
    limit.refresh_from_db()
    return limit.owed


class TestOwed:
    def test_is_what_is_not_billed_then_what_is_billed_then_what_is_left_of_it(self, site, limit):
        make_cdr(site=site, kwh="20")
        assert owed(limit) == Decimal("10.00")

        (invoice,) = bill(site)
        assert owed(limit) == Decimal("10.00")

        line = StatementLine(
            key="1", booked_on=APRIL.date(), amount=Decimal("4.00"), currency="EUR", reference=invoice.number
        )
        record_receipt(seller_id=site.owner.pk, line=line, at=APRIL)
        assert owed(limit) == Decimal("6.00")

    def test_is_less_by_what_was_credited(self, site, limit):
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)
        line = invoice.lines.get()

        credit_amounts(invoice_id=invoice.pk, amounts={line.pk: Decimal("4.00")}, reason="Goodwill", at=APRIL, by=None)
        after_a_part = owed(limit)
        credit_lines(invoice_id=invoice.pk, line_ids=[line.pk], reason="Goodwill", at=APRIL)

        # The document is net: 4.00 × 1.19 = 4.76 are taken back.
        assert (after_a_part, owed(limit)) == (Decimal("5.24"), Decimal("0.00"))

    def test_of_a_record_that_was_revised_is_what_was_billed_until_that_is_credited(self, site, limit):
        cdr = make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        revise(cdr, kwh="30")
        revised = owed(limit)
        credit_lines(invoice_id=invoice.pk, line_ids=[invoice.lines.get().pk], reason="Meter", at=APRIL)

        # 30 kWh × 0.50
        assert (revised, owed(limit)) == (Decimal("10.00"), Decimal("15.00"))

    def test_is_stated_anew_when_the_bell_of_an_invoice_rings(self, site, limit):
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        tasks.state_owed(id=invoice.pk)

        limit.refresh_from_db()
        assert limit.owed == Decimal("10.00")
        assert limit.stated_at is not None

    def test_is_nobody_elses(self, site, limit):
        other = make_contract(customer=site.customer)
        make_cdr(site=site, kwh="20", contract=other, token=None, vehicle=None)

        assert owed(limit) == 0
