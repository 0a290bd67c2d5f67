"""The anonymous driver's receipt: a simplified invoice, gross-first, one a session, taken back by a credit note."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from apps.core import audit
from apps.documents.models import Document
from apps.invoices import errors, selectors, tasks
from apps.invoices.models import Invoice, InvoiceLine, NumberSeries
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.receipts import issue_receipt
from apps.invoices.services.rendering import print_html, render_document
from apps.ledger.models import Journal
from apps.ledger.selectors import trial_balance
from tests.factories import Site, make_site
from tests.integration.invoices.world import MARCH_EVENING, bill, make_cdr, make_paid_cdr, revise
from tests.integration.ledger.refusal import refuses, triggers_off

PRICE = [{"price_components": [{"type": "ENERGY", "price": "0.50", "step_size": 1}]}]
AT_ONCE = MARCH_EVENING + timedelta(hours=2, minutes=1)


@pytest.fixture
def site(db) -> Site:
    """An owner in Berlin whose ad hoc tariff is 0.50 EUR per kWh, VAT included."""
    return make_site(elements=PRICE, tax_included=True)


@pytest.fixture
def receipt(site) -> Invoice:
    """20 kWh for 10.00 EUR."""
    return issue(make_paid_cdr(site=site))


def issue(cdr) -> Invoice:
    return issue_receipt(cdr_id=cdr.pk, at=AT_ONCE)


def violations() -> list[audit.Violation]:
    """Return what the audit finds, but for I9 and I10: here no station said when the session ended, on no wire."""
    return [found for found in audit.find_violations() if found.invariant not in {"I9", "I10"}]


class TestIssueReceipt:
    def test_states_gross_first_what_the_driver_was_shown(self, receipt):
        """20 kWh × 0.50 = 10.00 gross; 10.00 ÷ 1.19 = 8.4034 → 8.40 net, 1.60 VAT."""
        line = receipt.lines.get()
        tax = receipt.taxes.get()

        assert (receipt.net.amount, receipt.tax.amount, receipt.gross.amount) == (
            Decimal("8.40"),
            Decimal("1.60"),
            Decimal("10.00"),
        )
        assert (line.net.amount, line.gross.amount) == (Decimal("8.40"), Decimal("10.00"))
        assert (tax.category, tax.rate, tax.net.amount, tax.tax.amount) == (
            "S",
            Decimal("0.19"),
            Decimal("8.40"),
            Decimal("1.60"),
        )
        assert line.prices == [
            {
                "text": "at all times",
                "quantity": "20",
                "unit": "kWh",
                "price": "0.5",
                "amount": "10.00",
                "basis": "gross",
            }
        ]

    def test_is_a_simplified_invoice_without_a_buyer_in_a_series_of_its_own(self, receipt, site):
        assert (receipt.kind, receipt.number, receipt.status) == ("receipt", "REC-2026-000001", "issued")
        assert (receipt.customer, receipt.contract, receipt.buyer_party) == (None, None, {})
        assert receipt.seller_party["name"] == site.owner.name
        assert receipt.seller_party["vat_id"] == site.owner.tax_registrations.get().vat_id
        assert (receipt.issue_date, receipt.due_date, receipt.tax_date) == (date(2026, 3, 10),) * 3
        assert (receipt.lines.get().token, receipt.lines.get().vehicle) == ("", "")
        assert violations() == []

    def test_posts_receivable_revenue_and_vat(self, receipt, site):
        assert {row.account.name: row.balance for row in trial_balance(entity=site.owner)} == {
            "Trade receivables": Decimal("10.00"),
            "Revenue from electricity": Decimal("-8.40"),
            "VAT payable": Decimal("-1.60"),
        }
        journal = Journal.objects.get()
        assert (journal.key, journal.text) == (f"invoice:{receipt.pk}:issued", "Receipt, 2026-03-10 to 2026-03-10")

    def test_again_gives_the_first(self, receipt):
        again = issue_receipt(cdr_id=receipt.lines.get().cdr_id, at=AT_ONCE + timedelta(days=1))

        assert again == receipt
        assert (Invoice.objects.count(), Journal.objects.count()) == (1, 1)

    def test_rings_its_own_bell(self, site, monkeypatch, django_capture_on_commit_callbacks):
        heard = []
        cdr = make_paid_cdr(site=site)
        monkeypatch.setattr("apps.core.bells._send", lambda bell, asked, ids: heard.append((bell, asked, ids)))

        with django_capture_on_commit_callbacks(execute=True):
            receipt = issue(cdr)

        assert heard == [
            ("receipt.issued", ("invoices.render_receipt", "payments.capture_receipt"), {"id": receipt.pk})
        ]

    def test_ends_at_the_amount_reserved_and_says_so(self, site):
        """30 kWh × 0.50 = 15.00, limited to 10.00."""
        receipt = issue(make_paid_cdr(site=site, kwh="30", limit_amount=Decimal("10.00")))

        priced, limited = receipt.lines.get().prices
        assert receipt.gross.amount == Decimal("10.00")
        assert (priced["amount"], limited["text"], limited["amount"]) == (
            "15.00",
            "limited to the amount reserved",
            "-5.00",
        )
        assert "limited to the amount reserved: -€5.00" in print_html(receipt)
        assert violations() == []

    @pytest.mark.parametrize(
        ("fields", "bands"),
        [({"kwh": "0"}, []), ({"kwh": "0.9", "waive_below": Decimal("0.50")}, ["0.45", "-0.45"])],
        ids=["nothing drawn", "less than a card can be charged"],
    )
    def test_of_zero_is_issued_numbered_and_sound(self, site, fields, bands):
        receipt = issue(make_paid_cdr(site=site, **fields))

        assert (receipt.number, receipt.gross.amount) == ("REC-2026-000001", Decimal("0.00"))
        assert [band["amount"] for band in receipt.lines.get().prices] == bands
        assert Journal.objects.get().entries.count() == 0
        assert "Nothing is charged." in print_html(receipt)
        assert violations() == []

    def test_of_a_net_tariff_states_gross_all_the_same(self, db):
        """20 kWh × 0.50 = 10.00 net + 1.90 = 11.90; 11.90 ÷ 1.19 = 10.00."""
        receipt = issue(make_paid_cdr(site=make_site(elements=PRICE)))

        assert (receipt.net.amount, receipt.gross.amount) == (Decimal("10.00"), Decimal("11.90"))
        assert violations() == []

    def test_counts_with_the_sellers_local_year(self, site):
        new_years_eve = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)
        cdr = make_paid_cdr(site=site, started_at=new_years_eve - timedelta(hours=2))

        receipt = issue_receipt(cdr_id=cdr.pk, at=new_years_eve + timedelta(hours=1))

        assert (receipt.number, receipt.tax_date) == ("REC-2027-000001", date(2026, 12, 31))


class TestACorrectedRecord:
    def test_is_billed_as_it_stands_when_it_comes_before_the_receipt(self, site):
        cdr = make_paid_cdr(site=site)
        revise(cdr, kwh="10")

        receipt = issue(cdr)

        assert receipt.gross.amount == Decimal("5.00")
        assert receipt.lines.get().cdr.revision == 2

    @pytest.mark.parametrize("kwh", ["10", "30"])
    def test_makes_no_second_receipt(self, site, receipt, kwh):
        revised = revise(receipt.lines.get().cdr, kwh=kwh)

        again = issue(revised)
        tasks.issue_receipt(id=revised.pk)
        tasks.sweep_receipts()

        assert again == receipt == Invoice.objects.get()
        assert [line.invoice for line in selectors.awaiting_correction(seller=site.owner)] == [receipt]
        assert violations() == []

    def test_makes_none_after_a_credit_note_either(self, receipt):
        credit_invoice(invoice_id=receipt.pk, reason="Meter", at=AT_ONCE, by=None)
        revise(receipt.lines.get().cdr, kwh="10")

        tasks.sweep_receipts()

        assert Invoice.objects.filter(kind="receipt").get() == receipt


class TestRefusals:
    def refused(self, cdr, error) -> str:
        with pytest.raises(error) as caught:
            issue(cdr)
        assert not Invoice.objects.exists()
        assert not NumberSeries.objects.exists()
        assert not Journal.objects.exists()
        return str(caught.value)

    def test_a_contract_pays_by_invoice(self, site):
        self.refused(make_cdr(site=site), errors.NotForReceipt)

    def test_a_session_under_review_waits(self, site):
        cdr = make_paid_cdr(site=site)
        type(cdr.session).objects.update(status="review", review_reasons=["The meter jumped."])

        self.refused(cdr, errors.NotForReceipt)

    def test_a_seller_without_an_address_issues_nothing(self, site):
        cdr = make_paid_cdr(site=site)
        type(site.owner).objects.filter(pk=site.owner.pk).update(street="")

        assert self.refused(cdr, errors.PartyIncomplete) == f"the seller “{site.owner.name}” has no street"

    def test_a_seller_who_may_not_sell_there_issues_nothing(self, site):
        cdr = make_paid_cdr(site=site)
        site.owner.tax_registrations.update(valid_to=date(2026, 3, 10))

        self.refused(cdr, errors.TaxRefused)


class TestTheDatabase:
    def test_has_no_receipt_with_a_customer_and_no_invoice_without(self, site, receipt):
        make_cdr(site=site)
        (invoice,) = bill(site)
        with triggers_off():
            for document, change in (
                (receipt, f"customer_id = {site.customer.pk}, contract_id = {site.contract.pk}"),
                (invoice, "customer_id = NULL, contract_id = NULL"),
                (invoice, "customer_id = NULL"),
            ):
                with (
                    pytest.raises(IntegrityError, match="invoice_has_a_customer_receipt_has_none"),
                    transaction.atomic(),
                ):
                    Invoice.objects.raw(
                        f"UPDATE invoices_invoice SET {change} WHERE id = %s RETURNING id", [document.pk]
                    )[0]

    def test_has_no_receipt_that_credits_or_states_net_amounts(self, receipt):
        with triggers_off():
            for change, name in (
                (f"credits_id = {receipt.pk}", "invoice_credit_note_names_invoice_and_reason"),
                ("amounts_are_gross = FALSE", "invoice_receipt_states_gross_and_is_of_no_run"),
            ):
                with pytest.raises(IntegrityError, match=name), transaction.atomic():
                    Invoice.objects.raw(f"UPDATE invoices_invoice SET {change} RETURNING id")[0]

    def test_freezes_it_like_every_issued_document(self, receipt):
        refuses("UPDATE invoices_invoice SET reason = 'x'", says="issued documents are frozen")
        refuses("DELETE FROM invoices_invoiceline", says="issued documents are frozen")


class TestTheAudit:
    def damage(self, sql: str) -> None:
        with triggers_off():
            Invoice.objects.raw(sql + " RETURNING *")[0]

    def found(self, invariant: str) -> list[str]:
        return [row.problem for row in audit.find_violations() if row.invariant == invariant]

    def test_names_a_paid_session_without_a_receipt(self, site):
        cdr = make_paid_cdr(site=site)

        assert self.found("I11") == ["of an anonymous driver, and on no receipt"]
        issue(cdr)
        assert self.found("I11") == []

    def test_names_a_receipt_whose_amounts_disagree(self, receipt):
        self.damage("UPDATE invoices_invoice SET gross = gross + 1, net = net + 1")

        assert sorted(self.found("I5")) == [
            "states 11.000000, posted as receivable 10.000000",
            "totals are not the sums of its VAT rows",
        ]

    def test_names_a_hole_in_the_series_of_receipts(self, receipt):
        with triggers_off():
            NumberSeries.objects.update(last_number=2)

        assert self.found("I7") == ["counts 2, has 1 documents from 1 to 1"]

    def test_names_a_session_with_two_receipts(self, site, receipt):
        revised = revise(receipt.lines.get().cdr, kwh="10")
        other = issue(make_paid_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=1)))
        with triggers_off():
            InvoiceLine.objects.filter(invoice=other).update(cdr=revised)

        assert "has 2 receipts" in self.found("I2")

    def test_names_a_receipt_that_bills_a_contracts_session(self, site, receipt):
        with triggers_off():
            type(receipt.lines.get().cdr.session).objects.update(contract=site.contract)

        assert "bills a session or credits a line of another contract" in self.found("I13")


class TestCreditNoteOfAReceipt:
    @pytest.fixture
    def note(self, receipt) -> Invoice:
        return credit_invoice(invoice_id=receipt.pk, reason="Charged twice", at=AT_ONCE, by=None)

    def test_mirrors_it_and_brings_the_books_back_to_zero(self, receipt, note, site):
        assert (note.kind, note.number, note.credits) == ("credit_note", "CN-2026-000001", receipt)
        assert (note.customer, note.contract, note.buyer_party, note.amounts_are_gross) == (None, None, {}, True)
        assert (note.net.amount, note.tax.amount, note.gross.amount) == (
            Decimal("-8.40"),
            Decimal("-1.60"),
            Decimal("-10.00"),
        )
        assert {row.balance for row in trial_balance(entity=site.owner)} == {Decimal(0)}
        assert Journal.objects.latest("pk").text == "Credit note for REC-2026-000001"
        assert violations() == []

    def test_twice_gives_the_first(self, receipt, note):
        assert credit_invoice(invoice_id=receipt.pk, reason="Again", at=AT_ONCE, by=None) == note

    def test_is_printed_without_a_buyer(self, note):
        html = print_html(note)

        assert "This credit note takes back receipt REC-2026-000001 of 10 March 2026." in html
        assert "What you paid of it is paid back to the card you paid with." in html

    def test_of_a_receipt_of_zero_takes_nothing_back(self, site):
        receipt = issue(make_paid_cdr(site=site, kwh="0"))

        note = credit_invoice(invoice_id=receipt.pk, reason="Test", at=AT_ONCE, by=None)

        assert note.gross.amount == Decimal("0.00")
        assert "There is nothing to pay." in print_html(note)
        assert violations() == []


class TestPrint:
    def test_says_seller_place_time_energy_price_and_vat(self, receipt, site):
        html = print_html(receipt)

        for words in (
            "Receipt REC-2026-000001",
            "Simplified invoice",
            site.owner.name,
            receipt.seller_party["vat_id"],
            "10 Mar 2026, 21:00 – 23:00 CET",
            f"{site.location.name}, Parkweg 5, 10115 Berlin · {site.station.identity} / 1",
            "20.000 kWh × €0.50 = €10.00",
            "of which VAT 19% on €8.40",
            "€10.00 is charged to the card you paid with",
        ):
            assert words in html
        assert "IBAN" not in html
        assert "Due" not in html
        assert "Card …" not in html

    def test_explains_the_price_down_to_the_register(self, receipt):
        html = print_html(receipt)

        assert "Why this price" in html
        assert "Meter at begin 1,000.000 kWh, Meter at end 1,020.000 kWh" in html

    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("de", "Quittung REC-2026-000001"),
            ("fr", "Reçu REC-2026-000001"),
            ("nl", "Bon REC-2026-000001"),
            ("it", "Receipt REC-2026-000001"),
        ],
    )
    def test_speaks_the_drivers_language_or_english(self, site, language, words):
        receipt = issue(make_paid_cdr(site=site, language=language))

        assert words in print_html(receipt)

    def test_speaks_german_throughout(self, site):
        html = print_html(issue(make_paid_cdr(site=site, language="de", limit_amount=Decimal("5.00"))))

        for words in (
            "Kleinbetragsrechnung",
            "jederzeit: 20,000 kWh × 0,50\xa0€ = 10,00\xa0€",
            "auf den reservierten Betrag begrenzt: -5,00\xa0€",
            "darin USt. 19\xa0% auf 4,20\xa0€",
            "5,00\xa0€ werden der Karte belastet",
            "So kommt der Preis zustande",
        ):
            assert words in html

    def test_is_kept_for_the_seller_alone(self, receipt, site):
        document = render_document(invoice_id=receipt.pk, at=AT_ONCE)

        assert document == Document.objects.get() == selectors.get_file(receipt)
        assert (document.kind, document.seller, document.recipient) == ("receipt", site.owner, None)
        assert document.file_name == "REC-2026-000001.pdf"
        assert bytes(document.content[:5]) == b"%PDF-"


class TestTasks:
    def test_issue_for_a_paid_session_and_pass_a_contracts_by(self, site):
        paid, fleet = make_paid_cdr(site=site), make_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=1))

        for cdr in (paid, fleet, paid):
            tasks.issue_receipt(id=cdr.pk)

        assert selectors.get_receipt(paid.session_id) == Invoice.objects.get()

    def test_sweep_finds_what_the_bell_missed_and_then_nothing(self, site):
        cdrs = [make_paid_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=day)) for day in range(3)]

        tasks.sweep_receipts()
        tasks.sweep_receipts()

        assert [line.cdr for line in InvoiceLine.objects.order_by("pk")] == cdrs
        assert not selectors.due_receipts().exists()

    def test_sweep_leaves_a_refused_one_due_and_goes_on(self, site, caplog):
        refused = make_paid_cdr(site=site)
        site.owner.tax_registrations.update(valid_to=date(2026, 3, 10))
        sound = make_paid_cdr(site=make_site(elements=PRICE, tax_included=True))

        tasks.sweep_receipts()

        assert Invoice.objects.get().lines.get().cdr == sound
        assert list(selectors.due_receipts()) == [refused]
        assert f"charge record {refused.pk} gets no receipt" in caplog.text


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_gives_one_receipt_and_one_number(self, site, at_once):
        cdr = make_paid_cdr(site=site)

        receipts = at_once(*[lambda: issue(cdr)] * 4)

        assert {receipt.number for receipt in receipts} == {"REC-2026-000001"}
        assert (Invoice.objects.count(), Journal.objects.count()) == (1, 1)
        assert violations() == []

    def test_meets_in_the_constraint_without_the_lock(self, site, at_once, monkeypatch):
        """Shown to go wrong without the session's lock: one of two is refused by the line's unique charge record."""
        cdr = make_paid_cdr(site=site)
        monkeypatch.setattr("apps.invoices.services.receipts.get_receipt", lambda session_id: None)
        monkeypatch.setattr("apps.invoices.services.receipts.due_receipts", lambda: type(cdr).objects.filter(pk=cdr.pk))
        issue(cdr)

        with pytest.raises(IntegrityError, match="cdr_id"):
            issue(cdr)

        assert (Invoice.objects.count(), NumberSeries.objects.get().last_number) == (1, 1)

    def test_takes_it_back_once(self, site, at_once):
        receipt = issue(make_paid_cdr(site=site))

        notes = at_once(*[lambda: credit_invoice(invoice_id=receipt.pk, reason="Wrong", at=AT_ONCE, by=None)] * 3)

        assert {note.number for note in notes} == {"CN-2026-000001"}
        assert violations() == []
