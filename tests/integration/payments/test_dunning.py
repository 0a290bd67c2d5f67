"""Reminders of unpaid invoices: on their days, once each, with fees, and cards blocked until it is paid."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.contracts.models import Suspension
from apps.contracts.selectors import find_token
from apps.contracts.suspending import NotSuspended, lift_suspension, suspend_contract
from apps.core.audit import find_violations
from apps.documents.models import Mail
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance
from apps.payments.credit import left_of
from apps.payments.models import DunningPause, DunningStep, FeeAllocation, FeeWaiver
from apps.payments.reminder_fees import open_fees
from apps.payments.reminders import due_reminder_ids, next_steps, remindable
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.dunning import NotReminded, contracts_to_lift, lift_when_paid, pause_reminders, remind
from apps.payments.services.fees import NotWaived, waive_fee
from tests.factories import make_contract, make_token, make_user
from tests.integration.invoices.world import APRIL, bill, make_cdr
from tests.refusals import refused_by, run_sql

from .conftest import journals

pytestmark = pytest.mark.django_db

# Issued on 1 April with 14 days to pay: due on the 15th.
DUE = datetime(2026, 4, 15, 6, 0, tzinfo=UTC)


def days_after(days: int) -> datetime:
    return DUE + timedelta(days=days)


@pytest.fixture
def invoice(site):
    """20 kWh at 0.50 gross are 10.00; reminders on days 7, 14 and 28 for nothing, 5.00 and 10.00; the third blocks."""
    contract = site.contract
    contract.reminder_days, contract.reminder_fees, contract.suspends_after = [7, 14, 28], ["0", "5", "10"], 3
    contract.save()
    make_cdr(site=site, kwh="20")
    (issued,) = bill(site)
    return issued


@pytest.fixture
def clerk(db):
    return make_user()


def remind_on(invoice, *days: int) -> list[DunningStep | None]:
    return [remind(invoice_id=invoice.pk, at=days_after(day)) for day in days]


def pay(invoice, amount: str, *, at: datetime = APRIL, key: str = "") -> object:
    line = StatementLine(
        key=key or f"line-{amount}",
        booked_on=at.date(),
        amount=Decimal(amount),
        currency="EUR",
        reference=invoice.number,
    )
    return record_receipt(seller_id=invoice.seller_id, line=line, at=at)


def other_income(invoice) -> Decimal:
    return -balance(entity_id=invoice.seller_id, role=Role.OTHER_INCOME, currency="EUR")


def card_says(site, at: datetime) -> str:
    return find_token(seller_id=site.owner.pk, uid=site.token.uid, at=at).verdict.value


def assert_books_agree() -> None:
    connection.check_constraints()
    assert [found for found in find_violations() if found.invariant not in {"I9", "I10", "I11"}] == []


class TestReminders:
    def test_go_out_on_their_days_once_each(self, invoice):
        sent = remind_on(invoice, 6, 7, 7, 13, 14, 28, 60)

        assert [step and (step.level, step.days_overdue, step.fee.amount) for step in sent] == [
            None,
            (1, 7, Decimal(0)),
            None,
            None,
            (2, 14, Decimal("5.00")),
            (3, 28, Decimal("10.00")),
            None,
        ]
        assert_books_agree()

    def test_are_found_by_the_sweeper_on_their_day_only(self, invoice):
        assert due_reminder_ids(at=days_after(6)) == []
        assert due_reminder_ids(at=days_after(7)) == [invoice.pk]
        remind_on(invoice, 7)
        assert due_reminder_ids(at=days_after(7)) == []

    def test_are_written_to_the_customer_each_once(self, invoice):
        remind_on(invoice, 7, 14, 28, 28)

        mails = Mail.objects.filter(kind="reminder").order_by("pk")
        assert [mail.subject for mail in mails] == [
            f"Reminder: invoice {invoice.number}",
            f"Reminder 2: invoice {invoice.number} is 14 days overdue",
            f"Last reminder: invoice {invoice.number} is 28 days overdue",
        ]
        first, second, last = (mail.body for mail in mails)
        assert "€10.00 of invoice" in first
        assert "IBAN" in first
        assert "costs" not in first
        assert "This reminder costs €5.00" in second
        assert "cards of contract" in second
        assert "are blocked from now on" in last

    def test_wait_while_a_person_has_paused_them(self, invoice, clerk):
        pause_reminders(
            invoice_id=invoice.pk, until=days_after(10).date(), reason="promised", by=clerk, at=days_after(1)
        )

        assert [step is not None for step in remind_on(invoice, 7, 9, 10)] == [False, False, True]

    def test_stop_when_it_is_paid(self, invoice):
        pay(invoice, "10.00")

        assert remind_on(invoice, 7, 60) == [None, None]
        assert Mail.objects.filter(kind="reminder").count() == 0

    def test_come_late_one_at_a_time_after_an_outage(self, invoice):
        # Nothing ran for 40 days: the first now, the second a week after it.
        sent = remind_on(invoice, 40, 41, 47)

        assert [step and step.level for step in sent] == [1, None, 2]

    def test_can_be_sent_before_their_day_by_a_person_but_not_twice_a_day(self, invoice, clerk):
        step = remind(invoice_id=invoice.pk, at=days_after(2), by=clerk)

        assert (step.level, step.decided_by) == (1, clerk)
        with pytest.raises(NotReminded):
            remind(invoice_id=invoice.pk, at=days_after(2), by=clerk)

    def test_are_refused_before_it_is_due(self, invoice, clerk):
        with pytest.raises(NotReminded):
            remind(invoice_id=invoice.pk, at=days_after(-1), by=clerk)
        assert DunningStep.objects.count() == 0

    def test_say_when_the_next_one_comes_and_why(self, invoice):
        (step,) = next_steps(remindable(), at=days_after(1)).values()

        assert (step.level, step.on, step.why) == (1, days_after(7).date(), "Its day has not come.")

    def test_are_none_where_the_contract_has_none(self, invoice, site):
        site.contract.reminder_days, site.contract.reminder_fees, site.contract.suspends_after = [], [], 0
        site.contract.save()

        assert remind_on(invoice, 60) == [None]


class TestAFee:
    def test_is_other_income_and_no_part_of_the_invoice(self, invoice):
        step = remind_on(invoice, 7, 14)[1]

        assert journals(invoice.seller)[f"reminder:{step.pk}:fee"] == {
            "1200": Decimal("5.00"),
            "4900": Decimal("-5.00"),
        }
        assert remindable().get().open_amount == invoice.gross.amount

    def test_that_is_not_posted_is_found_by_the_audit(self, invoice):
        make_step(invoice, level=1, fee="5.00")

        found = [violation for violation in find_violations() if violation.invariant == "I3"]

        assert [violation.problem for violation in found] == ["costs 5.000000, posted are 0"]

    def test_is_settled_by_what_comes_beyond_the_invoice(self, invoice):
        remind_on(invoice, 7, 14)

        receipt = pay(invoice, "18.00")

        # 10.00 for the invoice, 5.00 for the fee; 3.00 are credit.
        assert FeeAllocation.objects.get().amount.amount == Decimal("5.00")
        assert left_of(receipt) == Decimal("3.00")
        assert list(open_fees(invoice__customer=invoice.customer)) == []
        assert_books_agree()

    def test_stays_open_where_only_the_invoice_is_paid(self, invoice):
        remind_on(invoice, 7, 14)

        pay(invoice, "12.00")

        assert open_fees(invoice__customer=invoice.customer).get().open_fee == Decimal("3.00")

    def test_is_given_up_once_with_a_reason(self, invoice, clerk):
        step = remind_on(invoice, 7, 14)[1]

        with pytest.raises(NotWaived):
            waive_fee(step_id=step.pk, reason=" ", by=clerk, at=days_after(15))
        first = waive_fee(step_id=step.pk, reason="goodwill", by=clerk, at=days_after(15))
        again = waive_fee(step_id=step.pk, reason="again", by=clerk, at=days_after(16))

        assert again == first
        assert other_income(invoice) == 0
        assert list(open_fees(invoice__customer=invoice.customer)) == []

    def test_that_is_paid_is_not_given_up(self, invoice, clerk):
        step = remind_on(invoice, 7, 14)[1]
        pay(invoice, "15.00")

        with pytest.raises(NotWaived):
            waive_fee(step_id=step.pk, reason="goodwill", by=clerk, at=days_after(15))


class TestCards:
    def test_are_blocked_with_the_reminder_that_says_so_until_it_is_paid(self, invoice, site):
        remind_on(invoice, 7, 14)
        before = card_says(site, days_after(20))
        remind_on(invoice, 28)
        blocked = card_says(site, days_after(28))
        pay(invoice, "10.00", at=days_after(30))

        suspension = lift_when_paid(contract_id=site.contract.pk, at=days_after(30))

        assert before == "valid"
        assert blocked != "valid"
        assert (suspension.lift_reason, card_says(site, days_after(31))) == ("What was overdue is paid.", "valid")

    def test_of_another_contract_are_not(self, invoice, site):
        other = make_token(contract=make_contract(customer=site.customer))

        remind_on(invoice, 7, 14, 28)

        assert find_token(seller_id=site.owner.pk, uid=other.uid, at=days_after(28)).verdict.value == "valid"

    def test_stay_blocked_while_a_part_is_open(self, invoice, site):
        remind_on(invoice, 7, 14, 28)
        pay(invoice, "9.99")

        assert contracts_to_lift() == []
        assert lift_when_paid(contract_id=site.contract.pk, at=days_after(30)) is None

    def test_are_found_to_be_lifted_by_the_sweeper(self, invoice, site):
        remind_on(invoice, 7, 14, 28)
        pay(invoice, "10.00")

        assert contracts_to_lift() == [site.contract.pk]

    def test_blocked_by_a_person_are_lifted_by_a_person(self, invoice, site, clerk):
        suspend_contract(
            contract_id=site.contract.pk, cause=Suspension.Cause.MANUAL, reason="stolen cards", at=APRIL, by=clerk
        )
        pay(invoice, "10.00")

        assert lift_when_paid(contract_id=site.contract.pk, at=APRIL) is None
        lift_suspension(contract_id=site.contract.pk, reason="found", at=APRIL, by=clerk)
        assert card_says(site, APRIL) == "valid"
        with pytest.raises(NotSuspended):
            lift_suspension(contract_id=site.contract.pk, reason="again", at=APRIL, by=clerk)


class TestTheDatabase:
    def test_refuses_a_level_that_does_not_follow(self, invoice):
        with refused_by("follows the one before", DunningStep):
            make_step(invoice, level=2)

    def test_refuses_the_same_level_twice(self, invoice):
        make_step(invoice, level=1)

        with refused_by("follows the one before", DunningStep):
            make_step(invoice, level=1)

    def test_refuses_to_change_or_delete_a_reminder(self, invoice):
        make_step(invoice, level=1)

        for sql in ("UPDATE payments_dunningstep SET fee = 0", "DELETE FROM payments_dunningstep"):
            with refused_by("reminders are never changed or deleted", DunningStep):
                run_sql(sql)

    def test_refuses_more_for_a_fee_than_it_is(self, invoice):
        remind_on(invoice, 7, 14)
        receipt = pay(invoice, "10.00")
        step = DunningStep.objects.get(level=2)

        with refused_by("exceeds the fee or the money", FeeAllocation):
            FeeAllocation.objects.create(
                step=step, bank_receipt=receipt, currency="EUR", amount="5.00", allocated_at=APRIL
            )

    def test_refuses_to_give_up_what_costs_nothing(self, invoice, clerk):
        step = make_step(invoice, level=1)

        with refused_by("a fee is given up while nothing of it is paid", FeeWaiver):
            FeeWaiver.objects.create(step=step, reason="x", decided_by=clerk, waived_at=APRIL)

    def test_refuses_a_pause_without_a_reason(self, invoice, clerk):
        with refused_by("dunning_pause_says_why", DunningPause):
            DunningPause.objects.create(invoice=invoice, until=APRIL.date(), decided_by=clerk, decided_at=APRIL)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ("reminder_days = '{14,7,28}'", "contract_reminds_on_later_and_later_days"),
            ("reminder_fees = '{1}'", "contract_has_a_fee_for_each_reminder"),
            ("reminder_fees = '{0,-1,0}'", "contract_reminder_fees_are_not_negative"),
            ("suspends_after = 4", "contract_blocks_cards_with_a_reminder_it_sends"),
        ],
        ids=["days that go back", "too few fees", "a negative fee", "a block with no reminder"],
    )
    def test_refuses_terms_that_make_no_sense(self, site, change, name):
        with refused_by(name, type(site.contract)):
            run_sql(f"UPDATE contracts_contract SET {change} WHERE id = %s", site.contract.pk)

    def test_refuses_two_open_suspensions(self, site):
        Suspension.objects.create(contract=site.contract, cause="manual", reason="x", since=APRIL)

        with refused_by("suspension_one_open_per_contract", Suspension):
            Suspension.objects.create(contract=site.contract, cause="manual", reason="y", since=APRIL)


def make_step(invoice, *, level: int, fee: str = "0.00") -> DunningStep:
    return DunningStep.objects.create(
        invoice=invoice,
        level=level,
        taken_on=days_after(7).date(),
        due_date=invoice.due_date,
        currency="EUR",
        open_amount="10.00",
        fee=fee,
        is_last=False,
        suspends=False,
        threatens=False,
        reason="test",
        taken_at=days_after(7),
    )
