"""Electronic invoices as they are written, held to the official schemas and rules."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from lxml import etree

from apps.contracts.domain.electronic import InvoiceFormat
from apps.contracts.models import Customer
from apps.invoices import writers
from apps.invoices.domain.receipts import Buyer
from apps.invoices.errors import NotElectronic
from apps.invoices.models import BillingRun, Invoice, NumberSeries
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.invoices.services.einvoicing import electronic_terms, missing_for_electronic
from apps.invoices.services.fees import issue_fee_invoice
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.receipts import issue_receipt
from apps.invoices.services.replacing import replace_receipt
from apps.ledger.models import Journal
from tests.factories import give_plan, make_cost_centre, make_owner, make_plan, make_site
from tests.integration.invoices.world import (
    APRIL,
    END_OF_MARCH,
    MARCH_EVENING,
    bill,
    draft_next,
    make_cdr,
    make_paid_cdr,
)
from tests.official import broken, complaints

LEITWEG_ID = "04011000-1234512345-06"
_CII = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


def ready_for_xrechnung(site, **customer) -> None:
    """Give seller, customer and contract what an XRechnung asks for."""
    site.owner.phone = "+49 30 1234567"
    site.owner.save()
    site.contract.buyer_reference, site.contract.purchase_order = LEITWEG_ID, "PO 4711"
    site.contract.save()
    for field, value in customer.items():
        setattr(site.customer, field, value)
    site.customer.save()


def cii(invoice: Invoice) -> etree._Element:
    terms = electronic_terms(invoice)
    assert terms is not None, missing_for_electronic(invoice)
    return etree.fromstring(writers.write(terms, as_format=InvoiceFormat.FACTURX))


def said(xml: etree._Element, path: str) -> list[str]:
    """Return the texts at ``//ram:<path>``."""
    return [str(node.text) for node in xml.findall(f".//{path}", _CII)]


@pytest.fixture
def invoice(site):
    ready_for_xrechnung(site)
    make_cdr(site=site, kwh="20")
    make_cdr(site=site, kwh="7.123", started_at=MARCH_EVENING.replace(day=12))
    (issued,) = bill(site)
    return issued


def every_format(document: Invoice) -> dict[str, list[str]]:
    """Return what the official rules have against a document, in each format."""
    terms = electronic_terms(document)
    assert terms is not None, missing_for_electronic(document)
    return {
        as_format.value: complaints(writers.write(terms, as_format=as_format), as_format=as_format)
        for as_format in InvoiceFormat
    }


NOTHING = {as_format.value: [] for as_format in InvoiceFormat}


