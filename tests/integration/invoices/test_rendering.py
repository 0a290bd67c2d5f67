from datetime import timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from apps.core import audit
from apps.documents import renderer
from apps.documents.models import Document
from apps.invoices import selectors, tasks
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.receipts import issue_receipt
from apps.invoices.services.rendering import print_html, render_document
from tests.integration.invoices.world import (
    APRIL,
    END_OF_MARCH,
    MARCH_EVENING,
    bill,
    draft_next,
    make_cdr,
    make_paid_cdr,
)


@pytest.fixture
def invoice(site):
    make_cdr(site=site, kwh="20")
    (issued,) = bill(site)
    return issued


class TestPrintHtml:
    def test_names_vehicle_place_time_energy_and_prices_of_each_line(self, invoice, site):
        html = print_html(invoice)

        assert "INV-2026-000001" in html
        assert "10 Mar 2026, 21:00 – 23:00 CET" in html
        assert f"{site.location.name}, Parkweg 5, 10115 Berlin · {site.station.identity} / 1" in html
        assert f"Vehicle {site.vehicle}" in html
        assert "22:00–06:00: 10.000 kWh × €0.29 = €2.90" in html
        assert "VAT 19% on €7.80" in html
        assert "Please transfer €9.28 by 15 April 2026." in html
        assert "DE02 1203 0000 0000 2020 51" in html
        assert "RF94 INV2 0260 0000 1" in html
        assert 'class="qr"' in html

    def test_explains_each_session_down_to_the_register(self, invoice):
        html = print_html(invoice)

        assert "Meter at begin 1,000.000 kWh, Meter at end 1,020.000 kWh" in html
        assert "1,000.000 kWh – 1,010.000 kWh" in html
        # 22:00 lies between the two readings of the session, so each stretch rests on both.
        assert html.count("read 21:00:00 1,000.000 kWh, 23:00:00 1,020.000 kWh") == 2

    def test_speaks_german_to_a_german_customer(self, site):
        site.customer.language = "de"
        site.customer.save()
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        html = print_html(invoice)

        assert "zu anderen Zeiten: 10,000 kWh × 0,49\xa0€ = 4,90\xa0€" in html
        assert "Bitte überweisen Sie 9,28\xa0€ bis zum 15. April 2026." in html
        assert "10. März 2026" in html

    @pytest.mark.parametrize(
        ("language", "sentences"),
        [
            (
                "fr",
                (
                    "Merci de virer 9,28\xa0€ au plus tard le 15 avril 2026.",
                    "le reste du temps",
                    "TVA 19\xa0% sur 7,80\xa0€",
                ),
            ),
            ("nl", ("Gelieve €\xa09,28 uiterlijk op 15 april 2026 over te maken.", "Btw 19% over €\xa07,80")),
        ],
    )
    def test_speaks_the_customers_language(self, site, language, sentences):
        site.customer.language = language
        site.customer.save()
        make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)

        html = print_html(invoice)

        for sentence in sentences:
            assert sentence in html

    def test_of_a_receipt_speaks_the_drivers_language(self, site):
        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site, language="nl").pk, at=APRIL)

        assert f"Bon {receipt.number}" in print_html(receipt)

    def test_of_a_credit_note_says_what_it_credits_and_why(self, invoice):
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong <b>card</b>", at=APRIL, by=None)

        html = print_html(note)

        assert "This credit note takes back lines of invoice INV-2026-000001 of 1 April 2026." in html
        assert "Reason: Wrong &lt;b&gt;card&lt;/b&gt;" in html
        assert "Please transfer" not in html

    def test_tells_the_two_hours_of_the_autumn_night_apart(self, site):
        make_cdr(site=site, started_at=MARCH_EVENING.replace(month=10, day=24, hour=23), hours=5)
        (invoice,) = bill(site, until_date=END_OF_MARCH.replace(month=10), at=APRIL.replace(month=11))

        assert "25 Oct 2026, 01:00 – 05:00 CEST/CET" in print_html(invoice)


class TestRenderDocument:
    def test_keeps_one_file_for_seller_and_customer_even_when_run_twice(self, invoice, site):
        first = render_document(invoice_id=invoice.pk, at=APRIL)
        again = render_document(invoice_id=invoice.pk, at=APRIL + timedelta(days=1))

        assert first == again == Document.objects.get(kind="invoice")
        assert (first.file_name, first.media_type) == ("INV-2026-000001.pdf", "application/pdf")
        assert bytes(first.content[:5]) == b"%PDF-"
        assert first.sha256 == sha256(first.content).hexdigest()
        assert (first.seller, first.recipient) == (site.owner, site.customer.organisation)
        assert selectors.get_file(invoice) == first

    def test_is_html_that_needs_nothing_else_where_pango_is_missing(self, invoice, monkeypatch, caplog):
        def missing():
            raise OSError("cannot load library 'libpango-1.0-0'")

        monkeypatch.setattr(renderer, "_load_weasyprint", missing)

        document = render_document(invoice_id=invoice.pk, at=APRIL)

        assert (document.file_name, document.media_type) == ("INV-2026-000001.html", "text/html")
        assert b"@page" in bytes(document.content)
        assert b"asset:" not in bytes(document.content)
        assert renderer.INSTALL_LINE in caplog.text
        assert selectors.get_data(invoice).media_type == "application/xml"

    def test_refuses_a_draft(self, site):
        make_cdr(site=site)
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        with pytest.raises(ValueError, match="not issued"):
            render_document(invoice_id=draft.pk, at=APRIL)

        assert not Document.objects.exists()


class TestTasks:
    def test_sweep_renders_what_no_bell_brought_and_then_finds_nothing(self, invoice):
        assert list(selectors.undocumented()) == [invoice]

        tasks.sweep_undocumented()
        tasks.sweep_undocumented()

        assert Document.objects.filter(kind="invoice").count() == 1
        assert not selectors.undocumented().exists()
        assert [found for found in audit.find_violations() if found.invariant == "I6"] == []

    def test_render_document_is_harmless_when_delivered_twice(self, invoice):
        tasks.render_document(id=invoice.pk)
        tasks.render_document(id=invoice.pk)

        assert Document.objects.filter(kind="invoice").count() == 1
        assert invoice.gross.amount == Decimal("9.28")
