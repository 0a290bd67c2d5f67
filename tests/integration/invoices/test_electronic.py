import pytest

from apps.contracts.domain.electronic import InvoiceFormat
from apps.invoices import writers
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.einvoicing import electronic_terms
from tests.integration.invoices.world import APRIL, bill, make_cdr
from tests.official import complaints


@pytest.fixture
def invoice(site):
    site.contract.buyer_reference = "04011000-1234512345-06"
    site.contract.save()
    site.owner.phone = "+49 30 1234567"
    site.owner.save()
    make_cdr(site=site, kwh="20")
    make_cdr(site=site, kwh="7.123")
    (issued,) = bill(site)
    return issued


@pytest.mark.parametrize("as_format", InvoiceFormat)
class TestWrite:
    def test_is_valid(self, invoice, as_format):
        terms = electronic_terms(invoice)
        xml = writers.write(terms, as_format=as_format)
        print(xml.decode())
        assert complaints(xml, as_format=as_format) == []

    def test_credit_is_valid(self, invoice, as_format):
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong card", at=APRIL, by=None)
        terms = electronic_terms(note)
        xml = writers.write(terms, as_format=as_format)
        assert complaints(xml, as_format=as_format) == []