class TestOfficialRules:
    """An XRechnung is held to its own rules besides; a warning counts like an error."""

    def test_accept_an_invoice_of_a_fleet(self, invoice):
        assert every_format(invoice) == NOTHING

    def test_find_at_the_end_of_a_run_who_wrote_one_that_is_not_valid(self, invoice):
        """What ``tests.conftest`` asks of all that the tests of a process have written."""
        right = writers.write(electronic_terms(invoice), as_format=InvoiceFormat.FACTURX)
        unknown = right.replace(b"TypeCode>380<", b"TypeCode>999<")
        torn = right.replace(b"<rsm:ExchangedDocument>", b"<rsm:Nothing/><rsm:ExchangedDocument>")

        found = broken(
            {(InvoiceFormat.FACTURX, xml): name for name, xml in (("a", right), ("b", unknown), ("c", torn))}
        )

        assert found[0] == "b wrote facturx that breaks FX-SCH-A-000555, BR-CL-01"
        assert found[1].startswith("c wrote facturx that breaks Element")
        assert len(found) == 2

    def test_accept_a_credit_note_of_it(self, invoice):
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong card", at=APRIL, by=None)

        assert every_format(note) == NOTHING

    def test_accept_a_credit_note_of_a_part_of_a_line(self, invoice):
        line = invoice.lines.earliest("position")
        note = credit_amounts(
            invoice_id=invoice.pk, amounts={line.pk: Decimal("1.00")}, reason="Goodwill", at=APRIL, by=None
        )

        assert every_format(note) == NOTHING

    def test_accept_what_a_private_person_gets_whose_amounts_contain_the_vat(self, site):
        ready_for_xrechnung(site, kind=Customer.Kind.PRIVATE, vat_id="")
        for day in range(1, 12):
            make_cdr(site=site, kwh=f"{day}.337", started_at=MARCH_EVENING.replace(day=day))
        (invoice,) = bill(site)

        assert invoice.amounts_are_gross
        assert every_format(invoice) == NOTHING

    def test_accept_the_lines_of_a_plan(self, site):
        ready_for_xrechnung(site)
        plan = make_plan(seller=site.owner, base_fee=Decimal("9.90"), included_kwh=Decimal(5))
        give_plan(contract=site.contract, first_day=date(2026, 3, 1), plan=plan)
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        assert {line.text != "" for line in invoice.lines.all()} == {True, False}
        assert every_format(invoice) == NOTHING

    def test_accept_an_invoice_that_costs_nothing(self, db):
        site = make_site(elements=[{"price_components": [{"type": "ENERGY", "price": "0", "step_size": 1}]}])
        ready_for_xrechnung(site)
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        assert every_format(invoice) == NOTHING

    def test_accept_a_reverse_charge(self, db):
        seller = make_owner(phone="+49 30 1234567")
        buyer = make_owner(country="AT", name="Lade AG")
        buyer.tax_registrations.update(vat_id="ATU13585627")
        invoice = issue_fee_invoice(
            seller=seller,
            buyer=buyer,
            net=Decimal("12.34"),
            currency="EUR",
            text="Fees of March",
            period_from=date(2026, 3, 1),
            period_to=END_OF_MARCH,
            at=APRIL,
        )

        terms = electronic_terms(invoice)

        assert terms.bg23_vat[0].bt118_category == "AE"
        for as_format in (InvoiceFormat.FACTURX, InvoiceFormat.UBL):
            assert complaints(writers.write(terms, as_format=as_format), as_format=as_format) == []

    def test_accept_what_is_not_subject_to_vat(self, db):
        seller = make_owner(phone="+49 30 1234567", registration_number="HRB 4711")
        buyer = make_owner(country="CH", name="Lade AG")
        buyer.tax_registrations.update(vat_id="CHE109322551MWST")
        invoice = issue_fee_invoice(
            seller=seller,
            buyer=buyer,
            net=Decimal("12.34"),
            currency="EUR",
            text="Fees of March",
            period_from=date(2026, 3, 1),
            period_to=END_OF_MARCH,
            at=APRIL,
        )

        terms = electronic_terms(invoice)

        assert terms.bg23_vat[0].bt118_category == "O"
        for as_format in (InvoiceFormat.FACTURX, InvoiceFormat.UBL):
            assert complaints(writers.write(terms, as_format=as_format), as_format=as_format) == []

    def test_accept_an_invoice_of_a_seller_without_an_account(self, site):
        ready_for_xrechnung(site)
        site.owner.iban = site.owner.bic = ""
        site.owner.save()
        make_cdr(site=site)
        (invoice,) = bill(site)

        assert electronic_terms(invoice).bg16_payment.bt81_means == "68"
        assert every_format(invoice) == NOTHING

    def test_accept_an_invoice_in_a_receipts_stead_as_paid(self, site):
        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site).pk, at=APRIL)
        buyer = Buyer(name="Lade AG", street="Ring 2", postcode="20095", city="Hamburg", country="DE")
        invoice = replace_receipt(receipt_id=receipt.pk, buyer=buyer, at=APRIL)

        terms = electronic_terms(invoice)

        assert (terms.bg22_totals.bt113_paid, terms.bg22_totals.bt115_due) == (invoice.gross.amount, 0)
        assert terms.bg3_preceding[0].bt25_number == receipt.number
        for as_format in (InvoiceFormat.FACTURX, InvoiceFormat.UBL):
            assert complaints(writers.write(terms, as_format=as_format), as_format=as_format) == []

    @pytest.mark.parametrize("as_format", InvoiceFormat)
    def test_refuse_what_was_falsified(self, invoice, as_format):
        xml = writers.write(electronic_terms(invoice), as_format=as_format)
        total = f">{invoice.gross.amount:.2f}<".encode()

        falsified = xml.replace(total, b">999.99<")

        assert falsified != xml
        assert "BR-CO-15" in complaints(falsified, as_format=as_format)


class TestCii:
    def test_says_who_sells_what_to_whom_under_which_references(self, invoice, site):
        xml = cii(invoice)

        assert said(xml, "ram:BuyerReference") == [LEITWEG_ID]
        assert said(xml, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID") == ["PO 4711"]
        assert said(xml, "ram:ContractReferencedDocument/ram:IssuerAssignedID") == [site.contract.number]
        assert said(xml, "ram:SellerTradeParty/ram:Name") == [site.owner.name]
        assert said(xml, "ram:BuyerTradeParty/ram:ID") == [site.customer.number]
        assert said(xml, "ram:IBANID") == ["DE02120300000000202051"]
        assert said(xml, "ram:PaymentReference") == ["RF94INV2026000001"]

    def test_states_energy_in_kilowatt_hours_at_the_tariffs_prices(self, invoice):
        xml = cii(invoice)

        assert said(xml, "ram:BilledQuantity")[:2] == ["10", "10"]
        assert {node.get("unitCode") for node in xml.findall(".//ram:BilledQuantity", _CII)} == {"KWH"}
        assert said(xml, "ram:NetPriceProductTradePrice/ram:ChargeAmount")[:2] == ["0.49", "0.29"]
        assert said(xml, "ram:SpecifiedTradeProduct/ram:Name")[1] == "Charging session: 22:00–06:00"
        assert "10 Mar 2026, 21:00 – 23:00 CET" in said(xml, "ram:SpecifiedTradeProduct/ram:Description")[0]

    def test_of_a_credit_note_is_positive_and_names_what_it_credits(self, invoice):
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong card", at=APRIL, by=None)

        xml = cii(note)

        assert said(xml, "ram:TypeCode")[0] == "381"
        assert said(xml, "ram:InvoiceReferencedDocument/ram:IssuerAssignedID") == [invoice.number]
        assert said(xml, "ram:GrandTotalAmount") == [f"{invoice.gross.amount:.2f}"]
        assert "Wrong card" in said(xml, "ram:IncludedNote/ram:Content")

    def test_goes_to_the_customers_electronic_address(self, site):
        ready_for_xrechnung(site, electronic_address="4000001000005", electronic_address_scheme="0088")
        make_cdr(site=site)
        (invoice,) = bill(site)

        (node,) = cii(invoice).findall(".//ram:BuyerTradeParty/ram:URIUniversalCommunication/ram:URIID", _CII)

        assert (node.text, node.get("schemeID")) == ("4000001000005", "0088")

    def test_names_the_cost_centre_of_each_line(self, site):
        ready_for_xrechnung(site)
        make_cdr(site=site, cost_centre=make_cost_centre(customer=site.customer, code="4711", name="Sales"))
        (invoice,) = bill(site)

        centres = said(cii(invoice), "ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID")

        assert {centre.split(" · ")[0] for centre in centres} == {"4711 Sales"}
        assert every_format(invoice) == NOTHING

    def test_leaves_out_what_xml_cannot_state(self, site):
        ready_for_xrechnung(site, name="Fleet\x0b & Söhne\ufffe <AG>")
        make_cdr(site=site)
        (invoice,) = bill(site)

        assert said(cii(invoice), "ram:BuyerTradeParty/ram:Name") == ["Fleet & Söhne <AG>"]

    def test_is_none_of_a_receipt_which_names_no_buyer(self, site):
        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site).pk, at=APRIL)

        assert electronic_terms(receipt) is None
        assert missing_for_electronic(receipt) == []


