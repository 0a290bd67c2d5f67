"""What comes late into a closed month never fails: it is posted on the first open day under its own tax date."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.accounting.models import Payout
from apps.accounting.services.payouts import bank_payout
from apps.core.audit import find_violations
from apps.ledger.models import Journal
from apps.ledger.services.closings import close_month, following
from apps.payments.models import BankReceipt
from apps.payments.selectors import open_amount
from apps.payments.services.bank import StatementLine, execute_repayment, record_receipt, request_repayment
from tests.factories import make_user
from tests.integration.payments.conftest import NOON

from .conftest import DAY, compare, earn, give_back

pytestmark = pytest.mark.django_db
THIS_MONTH = NOON.date().replace(day=1)
NEXT_MONTH = following(THIS_MONTH)
LATER = NOON + timedelta(days=40)


@pytest.fixture
def clerk():
    return make_user(email="clerk@example.org")


def close(entity, clerk) -> None:
    """Close the month of everything here, long after; what the tests then tell of it comes late."""
    close_month(entity_id=entity.pk, month=THIS_MONTH, by=clerk, at=LATER)


def days_of(entity, part: str) -> set[tuple[date, date]]:
    """Return (posted on, tax date) of the journals whose key has a part."""
    return set(Journal.objects.filter(entity=entity, key__contains=part).values_list("posted_on", "tax_date"))


def assert_clean() -> None:
    assert [found for found in find_violations() if found.invariant in ("I3", "I4", "I18")] == []


class TestIntoAClosedMonth:
    def test_a_driver_pays_and_gets_money_back(self, sandbox, site, clerk):
        close(site.owner, clerk)

        receipt, payment = earn(site)
        give_back(receipt)

        late = {(NEXT_MONTH, NOON.date())}
        assert days_of(site.owner, f"payment:{payment.pk}:received") == late
        assert {day for day, _ in days_of(site.owner, "refund:")} == {NEXT_MONTH}
        # The receipt and its credit note keep the day of the supply.
        assert {day for day, _ in days_of(site.owner, ":issued")} == {NEXT_MONTH}
        assert open_amount(receipt) == 0
        assert_clean()

    def test_a_payout_arrives_at_the_bank(self, sandbox, site, clerk):
        earn(site)
        sandbox.control.pay_out_daily()
        sandbox.control.advance_clock(4 * 86_400)
        close(site.owner, clerk)

        assert compare(at=NOON + 4 * DAY) == []
        payout = Payout.objects.get()
        bank_payout(
            payout_id=payout.pk,
            amount=payout.amount.amount,
            currency="EUR",
            booked_on=THIS_MONTH + timedelta(days=27),
            at=LATER,
        )

        assert days_of(site.owner, f"payout:{payout.pk}:banked") == {(NEXT_MONTH, THIS_MONTH + timedelta(days=27))}
        payout.refresh_from_db()
        assert payout.banked_on == THIS_MONTH + timedelta(days=27)
        assert_clean()

    def test_money_comes_by_bank_and_goes_back(self, site, clerk):
        close(site.owner, clerk)
        day = NOON.date()
        line = StatementLine(key="late", booked_on=day, amount=Decimal("50.00"), currency="EUR")
        receipt = record_receipt(seller_id=site.owner.pk, line=line, at=LATER)
        repayment = request_repayment(receipt_id=receipt.pk, reason="Not ours", by=clerk, at=LATER)
        execute_repayment(repayment_id=repayment.pk, executed_on=day, by=clerk, at=LATER)

        assert days_of(site.owner, "bank_receipt:") == {(NEXT_MONTH, day)}
        assert BankReceipt.objects.get().booked_on == day
        assert_clean()
