"""A customer disputes a line; the seller answers with a credit or a reason; or it is withdrawn. Frozen once ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from apps.documents.models import Mail
from apps.invoices.disputed import disputed_amounts, open_disputes, standings_of_lines
from apps.invoices.domain.line_disputes import DisputeGround
from apps.invoices.errors import DisputeRefused
from apps.invoices.models import InvoiceLine, LineDispute
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.invoices.services.disputing import answer_with_reason, open_dispute, withdraw_dispute
from tests.factories import make_site, make_user
from tests.integration.invoices.world import APRIL, MARCH_EVENING, NIGHT_AND_DAY, bill, draft_next, make_cdr
from tests.refusals import refused_by, run_sql

WORDS = "The van was in the workshop that day."
LATER = APRIL + timedelta(days=1)


@pytest.fixture
def invoice(site):
    """Two lines, net: an afternoon's 20 kWh are 9.80, an evening's 10 by day and 10 by night 7.80; with VAT 20.94."""
    make_cdr(site=site)
    make_cdr(site=site, started_at=MARCH_EVENING - timedelta(hours=5))
    (issued,) = bill(site)
    return issued


@pytest.fixture
def driver(db):
    return make_user(name="Ina Fahrt", email="ina@fleet.example")


@pytest.fixture
def clerk(db):
    return make_user(name="Kai Konto")


def line_of(invoice, position: int = 1) -> InvoiceLine:
    return invoice.lines.get(position=position)


def dispute(line, by, *, words: str = WORDS, at=APRIL) -> LineDispute:
    return open_dispute(line_id=line.pk, ground=DisputeGround.NOT_OURS, words=words, at=at, by=by)


class TestOpening:
    def test_keeps_what_was_said_by_whom_and_until_when_it_is_answered(self, invoice, driver):
        opened = dispute(line_of(invoice), driver)

        assert (opened.ground, opened.words, opened.opened_name) == ("not_ours", WORDS, "Ina Fahrt")
        assert opened.answer_by == date(2026, 4, 15)
        assert opened.holds_payment
        mail = Mail.objects.get(kind="line_dispute")
        assert mail.recipient == "ina@fleet.example"
        assert "April 15, 2026" in mail.body
        assert WORDS in mail.body

    def test_holds_back_the_lines_gross(self, invoice, driver):
        line = line_of(invoice)

        dispute(line, driver)

        assert disputed_amounts() == {invoice.pk: (line.net.amount * Decimal("1.19")).quantize(Decimal("0.01"))}

    def test_of_all_lines_holds_back_the_whole_document_to_the_cent(self, invoice, driver):
        for line in invoice.lines.all():
            dispute(line, driver)

        assert disputed_amounts([invoice.pk]) == {invoice.pk: invoice.gross.amount}

    def test_again_with_the_same_words_is_the_first_dispute(self, invoice, driver):
        first, again = dispute(line_of(invoice), driver), dispute(line_of(invoice), driver, at=LATER)

        assert again == first
        assert Mail.objects.filter(kind="line_dispute").count() == 1

    def test_of_a_disputed_line_is_refused(self, invoice, driver, clerk):
        dispute(line_of(invoice), driver)

        with pytest.raises(DisputeRefused, match="disputed already"):
            dispute(line_of(invoice), clerk, words="I say so too.")
        assert LineDispute.objects.count() == 1

    def test_of_a_line_credited_in_full_is_refused(self, invoice, driver, clerk):
        credit_invoice(invoice_id=invoice.pk, reason="Agreed", at=APRIL, by=clerk)

        with pytest.raises(DisputeRefused, match="credited"):
            dispute(line_of(invoice), driver)
        assert not LineDispute.objects.exists()

    def test_of_a_draft_or_a_credit_note_is_refused(self, site, invoice, driver, clerk):
        note = credit_invoice(invoice_id=invoice.pk, reason="Agreed", at=APRIL, by=clerk)
        make_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=1))
        draft = draft_next(contract_id=site.contract.pk, until_date=date(2026, 3, 31))

        for document in (note, draft):
            with pytest.raises(DisputeRefused):
                dispute(line_of(document), driver)

    def test_without_words_is_refused(self, invoice, driver):
        with pytest.raises(DisputeRefused, match="what is wrong"):
            dispute(line_of(invoice), driver, words="  ")

    def test_after_an_answer_holds_nothing_back(self, invoice, driver, clerk):
        first = dispute(line_of(invoice), driver)
        answer_with_reason(dispute_id=first.pk, answer="The card was used.", at=LATER, by=clerk)

        again = dispute(line_of(invoice), driver, at=LATER)

        assert not again.holds_payment
        assert disputed_amounts() == {}
        assert list(open_disputes()) == [again]

    def test_counts_only_what_credits_have_left_of_the_line(self, invoice, driver, clerk):
        line = line_of(invoice)
        dispute(line, driver)
        credit_amounts(
            invoice_id=invoice.pk, amounts={line.pk: line.net.amount - 1}, reason="A part", at=APRIL, by=clerk
        )

        assert disputed_amounts() == {invoice.pk: Decimal("1.19")}
        assert standings_of_lines([line])[line.pk].left == 1


class TestAnsweringWithAReason:
    def test_tells_the_customer_and_ends_it(self, invoice, driver, clerk):
        opened = dispute(line_of(invoice), driver)

        answered = answer_with_reason(dispute_id=opened.pk, answer="Card 1 was used.", at=LATER, by=clerk)

        assert (answered.status, answered.answer, answered.ended_name) == ("explained", "Card 1 was used.", "Kai Konto")
        assert disputed_amounts() == {}
        assert "Card 1 was used." in Mail.objects.filter(kind="line_dispute").latest("pk").body

    def test_twice_is_once(self, invoice, driver, clerk):
        opened = dispute(line_of(invoice), driver)
        for _ in range(2):
            answer_with_reason(dispute_id=opened.pk, answer="No.", at=LATER, by=clerk)

        assert Mail.objects.filter(kind="line_dispute").count() == 2
        with pytest.raises(DisputeRefused, match="answered with a reason"):
            answer_with_reason(dispute_id=opened.pk, answer="Yes.", at=LATER, by=clerk)

    def test_needs_words(self, invoice, driver, clerk):
        opened = dispute(line_of(invoice), driver)

        with pytest.raises(DisputeRefused, match="Say why"):
            answer_with_reason(dispute_id=opened.pk, answer=" ", at=LATER, by=clerk)


class TestWithdrawing:
    def test_ends_it_and_twice_is_once(self, invoice, driver):
        opened = dispute(line_of(invoice), driver)

        first = withdraw_dispute(dispute_id=opened.pk, at=LATER, by=driver)
        again = withdraw_dispute(dispute_id=opened.pk, at=LATER + timedelta(hours=1), by=driver)

        assert (first.status, again.ended_at) == ("withdrawn", LATER)
        assert disputed_amounts() == {}

    def test_after_the_answer_is_refused(self, invoice, driver, clerk):
        opened = dispute(line_of(invoice), driver)
        answer_with_reason(dispute_id=opened.pk, answer="No.", at=LATER, by=clerk)

        with pytest.raises(DisputeRefused, match="meanwhile"):
            withdraw_dispute(dispute_id=opened.pk, at=LATER, by=driver)


class TestTheDatabase:
    def test_refuses_a_second_open_dispute_of_a_line(self, invoice, driver):
        dispute(line_of(invoice), driver)

        with refused_by("line_dispute_one_open_per_line", LineDispute):
            insert(line_of(invoice), driver, holds_payment=False)

    def test_refuses_to_hold_payment_twice(self, invoice, driver):
        withdraw_dispute(dispute_id=dispute(line_of(invoice), driver).pk, at=LATER, by=driver)

        with refused_by("line_dispute_holds_payment_once_per_line", LineDispute):
            insert(line_of(invoice), driver)

    def test_refuses_a_line_of_which_nothing_is_left(self, invoice, driver, clerk):
        credit_invoice(invoice_id=invoice.pk, reason="Agreed", at=APRIL, by=clerk)

        with refused_by("only a line that charges something", LineDispute):
            insert(line_of(invoice), driver)

    @pytest.mark.parametrize(
        ("field", "value", "name"),
        [
            ("ground", "mood", "line_dispute_ground_is_known"),
            ("words", "", "line_dispute_says_what_is_wrong"),
            ("status", "explained", "only a line that charges something"),
            ("answer", "No.", "line_dispute_is_answered_by_a_credit_or_a_reason"),
        ],
    )
    def test_refuses_what_is_no_dispute(self, invoice, driver, field, value, name):
        with refused_by(name, LineDispute):
            insert(line_of(invoice), driver, **{field: value})

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ("status = 'explained', ended_at = now()", "line_dispute_is_answered_by_a_credit_or_a_reason"),
            ("status = 'withdrawn'", "line_dispute_ends_after_it_is_opened"),
            ("status = 'withdrawn', ended_at = '2020-01-01'", "line_dispute_ends_after_it_is_opened"),
            ("words = 'other words'", "what was said in a dispute is kept"),
            ("holds_payment = false", "what was said in a dispute is kept"),
            ("answer_by = '2199-01-01'", "what was said in a dispute is kept"),
        ],
    )
    def test_refuses_to_change_an_open_one_otherwise(self, invoice, driver, change, name):
        opened = dispute(line_of(invoice), driver)

        with refused_by(name, LineDispute):
            run_sql(f"UPDATE invoices_linedispute SET {change} WHERE id = %s", opened.pk)

    def test_refuses_a_credit_note_that_takes_another_line_back(self, invoice, driver, clerk):
        opened, other = dispute(line_of(invoice), driver), line_of(invoice, 2)
        note = credit_amounts(invoice_id=invoice.pk, amounts={other.pk: Decimal(1)}, reason="x", at=APRIL, by=clerk)

        with refused_by("takes its line back", LineDispute):
            run_sql(
                "UPDATE invoices_linedispute SET status = 'credited', answer = 'x', ended_at = now(), ended_by_id = %s,"
                " credit_note_id = %s WHERE id = %s",
                clerk.pk,
                note.pk,
                opened.pk,
            )

    def test_freezes_what_has_ended_but_for_the_address(self, invoice, driver):
        opened = dispute(line_of(invoice), driver)
        withdraw_dispute(dispute_id=opened.pk, at=LATER, by=driver)

        for change in ("answer = 'x'", "status = 'open', ended_at = NULL, ended_by_id = NULL", "ended_name = 'x'"):
            with refused_by("what was said in a dispute is kept", LineDispute):
                run_sql(f"UPDATE invoices_linedispute SET {change} WHERE id = %s", opened.pk)
        with refused_by("what was said in a dispute is kept", LineDispute):
            run_sql("DELETE FROM invoices_linedispute WHERE id = %s", opened.pk)
        run_sql("UPDATE invoices_linedispute SET reply_to = '' WHERE id = %s", opened.pk)


def insert(line, by, **fields) -> LineDispute:
    given = {
        "ground": "not_ours",
        "words": WORDS,
        "holds_payment": True,
        "opened_at": APRIL,
        "opened_by": by,
        "answer_by": date(2026, 4, 15),
    }
    return LineDispute.objects.create(line=line, **given | fields)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def at_once(self, *calls):
        def run(call):
            try:
                return call()
            except DisputeRefused as refusal:
                return refusal
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))

    def invoice(self):
        site = make_site(elements=NIGHT_AND_DAY)
        make_cdr(site=site)
        (issued,) = bill(site)
        return issued

    def test_eight_openings_are_one(self, transactional_db):
        line, people = line_of(self.invoice()), [make_user() for _ in range(8)]

        results = self.at_once(*[lambda one=one: dispute(line, one) for one in people])

        assert LineDispute.objects.count() == 1
        assert sum(isinstance(one, LineDispute) for one in results) == 1
        assert Mail.objects.filter(kind="line_dispute").count() == 1

    def test_an_answer_and_a_withdrawal_end_it_once(self, transactional_db):
        line, person, clerk = line_of(self.invoice()), make_user(), make_user()
        opened = dispute(line, person)

        results = self.at_once(
            lambda: answer_with_reason(dispute_id=opened.pk, answer="No.", at=LATER, by=clerk),
            lambda: withdraw_dispute(dispute_id=opened.pk, at=LATER, by=person),
        )

        opened.refresh_from_db()
        (ended,) = [one for one in results if isinstance(one, LineDispute)]
        assert opened.status == ended.status
        assert Mail.objects.filter(kind="line_dispute").count() == (2 if opened.status == "explained" else 1)
