"""What the next invoice would say, without one being made."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from apps.contracts.domain.electronic import InvoiceFormat
from apps.contracts.models import Customer
from apps.documents.models import Document
from apps.invoices.errors import NothingToIssue, PartyIncomplete
from apps.invoices.models import Invoice, InvoiceLine, NumberSeries
from apps.invoices.services.previewing import preview_draft, preview_next
from apps.ledger.models import Journal
from tests.integration.invoices.world import APRIL, END_OF_MARCH, bill, draft_next, make_cdr

ROWS = (Invoice, InvoiceLine, NumberSeries, Journal, Document)


def preview(site) -> PdfReader:
    rendered = preview_next(contract_id=site.contract.pk, until_date=END_OF_MARCH, at=APRIL)
    return PdfReader(BytesIO(rendered.content))


class TestPreviewNext:
    def test_shows_lines_and_totals_of_what_is_due(self, site):
        make_cdr(site=site, kwh="20")

        text = preview(site).pages[0].extract_text()

        assert "Preview of the next invoice" in text
        assert "€9.28" in text
        assert site.customer.name in text

    def test_can_never_be_taken_for_an_invoice(self, site):
        make_cdr(site=site, kwh="20")

        pdf = preview(site)

        assert pdf.attachments == {}
        assert all("Preview · no invoice" in page.extract_text() for page in pdf.pages)
        text = "".join(page.extract_text() for page in pdf.pages)
        for what in ("INV-", "IBAN", "RF", "transfer", "Number", "1 April 2026"):
            assert what not in text

    @pytest.mark.parametrize(
        ("language", "says"),
        [("de", "Vorschau · keine Rechnung"), ("fr", "Aperçu · pas une facture"), ("nl", "Voorbeeld · geen factuur")],
    )
    def test_says_so_in_the_customers_language(self, site, language, says):
        Customer.objects.update(language=language)
        make_cdr(site=site, kwh="20")

        assert says in preview(site).pages[0].extract_text()

    def test_keeps_nothing_and_changes_nothing_that_is_billed_next(self, site):
        make_cdr(site=site, kwh="20")

        preview(site)

        assert not any(model.objects.exists() for model in ROWS)
        assert [invoice.number for invoice in bill(site)] == ["INV-2026-000001"]

    def test_leaves_a_draft_that_stands_as_it_was(self, site):
        make_cdr(site=site, kwh="20")
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)
        before = list(InvoiceLine.objects.values())

        preview(site)

        assert list(InvoiceLine.objects.values()) == before
        assert Invoice.objects.get() == draft

    def test_is_shown_also_where_the_electronic_invoice_would_lack_something(self, site):
        Customer.objects.update(invoice_format=InvoiceFormat.XRECHNUNG_UBL)
        make_cdr(site=site, kwh="20")

        assert preview(site).pages

    def test_says_that_nothing_is_due(self, site):
        with pytest.raises(NothingToIssue, match="nothing is due until 31 March 2026"):
            preview(site)

    def test_says_why_the_document_would_be_refused(self, site):
        Customer.objects.update(street="")
        make_cdr(site=site, kwh="20")

        with pytest.raises(PartyIncomplete, match="has no street"):
            preview(site)


class TestPreviewDraft:
    def test_shows_a_draft_without_touching_it(self, site):
        make_cdr(site=site, kwh="20")
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        rendered = preview_draft(invoice_id=draft.pk, at=APRIL)

        assert "€9.28" in PdfReader(BytesIO(rendered.content)).pages[0].extract_text()
        assert Invoice.objects.get().seller_party == {}

    def test_refuses_what_is_issued(self, site):
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        with pytest.raises(ValueError, match="has its own file"):
            preview_draft(invoice_id=invoice.pk, at=APRIL)
