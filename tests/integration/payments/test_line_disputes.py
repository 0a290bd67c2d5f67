"""What a customer disputes is not collected, asked for or reminded of; a credit answers it and gives money back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from apps.invoices.domain.line_disputes import DisputeGround
from apps.invoices.errors import DisputeRefused, DocumentRefused, NotCreditable
from apps.invoices.models import Invoice, LineDispute
from apps.invoices.services.crediting import credit_amounts
from apps.invoices.services.disputing import answer_with_reason, open_dispute, withdraw_dispute
from apps.payments.models import DunningStep, Payment, Refund
from apps.payments.payable import payable_of
from apps.payments.reminders import next_steps, remindable
from apps.payments.selectors import due_invoice_ids, open_amount, owed_now, payment_state
from apps.payments.services.dunning import is_blocked_for, remind
from apps.payments.services.line_disputes import credit_disputed_line
from tests.factories import make_site, make_user
from tests.integration.invoices.world import APRIL, MARCH_EVENING, bill, make_cdr

from .conftest import MINUTE, NOON, charges, collect

pytestmark = pytest.mark.django_db
DUE = datetime(2026, 4, 15, 6, 0, tzinfo=UTC)


def bill_two_lines(site) -> Invoice:
    """Lines of 4.00 and 6.00 gross: 8 and 12 kWh at 0.50; reminders on days 7, 14 and 28, the third blocks."""
    contract = site.contract
    contract.reminder_days, contract.reminder_fees, contract.suspends_after = [7, 14, 28], ["0", "0", "0"], 3
    contract.save()
    # A private person's documents state gross amounts.
    contract.customer.kind = "private"
    contract.customer.save()
    make_cdr(site=site, kwh="8")
    make_cdr(site=site, kwh="12", started_at=MARCH_EVENING + timedelta(days=1))
    (issued,) = bill(site)
    return issued


@pytest.fixture
def invoice(site) -> Invoice:
    return bill_two_lines(site)


@pytest.fixture
def person(db):
    return make_user(name="Ina Fahrt")


@pytest.fixture
def clerk(db):
    return make_user(name="Kai Konto")


def dispute(invoice, person, position: int = 1, *, at=APRIL) -> LineDispute:
    line = invoice.lines.get(position=position)
    return open_dispute(line_id=line.pk, ground=DisputeGround.ENERGY, words="Too much.", at=at, by=person)


def credit(opened, amount: str, clerk, *, at=NOON):
    return credit_disputed_line(dispute_id=opened.pk, amount=Decimal(amount), answer="You are right.", at=at, by=clerk)


class TestCollection:
    def test_takes_the_undisputed_part_and_the_rest_when_the_line_stays(
        self, sandbox, site, save_card, invoice, person, clerk
    ):
        save_card(of=site.customer)
        opened = dispute(invoice, person)

        first = collect(invoice)
        between = due_invoice_ids(at=NOON + timedelta(days=4))
        answer_with_reason(dispute_id=opened.pk, answer="It was measured.", at=NOON, by=clerk)
        second = collect(invoice, at=NOON + timedelta(days=4))

        assert (first.amount.amount, second.amount.amount) == (Decimal("6.00"), Decimal("4.00"))
        assert between == []
        assert charges(sandbox) == [("succeeded", 600), ("succeeded", 400)]
        assert open_amount(invoice) == 0

    def test_takes_nothing_where_all_is_disputed_and_says_so(self, sandbox, site, save_card, invoice, person):
        save_card(of=site.customer)
        for position in (1, 2):
            dispute(invoice, person, position)

        assert due_invoice_ids(at=NOON) == []
        assert collect(invoice) is None
        state = payment_state(invoice)
        assert (state.state, state.open_amount, state.owed_now) == ("disputed", Decimal("10.00"), Decimal("0.00"))
        assert payable_of(invoice).total == 0

    def test_goes_on_when_it_is_withdrawn(self, sandbox, site, save_card, invoice, person):
        save_card(of=site.customer)
        opened = dispute(invoice, person)
        withdraw_dispute(dispute_id=opened.pk, at=NOON, by=person)

        assert collect(invoice).amount.amount == Decimal("10.00")

    def test_lowers_an_intent_that_was_refused_before(self, sandbox, site, save_card, invoice, person):
        save_card("4000000000000341", of=site.customer)
        collect(invoice)
        dispute(invoice, person, at=NOON)
        save_card(of=site.customer)

        # Each call is planned when the one before has ended: the amount first, then the confirmation.
        for minutes in (1, 2):
            collect(invoice, at=NOON + minutes * MINUTE)

        payment = Payment.objects.get(invoice=invoice)
        assert (payment.status, payment.amount.amount) == ("succeeded", Decimal("6.00"))


class TestReminders:
    def test_are_of_the_undisputed_part(self, invoice, person):
        dispute(invoice, person)

        step = remind(invoice_id=invoice.pk, at=DUE + timedelta(days=7))

        assert step.open_amount.amount == Decimal("6.00")

    def test_are_not_sent_where_all_is_disputed(self, invoice, person):
        for position in (1, 2):
            dispute(invoice, person, position)

        assert remind(invoice_id=invoice.pk, at=DUE + timedelta(days=7)) is None
        (step,) = next_steps(remindable(), at=DUE + timedelta(days=7)).values()
        assert step.why == "Its customer disputes all that is open."

    def test_block_no_cards_for_what_was_disputed_before_but_a_later_dispute_lifts_no_block(
        self, site, invoice, person
    ):
        for day in (7, 14, 28):
            remind(invoice_id=invoice.pk, at=DUE + timedelta(days=day))
        assert DunningStep.objects.count() == 3
        for position in (1, 2):
            dispute(invoice, person, position, at=DUE + timedelta(days=29))

        assert is_blocked_for(site.contract.pk)

    def test_that_blocked_are_done_with_once_the_undisputed_part_is_settled(self, site, invoice, person, clerk):
        dispute(invoice, person)
        for day in (7, 14, 28):
            remind(invoice_id=invoice.pk, at=DUE + timedelta(days=day))
        other = invoice.lines.get(position=2)
        credit_amounts(invoice_id=invoice.pk, amounts={other.pk: Decimal("6.00")}, reason="x", at=APRIL, by=clerk)

        assert owed_now(invoice) == 0
        assert not is_blocked_for(site.contract.pk)


class TestAnsweringWithACredit:
    def test_credits_a_part_of_the_line_and_the_rest_is_owed(self, invoice, person, clerk):
        opened = dispute(invoice, person)

        answered, refunds = credit(opened, "1.50", clerk)

        assert (answered.status, answered.ended_name, answered.credit_note.gross.amount) == (
            "credited",
            "Kai Konto",
            Decimal("-1.50"),
        )
        assert refunds == ()
        assert owed_now(invoice) == Decimal("8.50")

    def test_gives_back_what_the_card_had_paid(self, sandbox, site, save_card, invoice, person, clerk):
        save_card(of=site.customer)
        collect(invoice)
        opened = dispute(invoice, person, at=NOON)

        _, (refund,) = credit(opened, "4.00", clerk)

        assert (refund.status, refund.amount.amount) == ("succeeded", Decimal("4.00"))
        assert open_amount(invoice) == 0

    def test_of_more_than_is_left_is_refused_and_nothing_is_kept(self, invoice, person, clerk):
        opened = dispute(invoice, person)

        with pytest.raises(NotCreditable, match=r"4\.00"):
            credit(opened, "4.01", clerk)
        opened.refresh_from_db()
        assert opened.is_open
        assert not invoice.credit_notes.exists()

    def test_twice_credits_once(self, invoice, person, clerk):
        opened = dispute(invoice, person)
        credit(opened, "1.00", clerk)

        with pytest.raises(DisputeRefused, match="meanwhile"):
            credit(opened, "1.00", clerk)
        assert invoice.credit_notes.count() == 1

    def test_of_a_withdrawn_dispute_is_refused(self, invoice, person, clerk):
        opened = dispute(invoice, person)
        withdraw_dispute(dispute_id=opened.pk, at=NOON, by=person)

        with pytest.raises(DisputeRefused):
            credit(opened, "1.00", clerk)
        assert not Refund.objects.exists()
        assert not invoice.credit_notes.exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def at_once(self, *calls):
        def run(call):
            try:
                return call()
            except DocumentRefused as refusal:
                return refusal
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))

    def test_a_credit_and_another_credit_take_back_no_more_than_the_line(self, transactional_db):
        invoice, person, clerk = bill_two_lines(make_site(tax_included=True)), make_user(), make_user()
        opened = dispute(invoice, person)
        line = opened.line

        self.at_once(
            lambda: credit(opened, "3.00", clerk),
            lambda: credit_amounts(
                invoice_id=invoice.pk, amounts={line.pk: Decimal("3.00")}, reason="x", at=NOON, by=clerk
            ),
        )

        opened.refresh_from_db()
        assert invoice.credit_notes.count() == 1
        assert open_amount(invoice) == Decimal("7.00")
        # Whoever was second is refused whole: the dispute is open if and only if the other credit came first.
        assert opened.is_open == (invoice.credit_notes.get().reason == "x")

    def test_a_credit_and_a_withdrawal_end_it_once(self, transactional_db):
        invoice, person, clerk = bill_two_lines(make_site(tax_included=True)), make_user(), make_user()
        opened = dispute(invoice, person)

        self.at_once(
            lambda: credit(opened, "3.00", clerk),
            lambda: withdraw_dispute(dispute_id=opened.pk, at=NOON, by=person),
        )

        opened.refresh_from_db()
        assert invoice.credit_notes.exists() == (opened.status == "credited")
