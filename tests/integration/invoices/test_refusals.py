"""What the database itself refuses, whoever asks: plain SQL against the constraints and triggers of invoices."""

import pytest
from django.db import connection

from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax, NumberSeries
from apps.invoices.services.crediting import credit_invoice
from tests.integration.invoices.world import APRIL, END_OF_MARCH, MARCH_EVENING, bill, draft_next, make_cdr
from tests.integration.ledger.refusal import refuses


@pytest.fixture
def invoice(site) -> Invoice:
    make_cdr(site=site)
    (issued,) = bill(site)
    return issued


@pytest.fixture
def draft(site) -> Invoice:
    make_cdr(site=site, started_at=MARCH_EVENING.replace(day=20))
    return draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)


class TestIssuedInvoices:
    @pytest.mark.parametrize(
        "change",
        [
            "gross = gross + 1, net = net + 1",
            "number = 'INV-X'",
            "status = 'draft'",
            "seller_party = '{}'",
            "reason = 'x'",
            "buyer_reference = 'x'",
            "invoice_format = 'ubl'",
        ],
    )
    def test_are_never_changed(self, invoice, change):
        refuses(f"UPDATE invoices_invoice SET {change} WHERE id = %s", invoice.pk, says="issued documents are frozen")

    def test_are_never_deleted(self, invoice):
        refuses("DELETE FROM invoices_invoice WHERE id = %s", invoice.pk, says="issued documents are frozen")

    @pytest.mark.parametrize("table", ["invoices_invoiceline", "invoices_invoicetax"])
    def test_keep_their_lines_and_vat_rows(self, invoice, table):
        refuses(f"UPDATE {table} SET net = net + 1", says="issued documents are frozen")
        refuses(f"DELETE FROM {table}", says="issued documents are frozen")

        assert InvoiceLine.objects.count() == InvoiceTax.objects.count() == 1

    def test_get_no_further_lines(self, invoice, draft):
        refuses(
            "UPDATE invoices_invoiceline SET invoice_id = %s, position = 2 WHERE invoice_id = %s",
            invoice.pk,
            draft.pk,
            says="issued documents are frozen",
        )

        assert invoice.lines.count() == 1


class TestInvoices:
    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("number = 'INV-2026-000009'", "invoice_has_a_number_when_issued"),
            ("status = 'issued'", "invoice_has_a_number_when_issued"),
            ("kind = 'credit_note'", "invoice_credit_note_names_invoice_and_reason"),
            ("invoice_format = 'fax'", "invoice_format_is_known"),
            ("gross = gross + 1", "invoice_net_and_tax_make_gross"),
            ("period_to = period_from - 1", "invoice_period_is_forward"),
            ("net = net + 0.001, gross = gross + 0.001", "invoice_amounts_are_rounded"),
        ],
    )
    def test_refuse_what_no_document_is(self, draft, change, constraint):
        refuses(f"UPDATE invoices_invoice SET {change} WHERE id = %s", draft.pk, says=constraint)

    def test_never_share_a_number(self, invoice, draft):
        taken = (
            "UPDATE invoices_invoice d SET status = 'issued', content_hash = 'x', issued_at = i.issued_at,"
            " issue_date = i.issue_date, due_date = i.due_date, series_id = i.series_id, {} FROM invoices_invoice i"
            " WHERE i.id = %s AND d.id = %s"
        )

        refuses(
            taken.format("sequence = i.sequence, number = 'INV-X'"),
            invoice.pk,
            draft.pk,
            says="invoice_number_once_per_series",
        )
        refuses(
            taken.format("sequence = 2, number = i.number"),
            invoice.pk,
            draft.pk,
            says="invoice_number_unique_per_seller",
        )


class TestLines:
    def test_bear_a_revision_once(self, invoice, draft):
        refuses(
            "UPDATE invoices_invoiceline SET cdr_id = (SELECT cdr_id FROM invoices_invoiceline WHERE invoice_id = %s)"
            " WHERE invoice_id = %s",
            invoice.pk,
            draft.pk,
            says="line_record_once_per_vat_category",
        )

    def test_bear_a_revision_on_one_document_whatever_the_vat_category(self, invoice, draft):
        refuses(
            "UPDATE invoices_invoiceline SET tax_rate = 0.07, cdr_id ="
            " (SELECT cdr_id FROM invoices_invoiceline WHERE invoice_id = %s) WHERE invoice_id = %s",
            invoice.pk,
            draft.pk,
            says="line_record_on_one_document",
        )

    def test_bill_a_record_or_credit_a_line(self, draft):
        refuses(
            "UPDATE invoices_invoiceline SET cdr_id = NULL WHERE invoice_id = %s",
            draft.pk,
            says="line_bills_a_record_or_credits_a_line",
        )

    def test_are_credited_at_most_whole(self, invoice, draft):
        credit_invoice(invoice_id=invoice.pk, reason="Wrong", at=APRIL, by=None)

        refuses(
            "UPDATE invoices_invoiceline SET cdr_id = NULL, credits_id = %s WHERE invoice_id = %s",
            invoice.lines.get().pk,
            draft.pk,
            says="take back at most the line",
        )

    def test_are_rounded(self, draft):
        refuses(
            "UPDATE invoices_invoiceline SET net = net + 0.001 WHERE invoice_id = %s",
            draft.pk,
            says="line_amounts_are_rounded",
        )

    def test_vat_rows_are_rounded_too(self, draft):
        refuses(
            "UPDATE invoices_invoicetax SET tax = tax + 0.001 WHERE invoice_id = %s",
            draft.pk,
            says="vat_amounts_are_rounded",
        )


class TestSeries:
    @pytest.mark.parametrize(
        "change", ["last_number = 3", "last_number = 0", "last_number = last_number", "last_number = 2, year = 2027"]
    )
    def test_only_count_up_by_one(self, invoice, change):
        refuses(f"UPDATE invoices_numberseries SET {change}", says="only counts up by one")

    def test_are_never_deleted(self, invoice):
        refuses("DELETE FROM invoices_numberseries", says="only counts up by one")

        assert NumberSeries.objects.get().last_number == 1

    def test_are_one_per_seller_kind_and_year(self, invoice):
        refuses(
            "INSERT INTO invoices_numberseries (seller_id, kind, year, last_number)"
            " SELECT seller_id, kind, year, 0 FROM invoices_numberseries",
            says="series_one_per_seller_kind_and_year",
        )


class TestRuns:
    def test_do_no_more_than_their_contracts(self, invoice):
        refuses("UPDATE invoices_billingrun SET contracts_done = 2", says="run_does_no_more_than_its_contracts")

    def test_run_one_at_a_time_per_seller_and_day(self, invoice):
        again = (
            "INSERT INTO invoices_billingrun (seller_id, until_date, status, is_reviewed, contracts_total,"
            " contracts_done, problems, started_at)"
            " SELECT seller_id, until_date, 'running', false, 0, 0, '[]', started_at FROM invoices_billingrun"
        )
        with connection.cursor() as cursor:
            cursor.execute(again)

        refuses(again + " WHERE status = 'done'", says="run_one_running_per_seller_and_day")

    def test_end_when_done(self, invoice):
        refuses("UPDATE invoices_billingrun SET ended_at = NULL", says="run_ends_when_done")
