"""Each audit view is silent over sound books and names what a damaged database says."""

import pytest
from django.db import connection

from apps.core import audit
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from tests.factories import make_site
from tests.integration.invoices.world import APRIL, MARCH_EVENING, bill, make_cdr, revise
from tests.integration.ledger.refusal import triggers_off


@pytest.fixture
def invoice(site) -> Invoice:
    make_cdr(site=site)
    (issued,) = bill(site)
    return issued


def damage(sql: str, *values: object) -> None:
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def found(invariant: str) -> list[tuple[str, str]]:
    return [(row.subject, row.problem) for row in audit.find_violations() if row.invariant == invariant]


class TestSoundBooks:
    def test_show_no_violation(self, invoice, site):
        credit_invoice(invoice_id=invoice.pk, reason="Wrong", at=APRIL, by=None)
        make_cdr(site=site, started_at=MARCH_EVENING.replace(day=12))
        bill(site)

        assert [found(name) for name in ("I2", "I4", "I5", "I6", "I7", "I13")] == [[]] * 6


class TestI2:
    def test_names_a_superseded_line_that_was_never_credited(self, site):
        cdr = make_cdr(site=site, kwh="20")
        (first,) = bill(site)
        revise(cdr, kwh="10")
        note, _ = bill(site)

        damage("UPDATE invoices_invoiceline SET net = net + 1 WHERE invoice_id = %s", note.pk)

        line = first.lines.get()
        assert [subject for subject, _ in found("I2")] == [f"invoice line {line.pk}"]


class TestI4:
    def test_names_a_journal_that_does_not_balance(self, invoice):
        damage("UPDATE ledger_ledgerentry SET amount = amount + 1 WHERE amount > 0")

        ((subject, problem),) = found("I4")
        assert subject == f"journal invoice:{invoice.pk}:issued"
        assert problem == "debits exceed credits by 1.000000 EUR"


class TestI5:
    @pytest.mark.parametrize(
        ("sql", "says"),
        [
            ("UPDATE invoices_invoiceline SET net = net + 1", "does not follow from the lines"),
            ("UPDATE invoices_invoicetax SET tax = tax + 1", "does not follow from the lines"),
            ("UPDATE invoices_invoice SET net = net + 1, gross = gross + 1", "totals are not the sums"),
            ("UPDATE ledger_ledgerentry SET amount = amount + 1 WHERE amount > 0", "posted as receivable"),
            ("DELETE FROM ledger_ledgerentry", "posted as receivable"),
            ("UPDATE invoices_invoiceline SET gross = 1", "net is not what its gross amount contains"),
        ],
    )
    def test_names_a_document_whose_amounts_disagree(self, invoice, sql, says):
        damage(sql)

        assert f"invoice {invoice.number}" in {subject for subject, _ in found("I5")}
        assert any(says in problem for _, problem in found("I5"))


class TestI6:
    def test_names_an_issued_document_that_says_something_else(self, invoice):
        damage("UPDATE invoices_invoiceline SET place = 'elsewhere'")

        assert found("I6") == [(f"invoice {invoice.number}", "does not hash to what was stored at issue")]


class TestI7:
    def test_names_a_hole(self, invoice):
        damage("UPDATE invoices_numberseries SET last_number = 2")

        ((subject, problem),) = found("I7")
        assert subject == f"series {invoice.series_id} (invoice 2026)"
        assert problem == "counts 2, has 1 documents from 1 to 1"

    def test_names_a_number_of_another_year(self, invoice):
        damage("UPDATE invoices_numberseries SET year = 2027")

        assert found("I7") == [(f"invoice {invoice.number}", "is numbered in a series of another seller, kind or year")]


class TestI13:
    def test_names_a_document_of_another_tenant(self, invoice):
        other = make_site()

        damage("UPDATE contracts_contract SET seller_id = %s WHERE id = %s", other.owner.pk, invoice.contract_id)

        assert (f"invoice {invoice.pk}", "customer, contract, run or credited invoice is of another tenant") in found(
            "I13"
        )

    def test_names_a_line_of_another_contract(self, invoice):
        other = make_site()

        damage("UPDATE charging_sessions_chargingsession SET contract_id = %s", other.contract.pk)

        assert (
            f"invoice line {invoice.lines.get().pk}",
            "bills a session or credits a line of another contract",
        ) in found("I13")
