"""Fees in advance: deferred when issued, earned month by month, taken back where a plan ends or is credited."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.contracts.models import ContractPlan
from apps.core.audit import find_violations
from apps.invoices import tasks
from apps.invoices.models import DeferredFee, Invoice, PeriodCharge
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.invoices.services.deferring import due_fee_ids, earn
from apps.ledger.domain.chart import Role
from apps.ledger.models import Journal
from apps.ledger.selectors import balance
from apps.ledger.services.closings import close_month
from tests.factories import give_plan, make_user
from tests.integration.invoices.test_plans import lines_of
from tests.integration.invoices.world import bill
from tests.integration.payments.conftest import journals
from tests.integration.payments.test_attempt_accidents import together
from tests.refusals import refused_by, run_sql

YEARS_END = date(2025, 12, 31)
NEW_YEARS_EVE = datetime(2025, 12, 31, 9, tzinfo=UTC)


def at(month: int, day: int, *, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def books(site, role: Role) -> Decimal:
    return -balance(entity_id=site.owner.pk, role=role, currency="EUR")


def earn_all(now: datetime) -> int:
    return sum(earn(fee_id=fee_id, at=now) for fee_id in due_fee_ids(at=now))


def earned_on(site) -> list[tuple[date, Decimal]]:
    """Return on which day what was earned, in the order of posting."""
    rows = Journal.objects.filter(entity=site.owner, key__startswith="deferred_fee:").order_by("pk")
    return [(row.posted_on, row.entries.get(amount__gt=0).amount.amount) for row in rows]


def assert_books_agree() -> None:
    connection.check_constraints()
    assert [found for found in find_violations() if found.invariant in {"I2", "I3", "I4", "I5", "I6", "I7"}] == []


@pytest.fixture
def invoice(site) -> Invoice:
    """90.00 + 17.10 VAT for the first quarter, issued on 31 December."""
    give_plan(
        contract=site.contract, first_day=date(2026, 1, 1), cycle="quarter", base_fee="90.00", in_advance=True,
        name="Plus",
    )  # fmt: skip
    (issued,) = bill(site, until_date=YEARS_END, at=NEW_YEARS_EVE)
    return issued


@pytest.fixture
def changed(site, invoice) -> Invoice:
    """On 11 February another plan begins, of 180.00 a quarter in advance; January is earned."""
    earn_all(at(2, 1))
    ContractPlan.objects.update(end_day=date(2026, 2, 11))
    give_plan(
        contract=site.contract, first_day=date(2026, 2, 11), cycle="quarter", base_fee="180.00", in_advance=True,
        name="Max",
    )  # fmt: skip
    (issued,) = bill(site, until_date=date(2026, 2, 10), at=at(2, 10))
    return issued


class TestAFeeInAdvance:
    def test_is_deferred_when_it_is_issued_and_its_vat_is_not(self, site, invoice):
        assert journals(site.owner)[f"invoice:{invoice.pk}:issued"] == {
            "1200": Decimal("107.10"),
            "2500": Decimal("-90.00"),
            "2200": Decimal("-17.10"),
        }
        assert [(fee.last_day, fee.amount.amount) for fee in DeferredFee.objects.all()] == [
            (date(2026, 1, 31), Decimal("31.00")),
            (date(2026, 2, 28), Decimal("28.00")),
            (date(2026, 3, 31), Decimal("31.00")),
        ]
        assert_books_agree()

    def test_is_earned_month_by_month_when_each_is_over(self, site, invoice):
        told = [earn_all(now) for now in (at(1, 31), at(2, 1), at(2, 1), at(3, 1), at(4, 1), at(5, 1))]

        assert told == [0, 1, 0, 1, 1, 0]
        assert earned_on(site) == [
            (date(2026, 1, 31), Decimal("31.00")),
            (date(2026, 2, 28), Decimal("28.00")),
            (date(2026, 3, 31), Decimal("31.00")),
        ]
        assert (books(site, Role.DEFERRED_FEES), books(site, Role.REVENUE_ENERGY)) == (0, Decimal("90.00"))
        assert_books_agree()

    def test_is_earned_by_the_sellers_clock(self, site, invoice):
        # 23:30 UTC on 31 January is half past midnight in Berlin.
        assert earn_all(datetime(2026, 1, 31, 22, 30, tzinfo=UTC)) == 0
        assert earn_all(datetime(2026, 1, 31, 23, 30, tzinfo=UTC)) == 1

    def test_is_posted_on_the_first_open_day_where_its_month_is_closed(self, site, invoice):
        close_month(entity_id=site.owner.pk, month=date(2026, 1, 1), by=make_user(), at=at(2, 2))

        earn_all(at(2, 3))

        assert earned_on(site) == [(date(2026, 2, 1), Decimal("31.00"))]
        assert Journal.objects.get(key__startswith="deferred_fee:").tax_date == date(2026, 2, 1)
        assert_books_agree()

    def test_issued_late_defers_what_is_not_over(self, site):
        give_plan(
            contract=site.contract, first_day=date(2026, 1, 1), cycle="quarter", base_fee="90.00", in_advance=True
        )
        (late,) = bill(site, until_date=YEARS_END, at=at(2, 10))

        assert journals(site.owner)[f"invoice:{late.pk}:issued"] == {
            "1200": Decimal("107.10"),
            "4000": Decimal("-31.00"),
            "2500": Decimal("-59.00"),
            "2200": Decimal("-17.10"),
        }
        assert_books_agree()

    def test_after_its_period_is_no_fee_in_advance(self, site):
        give_plan(contract=site.contract, first_day=date(2026, 1, 1), base_fee="30.00")
        bill(site, until_date=date(2026, 1, 31), at=at(2, 1))

        assert not DeferredFee.objects.exists()
        assert books(site, Role.REVENUE_ENERGY) == Decimal("30.00")

    def test_is_earned_by_the_task_on_the_clock_of_now(self, site, invoice):
        tasks.earn_fees()
        tasks.earn_fees()

        assert books(site, Role.DEFERRED_FEES) == 0


class TestWhatIsTakenBack:
    def test_of_a_plan_that_ends_early_leaves_what_its_days_earned(self, site, changed):
        change = changed

        # 41 of 90 days of the old plan, 49 of the new one: 90.00 × 41 ÷ 90 = 41.00, 180.00 × 49 ÷ 90 = 98.00.
        assert sorted(amount for _, amount in lines_of(change)) == [Decimal(-90), Decimal(41), Decimal(98)]
        # January's 31.00 are taken back and earned anew; 59.00 − 59.00 + 10.00 + 98.00 are deferred.
        assert journals(site.owner)[f"invoice:{change.pk}:issued"] == {
            "1200": Decimal("58.31"),
            "2500": Decimal("-49.00"),
            "2200": Decimal("-9.31"),
        }
        assert books(site, Role.DEFERRED_FEES) == Decimal("108.00")
        assert_books_agree()

    def test_of_a_plan_that_ends_early_is_earned_to_the_cent(self, site, changed):
        earn_all(at(3, 1))
        # 28.00 − 28.00 + 10.00 + 98.00 × 18 ÷ 49 = 36.00
        after_february = books(site, Role.REVENUE_ENERGY)
        earn_all(at(4, 1))

        assert after_february == Decimal("77.00")
        assert (books(site, Role.DEFERRED_FEES), books(site, Role.REVENUE_ENERGY)) == (0, Decimal("139.00"))
        assert_books_agree()

    def test_by_a_credit_note_takes_back_each_months_part(self, site, invoice):
        earn_all(at(2, 1))
        note = credit_invoice(invoice_id=invoice.pk, reason="agreed", at=at(2, 10), by=None)

        # January's 31.00 were earned, the other 59.00 are still deferred.
        assert journals(site.owner)[f"invoice:{note.pk}:issued"] == {
            "1200": Decimal("-107.10"),
            "4000": Decimal("31.00"),
            "2500": Decimal("59.00"),
            "2200": Decimal("17.10"),
        }
        assert books(site, Role.DEFERRED_FEES) == 0
        earn_all(at(4, 1))
        assert (books(site, Role.DEFERRED_FEES), books(site, Role.REVENUE_ENERGY)) == (0, 0)
        assert_books_agree()

    def test_in_part_is_taken_back_by_days_too(self, site, invoice):
        line = invoice.lines.get()
        credit_amounts(invoice_id=invoice.pk, amounts={line.pk: Decimal("45.00")}, reason="half", at=at(1, 5), by=None)

        assert books(site, Role.DEFERRED_FEES) == Decimal("45.00")
        earn_all(at(2, 1))
        # 31.00 − 15.50
        assert books(site, Role.REVENUE_ENERGY) == Decimal("15.50")
        earn_all(at(4, 1))
        assert (books(site, Role.DEFERRED_FEES), books(site, Role.REVENUE_ENERGY)) == (0, Decimal("45.00"))
        assert_books_agree()


class TestTheDaysOfACharge:
    def test_are_those_of_its_span(self, site):
        give_plan(contract=site.contract, first_day=date(2026, 1, 15), cycle="quarter", base_fee="90.00",
                  in_advance=True)  # fmt: skip
        bill(site, until_date=date(2026, 1, 14), at=at(1, 14))

        charge = PeriodCharge.objects.get()
        assert (charge.first_day, charge.last_day) == (date(2026, 1, 15), date(2026, 3, 31))
        # 76 of 90 days: 76.00, a euro a day
        assert [fee.amount.amount for fee in DeferredFee.objects.all()] == [Decimal(17), Decimal(28), Decimal(31)]

    def test_of_what_takes_a_fee_back_are_its(self, changed):
        days = {(charge.kind, charge.first_day, charge.last_day) for charge in PeriodCharge.objects.all()}

        assert days == {
            ("base_fee", date(2026, 1, 1), date(2026, 3, 31)),
            ("reversal", date(2026, 1, 1), date(2026, 3, 31)),
            ("base_fee", date(2026, 1, 1), date(2026, 2, 10)),
            ("base_fee", date(2026, 2, 11), date(2026, 3, 31)),
        }


class TestTheAudit:
    def test_finds_books_that_say_something_else_than_what_is_not_earned(self, site, invoice):
        run_sql("SET CONSTRAINTS ALL IMMEDIATE")
        run_sql("ALTER TABLE invoices_deferredfee DISABLE TRIGGER USER")
        run_sql("DELETE FROM invoices_deferredfee WHERE last_day = '2026-03-31'")
        run_sql("ALTER TABLE invoices_deferredfee ENABLE TRIGGER USER")

        found = [one.problem for one in find_violations() if one.invariant == "I3"]

        assert found == ["stands at 90.000000 EUR, not earned are 59.000000"]

    def test_finds_a_month_that_is_over_and_not_earned(self, site, invoice):
        assert [one.problem for one in find_violations() if one.invariant == "I11" and "earned" in one.problem] == [
            f"should have been earned with {day}" for day in ("2026-01-31", "2026-02-28", "2026-03-31")
        ]


class TestTheDatabase:
    def test_refuses_to_change_what_was_deferred(self, invoice):
        for sql in ("UPDATE invoices_deferredfee SET amount = 1", "DELETE FROM invoices_deferredfee"):
            with refused_by("deferred fees are never changed or deleted", DeferredFee):
                run_sql(sql)

    def test_refuses_to_defer_more_than_the_line(self, invoice):
        with refused_by("no more of a line is deferred", DeferredFee):
            DeferredFee.objects.create(
                line=invoice.lines.get(), first_day=date(2026, 4, 1), last_day=date(2026, 4, 30), currency="EUR",
                amount="0.01", vat="DE|S|0.1900",
            )  # fmt: skip

    def test_refuses_a_part_of_two_months(self, invoice):
        with refused_by("deferred_fee_is_of_one_month|no more of a line", DeferredFee):
            DeferredFee.objects.create(
                line=invoice.lines.get(), first_day=date(2026, 4, 1), last_day=date(2026, 5, 30), currency="EUR",
                amount="0.01", vat="DE|S|0.1900",
            )  # fmt: skip


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_four_who_earn_a_month_earn_it_once(self, site, invoice):
        (january, *_) = due_fee_ids(at=at(2, 1) + timedelta(hours=1))

        told = together(*[lambda: earn(fee_id=january, at=at(2, 1))] * 4)

        assert not [one for one in told if isinstance(one, Exception)]
        assert earned_on(site) == [(date(2026, 1, 31), Decimal("31.00"))]