class TestIssue:
    """A customer who wants an electronic invoice gets none that is not one; the others get a plain PDF."""

    @pytest.fixture
    def wants_xrechnung(self, site):
        ready_for_xrechnung(site, invoice_format=InvoiceFormat.XRECHNUNG_CII)
        make_cdr(site=site)
        return site

    def test_freezes_format_and_reference_with_the_document(self, wants_xrechnung):
        (invoice,) = bill(wants_xrechnung)

        assert (invoice.invoice_format, invoice.buyer_reference) == ("xrechnung_cii", LEITWEG_ID)

    def test_of_a_credit_note_has_the_format_of_what_it_credits(self, wants_xrechnung):
        (invoice,) = bill(wants_xrechnung)
        ready_for_xrechnung(wants_xrechnung, invoice_format=InvoiceFormat.FACTURX)

        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong card", at=APRIL, by=None)

        assert (note.invoice_format, note.buyer_reference) == ("xrechnung_cii", LEITWEG_ID)

    def test_refuses_before_a_number_is_drawn_and_says_all_that_is_missing(self, wants_xrechnung):
        site = wants_xrechnung
        site.contract.buyer_reference, site.owner.phone = "", ""
        site.contract.save()
        site.owner.save()
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        with pytest.raises(NotElectronic) as refusal:
            issue_invoice(invoice_id=draft.pk, issued_at=APRIL)

        assert str(refusal.value) == (
            f"{site.customer} wants PDF and XRechnung (CII), and the document is none: the contract has no buyer "
            "reference: ask the customer for theirs, often a Leitweg-ID (BR-DE-15); "
            f"“{site.owner}” has no telephone number: add it to the organisation's legal data (BR-DE-6)"
        )
        assert not NumberSeries.objects.exists()
        assert not Journal.objects.exists()

    def test_takes_the_reference_that_was_added_since_the_draft(self, wants_xrechnung):
        site = wants_xrechnung
        site.contract.buyer_reference = ""
        site.contract.save()
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)
        ready_for_xrechnung(site)

        assert issue_invoice(invoice_id=draft.pk, issued_at=APRIL).buyer_reference == LEITWEG_ID

    def test_stops_no_other_contract_of_a_billing_run(self, wants_xrechnung):
        site = wants_xrechnung
        site.contract.buyer_reference = ""
        site.contract.save()

        assert bill(site) == []

        (problem,) = BillingRun.objects.get().problems
        assert problem.startswith(f"{site.contract.number}: {site.customer} wants PDF and XRechnung (CII)")

    def test_of_who_wants_a_pdf_is_never_refused_for_it(self, site):
        site.customer.vat_id = "987654321"
        site.customer.save()
        make_cdr(site=site)

        (invoice,) = bill(site)

        assert electronic_terms(invoice) is None
        assert missing_for_electronic(invoice) == [
            f"the VAT identifier 987654321 of “{site.customer}” does not begin with the two letters of its country "
            "(BR-CO-09)"
        ]


class TestTerms:
    def test_end_a_line_that_ends_at_midnight_on_the_day_before(self, site):
        make_cdr(site=site, started_at=datetime(2026, 3, 31, 20, 0, tzinfo=UTC))
        (invoice,) = bill(site, until_date=date(2026, 4, 1))

        (line, *_) = electronic_terms(invoice).bg25_lines

        assert (line.bt134_start, line.bt135_end) == (date(2026, 3, 31), date(2026, 3, 31))
