"""The PDF of an invoice: an archive file (PDF/A-3b) with its data inside, as Factur-X has it."""

from io import BytesIO

import facturx
import pytest
from pypdf import PdfReader
from pypdf.generic import IndirectObject

from apps.contracts.domain.electronic import InvoiceFormat
from apps.documents.models import Document
from apps.invoices import selectors
from apps.invoices.services.receipts import issue_receipt
from apps.invoices.services.rendering import render_document
from tests.integration.invoices.test_electronic import ready_for_xrechnung
from tests.integration.invoices.world import APRIL, bill, make_cdr, make_paid_cdr
from tests.official import complaints


def pdf_of(document: Document) -> PdfReader:
    return PdfReader(BytesIO(bytes(document.content)))


def fonts_of(pdf: PdfReader) -> dict[str, bool]:
    """Return the name of each font of each page, and whether its program is in the file."""
    fonts = {}
    for page in pdf.pages:
        for font in page["/Resources"]["/Font"].values():
            face = font.get_object()
            for descendant in face.get("/DescendantFonts", [face]):
                descriptor = descendant.get_object()["/FontDescriptor"]
                embedded = {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
                fonts[str(face["/BaseFont"])] = bool(embedded)
    return fonts


@pytest.fixture
def invoice(site):
    make_cdr(site=site, kwh="20")
    (issued,) = bill(site)
    return issued


class TestThePdf:
    @pytest.fixture
    def pdf(self, invoice):
        return pdf_of(render_document(invoice_id=invoice.pk, at=APRIL))

    def test_carries_the_data_that_are_kept_beside_it_byte_for_byte(self, pdf, invoice):
        assert pdf.attachments == {"factur-x.xml": [bytes(selectors.get_data(invoice).content)]}

    def test_is_found_by_a_reader_of_factur_x(self, invoice):
        document = render_document(invoice_id=invoice.pk, at=APRIL)

        name, xml = facturx.get_facturx_xml_from_pdf(bytes(document.content), check_xsd=True)

        assert name == "factur-x.xml"
        assert complaints(xml, as_format=InvoiceFormat.FACTURX) == []

    def test_says_that_the_data_are_an_alternative_to_what_is_printed(self, pdf):
        (named,) = pdf.trailer["/Root"]["/AF"]

        assert isinstance(named, IndirectObject)
        assert named.get_object()["/AFRelationship"] == "/Alternative"
        assert named.get_object()["/EF"]["/F"]["/Subtype"] in {"/text/xml", "/application/xml"}

    def test_states_archive_level_and_factur_x_in_one_description(self, pdf):
        xmp = pdf.trailer["/Root"]["/Metadata"].get_data().decode()

        assert xmp.count("<rdf:RDF") == 1
        assert 'pdfaid:part="3" pdfaid:conformance="B"' in xmp
        assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in xmp
        assert "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>" in xmp
        assert "<pdfaSchema:prefix>fx</pdfaSchema:prefix>" in xmp

    def test_needs_nothing_else_to_be_shown(self, pdf):
        fonts = fonts_of(pdf)

        assert fonts
        assert all(fonts.values())
        assert pdf.trailer["/Root"]["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
        assert "/Encrypt" not in pdf.trailer


class TestWhatIsKept:
    @pytest.mark.parametrize("as_format", InvoiceFormat)
    def test_is_the_pdf_and_the_data_in_the_customers_format(self, site, as_format):
        ready_for_xrechnung(site, invoice_format=as_format)
        make_cdr(site=site)
        (invoice,) = bill(site)

        render_document(invoice_id=invoice.pk, at=APRIL)

        data = selectors.get_data(invoice)
        assert (data.kind, data.media_type) == ("e_invoice", "application/xml")
        assert data.file_name == f"{invoice.number}.xml"
        assert data.recipient == selectors.get_file(invoice).recipient == site.customer.organisation
        assert complaints(bytes(data.content), as_format=as_format) == []

    def test_is_the_same_when_it_is_rendered_twice(self, invoice):
        render_document(invoice_id=invoice.pk, at=APRIL)
        render_document(invoice_id=invoice.pk, at=APRIL)

        assert sorted(Document.objects.values_list("kind", flat=True)) == ["e_invoice", "invoice"]

    def test_is_both_files_or_none(self, invoice, monkeypatch):
        """Killed between the two, the sweep would find the PDF and never make the data."""
        from apps.invoices.services import rendering

        kept = []
        store = rendering.store_document

        def store_one(**fields):
            if kept:
                raise KeyboardInterrupt
            kept.append(fields["kind"])
            return store(**fields)

        monkeypatch.setattr(rendering, "store_document", store_one)
        with pytest.raises(KeyboardInterrupt):
            render_document(invoice_id=invoice.pk, at=APRIL)

        assert kept == ["e_invoice"]
        assert not Document.objects.exists()

    def test_is_a_plain_archive_file_of_a_receipt(self, site):
        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site).pk, at=APRIL)

        document = render_document(invoice_id=receipt.pk, at=APRIL)

        assert Document.objects.count() == 1
        assert pdf_of(document).attachments == {}
        assert 'pdfaid:part="3"' in pdf_of(document).trailer["/Root"]["/Metadata"].get_data().decode()
