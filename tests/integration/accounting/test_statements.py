"""A bank statement is uploaded once, each of its lines recorded once, and what is doubtful waits for a person."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.accounting.domain.statements.lines import UnreadableStatement
from apps.accounting.domain.statements.tables import guess, read_table
from apps.accounting.models import BankStatement, BankStatementRow, CsvLayout, Payout
from apps.accounting.services.statements import (
    LayoutNeeded,
    NotDecidable,
    dismiss_row,
    read_statement,
    record_row,
)
from apps.accounting.tasks import sweep_bank_statements
from apps.accounts.domain.roles import Role as MemberRole
from apps.core.audit import find_violations
from apps.ledger.models import Journal
from apps.payments.models import BankReceipt
from apps.payments.selectors import open_amount
from apps.payments.services.bank import StatementLine, record_receipt
from tests.factories import make_member, make_user
from tests.integration.ledger.refusal import refuses
from tests.integration.payments.conftest import customer, invoice, make_organisation, seller
from tests.integration.tenants import signed_in
from tests.unit.accounting.camt import camt, details, entry
from tests.unit.accounting.test_statements import SPARKASSE

__all__ = ["customer", "invoice", "seller"]
pytestmark = pytest.mark.django_db
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def clerk():
    return make_user(email="clerk@example.org")


def upload(seller, content: bytes, *, name: str = "july.xml", at=NOW, **more) -> BankStatement:
    return read_statement(seller_id=seller.pk, file_name=name, content=content, by=None, at=at, **more)


def outcomes(statement: BankStatement) -> list[tuple[str, str]]:
    return [(row.outcome, row.note) for row in statement.rows.order_by("position")]


def assert_clean() -> None:
    assert [found for found in find_violations() if found.invariant in ("I3", "I4", "I13", "I18")] == []


class TestALine:
    def test_settles_the_invoice_that_its_text_names(self, seller, invoice):
        statement = upload(seller, camt(entry("119.00", details(text=f"Rechnung {invoice.number}", ref="B1"))))

        assert outcomes(statement) == [("recorded", f"Settles {invoice.number}.")]
        assert open_amount(invoice) == 0
        receipt = BankReceipt.objects.get()
        assert (receipt.booked_on, receipt.recorded_by) == (date(2026, 7, 20), None)
        journal = Journal.objects.get(key=f"bank_receipt:{receipt.pk}:received")
        assert (journal.posted_on, journal.tax_date) == (date(2026, 7, 20), date(2026, 7, 20))
        assert_clean()

    def test_waits_for_its_owner_where_the_text_names_nobody(self, seller):
        statement = upload(seller, camt(entry("119.00", details(text="thanks"))))

        assert outcomes(statement) == [("recorded", "Nobody knows whose yet.")]

    def test_that_left_is_told_and_not_recorded(self, seller):
        statement = upload(seller, camt(entry("119.00", details(), side="DBIT")))

        assert outcomes(statement) == [("left", "")]
        assert not BankReceipt.objects.exists()

    def test_that_reverses_something_is_for_a_person(self, seller):
        statement = upload(seller, camt(entry("119.00", details(), more="<RvslInd>true</RvslInd>")))

        assert [outcome for outcome, _ in outcomes(statement)] == ["look"]
        assert not BankReceipt.objects.exists()

    def test_of_stripe_books_the_payout_as_arrived(self, seller):
        payout = Payout.objects.create(
            seller=seller,
            stripe_id="po_1",
            livemode=False,
            currency="EUR",
            amount=Decimal("10.58"),
            status="paid",
            is_automatic=True,
            created_at=datetime(2026, 7, 18, tzinfo=UTC),
            arrives_at=datetime(2026, 7, 20, tzinfo=UTC),
            synced_at=NOW,
        )

        statement = upload(seller, camt(entry("10.58", details(payer="STRIPE PAYMENTS EUROPE"))))

        payout.refresh_from_db()
        assert outcomes(statement) == [("payout", "")]
        assert payout.banked_on == date(2026, 7, 20)
        assert Journal.objects.filter(key=f"payout:{payout.pk}:banked").exists()
        assert not BankReceipt.objects.exists()

    def test_of_stripe_without_a_payout_is_for_a_person(self, seller):
        statement = upload(seller, camt(entry("10.58", details(payer="Stripe"))))

        assert outcomes(statement) == [
            ("look", "It seems to be a payout of Stripe's, but none of this amount is on its way.")
        ]


class TestUploadingTwice:
    def test_changes_nothing(self, seller, invoice):
        content = camt(entry("119.00", details(text=invoice.number, ref="B1")))

        first = upload(seller, content)
        again = upload(seller, content, name="other.xml")

        assert first == again
        assert BankStatementRow.objects.count() == BankReceipt.objects.count() == 1

    def test_a_line_in_another_file_is_known_before(self, seller, invoice):
        line = entry("119.00", details(text=invoice.number, ref="B1"))
        upload(seller, camt(line))

        statement = upload(seller, camt(entry("1.00", details(ref="B2")), line))

        assert [outcome for outcome, _ in outcomes(statement)] == ["recorded", "known"]
        assert BankReceipt.objects.count() == 2
        assert_clean()

    def test_is_another_sellers_own_statement(self, seller, invoice):
        other = make_organisation("Other GmbH")
        content = camt(entry("119.00", details(text=invoice.number)))

        mine, theirs = upload(seller, content), upload(other, content)

        assert mine != theirs
        assert outcomes(theirs) == [("recorded", "Nobody knows whose yet.")]
        assert BankReceipt.objects.get(seller=other).customer is None

    def test_goes_on_where_the_first_was_killed(self, seller, invoice, monkeypatch):
        content = camt(entry("1.00", details(ref="B1")), entry("119.00", details(text=invoice.number, ref="B2")))
        with monkeypatch.context() as killed:
            killed.setattr("apps.accounting.services.statements.work_off", lambda **_: None)
            upload(seller, content)
        assert {outcome for outcome, _ in outcomes(BankStatement.objects.get())} == {"waiting"}

        sweep_bank_statements()
        sweep_bank_statements()

        assert [outcome for outcome, _ in outcomes(BankStatement.objects.get())] == ["recorded", "recorded"]
        assert BankReceipt.objects.count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_eight_times_at_once_records_it_once(self, seller, invoice, at_once):
        content = camt(entry("119.00", details(text=invoice.number, ref="B1")))

        made = at_once(*[lambda: upload(seller, content).pk] * 8)

        assert len(set(made)) == 1
        assert BankReceipt.objects.count() == 1
        assert open_amount(invoice) == 0


class TestWhatWasTypedInBefore:
    @pytest.fixture
    def row(self, seller, invoice) -> BankStatementRow:
        line = StatementLine(
            key="typed:1",
            booked_on=date(2026, 7, 20),
            amount=Decimal("119.00"),
            currency="EUR",
            reference=invoice.number,
        )
        record_receipt(seller_id=seller.pk, line=line, at=NOW)
        return upload(seller, camt(entry("119.00", details(text=invoice.number)))).rows.get()

    def test_is_not_recorded_again_by_itself(self, row):
        assert row.outcome == "look"
        assert "recorded before" in row.note
        assert BankReceipt.objects.count() == 1

    def test_is_recorded_when_a_person_says_that_it_is_other_money(self, row, clerk):
        first = record_row(row_id=row.pk, by=clerk, at=NOW)
        again = record_row(row_id=row.pk, by=clerk, at=NOW)

        assert first.receipt == again.receipt
        assert BankReceipt.objects.count() == 2
        assert first.decided_by == clerk

    def test_is_left_alone_with_a_reason(self, row, clerk):
        with pytest.raises(NotDecidable, match="needs a reason"):
            dismiss_row(row_id=row.pk, reason=" ", by=clerk, at=NOW)

        left = dismiss_row(row_id=row.pk, reason="It is the same", by=clerk, at=NOW)

        assert (left.outcome, left.note) == ("dismissed", "It is the same")
        with pytest.raises(NotDecidable):
            dismiss_row(row_id=row.pk, reason="again", by=clerk, at=NOW)
        assert BankReceipt.objects.count() == 1


class TestCsv:
    def test_asks_once_which_columns_say_what_and_remembers_it(self, seller):
        with pytest.raises(LayoutNeeded) as asked:
            upload(seller, SPARKASSE, name="a.csv")
        assert not BankStatement.objects.exists()

        upload(seller, SPARKASSE, name="a.csv", layout=guess(asked.value.table))
        later = SPARKASSE.replace(b"20.07.26", b"22.07.26")
        statement = upload(seller, later, name="b.csv")

        assert [outcome for outcome, _ in outcomes(statement)] == ["recorded", "left"]
        assert CsvLayout.objects.count() == 1

    def test_is_remembered_for_the_seller_alone(self, seller):
        upload(seller, SPARKASSE, layout=guess(read_table(SPARKASSE)))

        with pytest.raises(LayoutNeeded):
            upload(make_organisation("Other GmbH"), SPARKASSE)

    def test_with_a_line_that_cannot_be_read_records_nothing(self, seller):
        broken = SPARKASSE.replace(b"-500,00", b"funf")

        with pytest.raises(UnreadableStatement, match="Line 3: “funf” is no amount"):
            upload(seller, broken, layout=guess(read_table(SPARKASSE)))

        assert not BankStatement.objects.exists()
        assert not CsvLayout.objects.exists()
        assert not BankReceipt.objects.exists()


class TestAStatement:
    def test_warns_of_another_account_and_of_balances_that_do_not_fit(self, seller):
        seller.iban = "DE89370400440532013000"
        seller.save()

        statement = upload(seller, camt(entry("1.00", details())))

        assert (
            statement.warning == "It is of account DE02120300000000202051; your documents name DE89370400440532013000."
        )

    @pytest.mark.parametrize(("currency", "amount"), [("EUR", "0.005"), ("JPY", "1.5"), ("XXX", "1.00")])
    def test_with_amounts_that_no_currency_has_is_refused_whole(self, seller, currency, amount):
        with pytest.raises(UnreadableStatement, match="Nothing was recorded"):
            upload(seller, camt(entry("1.00", details()), entry(amount, details(), currency=currency)))

        assert not BankStatement.objects.exists()

    def test_is_frozen_but_for_what_became_of_its_lines(self, seller):
        upload(seller, camt(entry("1.00", details())))

        refuses("UPDATE accounting_bankstatement SET file_name = 'x'", says="bank statements are frozen")
        refuses("UPDATE accounting_bankstatementrow SET booked_on = '2026-01-01'", says="lines of bank statements")
        refuses("DELETE FROM accounting_bankstatementrow", says="lines of bank statements are frozen")
        refuses(
            "UPDATE accounting_bankstatementrow SET receipt_id = NULL",
            says="statement_row_recorded_has_its_receipt",
        )


class TestPages:
    @pytest.fixture
    def client(self, seller):
        return signed_in(make_member(organisation=seller, role=MemberRole.FINANCE, user=make_user(is_staff=True)).user)

    def send(self, client, content: bytes, name: str):
        page = reverse("admin:accounting_bankstatement_upload")
        return client.post(page, {"file": SimpleUploadedFile(name, content)}, follow=True)

    def test_show_what_became_of_each_line_and_of_a_second_upload(self, seller, client, invoice):
        content = camt(entry("119.00", details(text=invoice.number)))

        first = self.send(client, content, "july.xml").content.decode()
        again = self.send(client, content, "july.xml").content.decode()

        assert f"Settles {invoice.number}." in first
        assert "1 recorded" in first
        assert "It was uploaded before; nothing was changed." in again
        assert BankReceipt.objects.count() == 1

    def test_ask_for_the_columns_of_a_csv_and_then_read_it(self, seller, client):
        asked = self.send(client, SPARKASSE, "july.csv")
        form = asked.context["form"]
        answers = {name: field.initial for name, field in form.fields.items()}

        said = client.post(
            reverse("admin:accounting_bankstatement_upload"),
            {**answers, "content": asked.context["content"], "name": "july.csv"},
            follow=True,
        )

        assert "Which columns of july.csv say what?" in asked.content.decode()
        assert "1 money that left, 1 recorded" in said.content.decode()

    def test_say_what_is_wrong_with_a_file(self, client):
        assert "no camt.053 statement" in self.send(client, b"<a/>", "x.xml").content.decode()
        lost = client.post(reverse("admin:accounting_bankstatement_upload"), {"content": "%%%"}, follow=True)
        assert "Please upload it again" in lost.content.decode()

    def test_let_a_person_decide(self, seller, client):
        upload(seller, camt(entry("10.58", details(payer="Stripe"))))
        row = BankStatementRow.objects.get()

        client.post(reverse("admin:accounting_bankstatementrow_dismiss", args=[row.pk]), {"reason": "Test payout"})
        client.post(reverse("admin:accounting_bankstatementrow_record", args=[row.pk]), {})

        row.refresh_from_db()
        assert row.outcome == "recorded"
