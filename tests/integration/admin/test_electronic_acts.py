"""What an operator says of a customer's electronic invoices in the console, and what it answers."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from apps.accounts.models import Organisation
from apps.contracts.models import Contract, Customer
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.rendering import render_document
from tests.integration.tenants import BILLED_AT, make_later_session


def save_customer(client, customer: Customer, **changes: str):
    """Save a customer's page with some fields changed."""
    form = {
        "number": customer.number,
        "kind": customer.kind,
        "name": customer.name,
        "street": customer.street,
        "postcode": customer.postcode,
        "city": customer.city,
        "country": customer.country.code,
        "vat_id": customer.vat_id,
        "email": customer.email,
        "language": "nl",
        "invoice_format": "facturx",
        "contracts-TOTAL_FORMS": "0",
        "contracts-INITIAL_FORMS": "0",
        "cost_centres-TOTAL_FORMS": "0",
        "cost_centres-INITIAL_FORMS": "0",
        "vehicles-TOTAL_FORMS": "0",
        "vehicles-INITIAL_FORMS": "0",
        **changes,
    }
    return client.post(reverse("admin:contracts_customer_change", args=[customer.pk]), form)


class TestACustomer:
    def test_has_a_format_and_an_address_of_its_kind(self, ours, owner):
        customer = ours.site.customer

        response = save_customer(
            owner,
            customer,
            invoice_format="xrechnung_ubl",
            electronic_address_scheme="0204",
            electronic_address="04011000-1234512345-06",
        )

        customer.refresh_from_db()
        assert response.status_code == 302
        assert (customer.invoice_format, customer.language) == ("xrechnung_ubl", "nl")
        assert (customer.electronic_address_scheme, customer.electronic_address) == ("0204", "04011000-1234512345-06")

    @pytest.mark.parametrize(
        ("scheme", "address", "says"),
        [
            ("0204", "04011000-1234512345-07", "This is no Leitweg-ID (Germany); one reads 04011000-1234512345-06."),
            ("", "04011000-1234512345-06", "Say what kind of address this is."),
            ("0088", "", "State the address, or choose no kind: then the e-mail address is used."),
        ],
    )
    def test_is_told_what_an_address_lacks(self, ours, owner, scheme, address, says):
        customer = ours.site.customer

        response = save_customer(owner, customer, electronic_address_scheme=scheme, electronic_address=address)

        assert says in response.content.decode()
        customer.refresh_from_db()
        assert (customer.electronic_address, customer.electronic_address_scheme) == ("", "")

    def test_shows_what_the_format_still_misses(self, ours, owner):
        customer = ours.site.customer
        Customer.objects.filter(pk=customer.pk).update(invoice_format="xrechnung_cii")
        page = reverse("admin:contracts_customer_change", args=[customer.pk])

        before = owner.get(page).content.decode()
        Contract.objects.filter(customer=customer).update(buyer_reference="04011000-1234512345-06")
        Organisation.objects.filter(pk=ours.owner.pk).update(phone="+49 30 1234567")
        after = owner.get(page).content.decode()

        numbers = ", ".join(sorted(contract.number for contract in Contract.objects.filter(customer=customer)))
        assert f"A buyer reference of contracts {numbers}." in before
        assert "A telephone number in your organisation" in before
        assert "nothing that is known here" in after


class TestAnInvoice:
    def test_says_on_its_trace_in_which_format_it_is(self, ours, owner):
        text = owner.get(reverse("console:invoice", args=[ours.invoice.uid])).content.decode()

        assert "PDF with data inside (Factur-X, ZUGFeRD)" in text
        assert "no e-invoice" not in text

    def test_whose_data_lack_something_says_what(self, ours, owner):
        Customer.objects.filter(pk=ours.site.customer.pk).update(vat_id="987654321")
        make_later_session(ours)
        run_billing(seller_id=ours.owner.pk, until_date=date(2026, 12, 31), at=datetime(2027, 1, 1, 8, 0, tzinfo=UTC))
        later = Invoice.objects.filter(seller=ours.owner).latest("pk")
        render_document(invoice_id=later.pk, at=BILLED_AT)

        text = owner.get(reverse("console:invoice", args=[later.uid])).content.decode()
        answer = owner.get(reverse("admin:invoices_invoice_xml", args=[later.pk]), follow=True).content.decode()

        words = "he VAT identifier 987654321 of “OURS Fleet AG” does not begin with the two letters of its country"
        assert "no e-invoice" in text
        assert f"T{words}" in text
        assert f"The PDF is a plain one, for as an electronic invoice it lacks something: t{words}" in answer
