"""Forms that move money without Stripe, sent eight times at once: each has one effect, and the books agree."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from apps.core.audit import find_violations
from apps.documents.models import Mail
from apps.invoices.models import Invoice, PeriodCharge
from apps.invoices.services.billing import run_billing
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance
from apps.payments.models import Allocation, BankReceipt, BankRepayment, DunningStep, FeeWaiver, WriteOff
from apps.payments.services.allocating import NotAllocatable, take_back
from apps.payments.services.bank import (
    NotRepayable,
    StatementLine,
    allocate_receipt,
    assign_receipt,
    record_receipt,
    request_repayment,
)
from apps.payments.services.dunning import lift_when_paid, remind
from apps.payments.services.fees import waive_fee
from apps.payments.services.write_offs import NotWrittenOff, write_off
from tests.factories import give_plan, make_site, make_user
from tests.integration.invoices.world import APRIL, END_OF_MARCH, bill, make_cdr

from .test_attempt_accidents import together

pytestmark = pytest.mark.django_db(transaction=True)
OVERDUE = datetime(2026, 4, 15, 6, 0, tzinfo=UTC) + timedelta(days=28)


@pytest.fixture
def site(transactional_db):
    return make_site(tax_included=True)


@pytest.fixture
def invoice(site) -> Invoice:
    """10.00 EUR, due on 15 April."""
    make_cdr(site=site, kwh="20")
    (issued,) = bill(site)
    return issued


@pytest.fixture
def clerk(transactional_db):
    return make_user()


def line(reference: str = "", *, amount: str = "10.00") -> StatementLine:
    return StatementLine(
        key="line-1", booked_on=APRIL.date(), amount=Decimal(amount), currency="EUR", reference=reference
    )


def money(invoice: Invoice) -> BankReceipt:
    """Record 10.00 EUR of which nobody knows what it is for."""
    return record_receipt(seller_id=invoice.seller_id, line=line(), at=APRIL)


def eight(deed) -> tuple[list[object], list[str]]:
    """Do it eight times at once; return what came of it, and the names of the refusals."""
    outcomes = together(*[deed] * 8)
    refused = [type(outcome).__name__ for outcome in outcomes if isinstance(outcome, Exception)]
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)], refused


def receivable(invoice: Invoice) -> Decimal:
    return balance(entity_id=invoice.seller_id, role=Role.RECEIVABLE, currency="EUR")


def assert_books_agree() -> None:
    assert [found for found in find_violations() if found.invariant not in {"I9", "I10", "I11"}] == []


class TestABankReceipt:
    def test_of_one_statement_line_is_recorded_and_settled_once(self, invoice):
        done, refused = eight(lambda: record_receipt(seller_id=invoice.seller_id, line=line(invoice.number), at=APRIL))

        assert (len({receipt.pk for receipt in done}), refused) == (1, [])
        assert Allocation.objects.get().amount.amount == Decimal("10.00")
        assert receivable(invoice) == 0
        assert_books_agree()

    def test_settles_an_invoice_once_when_allocated_by_hand(self, invoice, clerk):
        receipt = money(invoice)

        done, refused = eight(
            lambda: allocate_receipt(receipt_id=receipt.pk, invoice_id=invoice.pk, at=APRIL, by=clerk)
        )

        assert (len(done), set(refused)) == (1, {NotAllocatable.__name__})
        assert Allocation.objects.get().amount.amount == Decimal("10.00")
        assert_books_agree()

    def test_is_assigned_once(self, invoice):
        receipt = money(invoice)

        _, refused = eight(lambda: assign_receipt(receipt_id=receipt.pk, customer=invoice.customer, at=APRIL))

        assert refused == []
        assert Allocation.objects.count() == 1
        assert_books_agree()

    def test_is_set_aside_to_be_paid_back_once(self, invoice, clerk):
        receipt = money(invoice)

        done, refused = eight(lambda: request_repayment(receipt_id=receipt.pk, reason="not ours", by=clerk, at=APRIL))

        assert (len(done), set(refused)) == (1, {NotRepayable.__name__})
        assert BankRepayment.objects.get().amount.amount == Decimal("10.00")

    def test_settles_or_is_paid_back_but_never_both(self, invoice, clerk):
        receipt = money(invoice)

        outcomes = together(
            lambda: allocate_receipt(receipt_id=receipt.pk, invoice_id=invoice.pk, at=APRIL, by=clerk),
            lambda: request_repayment(receipt_id=receipt.pk, reason="not ours", by=clerk, at=APRIL),
        )

        assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 1
        assert Allocation.objects.count() + BankRepayment.objects.count() == 1
        assert_books_agree()


class TestAnAllocation:
    def test_is_taken_back_once(self, invoice, clerk):
        record_receipt(seller_id=invoice.seller_id, line=line(invoice.number), at=APRIL)
        allocation = Allocation.objects.get()

        done, refused = eight(lambda: take_back(allocation_id=allocation.pk, reason="wrong", by=clerk, at=APRIL))

        assert (len({row.pk for row in done}), refused) == (1, [])
        assert sum(row.amount.amount for row in Allocation.objects.all()) == 0
        assert_books_agree()


class TestAWriteOff:
    def test_gives_up_what_is_open_once(self, invoice, clerk):
        done, refused = eight(lambda: write_off(invoice_id=invoice.pk, reason="insolvent", by=clerk, at=APRIL))

        assert (len(done), set(refused)) == (1, {NotWrittenOff.__name__})
        assert WriteOff.objects.get().amount.amount == Decimal("10.00")
        assert receivable(invoice) == 0
        assert_books_agree()


class TestAReminder:
    def test_is_one_with_one_mail_and_one_fee(self, invoice, site):
        site.contract.reminder_days, site.contract.reminder_fees = [7], ["5"]
        site.contract.save()

        done, refused = eight(lambda: remind(invoice_id=invoice.pk, at=OVERDUE))

        assert (len([step for step in done if step is not None]), refused) == (1, [])
        assert DunningStep.objects.count() == Mail.objects.filter(kind="reminder").count() == 1
        assert receivable(invoice) == Decimal("15.00")

    def test_that_blocks_cards_while_the_money_comes_leaves_them_charging(self, invoice, site):
        site.contract.reminder_days, site.contract.reminder_fees, site.contract.suspends_after = [7], ["0"], 1
        site.contract.save()

        outcomes = together(
            lambda: remind(invoice_id=invoice.pk, at=OVERDUE),
            lambda: record_receipt(seller_id=invoice.seller_id, line=line(invoice.number), at=OVERDUE),
        )
        lift_when_paid(contract_id=site.contract.pk, at=OVERDUE)

        assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
        site.contract.refresh_from_db()
        assert site.contract.status == "active"

    def test_has_its_fee_given_up_once(self, invoice, site, clerk):
        site.contract.reminder_days, site.contract.reminder_fees = [7], ["5"]
        site.contract.save()
        step = remind(invoice_id=invoice.pk, at=OVERDUE)

        done, refused = eight(lambda: waive_fee(step_id=step.pk, reason="goodwill", by=clerk, at=OVERDUE))

        assert (len({waiver.pk for waiver in done}), refused) == (1, [])
        assert FeeWaiver.objects.count() == 1
        assert receivable(invoice) == Decimal("10.00")


class TestAPlansPeriod:
    def test_is_billed_once_by_eight_runs(self, site):
        give_plan(contract=site.contract, first_day=date(2026, 3, 1), base_fee="30.00", included_kwh="5")
        make_cdr(site=site, kwh="20")

        _, refused = eight(lambda: run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL))

        assert refused == []
        assert Invoice.objects.filter(status="issued").count() == 1
        assert PeriodCharge.objects.count() == 2
        assert_books_agree()
