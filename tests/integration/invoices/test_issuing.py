from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from apps.accounts.models import TaxRegistration
from apps.core import audit
from apps.invoices import errors
from apps.invoices.models import Invoice, InvoiceTax, NumberSeries
from apps.invoices.services.issuing import issue_invoice
from apps.ledger.models import Journal
from tests.factories import make_user
from tests.integration.invoices.world import APRIL, END_OF_MARCH, bill, draft_next, make_cdr


@pytest.fixture
def draft(site) -> Invoice:
    make_cdr(site=site)
    return draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)


def refused(draft, error) -> str:
    """Issue, expect the refusal, and that nothing was numbered, posted or frozen."""
    with pytest.raises(error) as caught:
        issue_invoice(invoice_id=draft.pk, issued_at=APRIL)
    draft.refresh_from_db()
    assert (draft.status, draft.number) == ("draft", "")
    assert not NumberSeries.objects.exists()
    assert not Journal.objects.exists()
    return str(caught.value)


class TestIssueInvoice:
    def test_numbers_posts_and_freezes_once_even_when_run_twice(self, draft, django_capture_on_commit_callbacks):
        person = make_user()

        first = issue_invoice(invoice_id=draft.pk, issued_at=APRIL, issued_by=person)
        again = issue_invoice(invoice_id=draft.pk, issued_at=APRIL)

        assert first.number == again.number == "INV-2026-000001"
        assert again.issued_by == person
        assert NumberSeries.objects.get().last_number == 1
        assert Journal.objects.get().key == f"invoice:{draft.pk}:issued"
        connection.check_constraints()

    def test_rings_the_bell_after_the_commit(self, draft, monkeypatch, django_capture_on_commit_callbacks):
        sent = []
        monkeypatch.setattr("apps.core.bells._send", lambda bell, tasks, ids: sent.append((bell, ids)))

        with django_capture_on_commit_callbacks(execute=True):
            issue_invoice(invoice_id=draft.pk, issued_at=APRIL)

        assert sent == [("invoice.issued", {"id": draft.pk})]

    def test_dates_the_document_by_the_sellers_local_day(self, draft, site):
        site.contract.payment_days = 30
        site.contract.save()

        issued = issue_invoice(invoice_id=draft.pk, issued_at=datetime(2025, 12, 31, 23, 30, tzinfo=UTC))

        assert issued.issue_date == date(2026, 1, 1)
        assert issued.due_date == date(2026, 1, 31)
        assert issued.number == "INV-2026-000001"
        assert (issued.tax_date, Journal.objects.get().tax_date) == (date(2026, 3, 10), date(2026, 3, 10))
        assert Journal.objects.get().posted_on == date(2026, 1, 1)

    def test_copies_the_parties_so_that_a_later_move_does_not_reach_it(self, draft, site):
        issued = issue_invoice(invoice_id=draft.pk, issued_at=APRIL)
        site.owner.street = "Neue Straße 9"
        site.owner.save()
        stated, site.customer.vat_id = site.customer.vat_id, "DE136695976"
        site.customer.save()
        issued.refresh_from_db()

        assert issued.seller_party["street"] == "Hauptstraße 1"
        assert issued.seller_party["vat_id"] == site.owner.tax_registrations.get().vat_id
        assert issued.buyer_party["vat_id"] == stated
        assert [found for found in audit.find_violations() if found.invariant == "I6"] == []


class TestIssueInvoiceRefuses:
    def test_a_draft_without_lines(self, draft):
        draft.lines.all().delete()

        refused(draft, errors.NothingToIssue)

    def test_totals_that_its_lines_do_not_give(self, draft):
        Invoice.objects.filter(pk=draft.pk).update(net=Decimal("7.81"), gross=Decimal("9.29"))

        assert "7.80" not in refused(draft, errors.AmountsDisagree)

    def test_vat_rows_that_its_lines_do_not_give(self, draft):
        InvoiceTax.objects.update(tax=Decimal("1.47"))

        refused(draft, errors.AmountsDisagree)

    def test_a_seller_whose_registration_has_ended(self, draft):
        TaxRegistration.objects.update(valid_to=date(2026, 3, 1))

        assert "no tax registration in DE on 2026-03-10" in refused(draft, errors.TaxRefused)

    def test_a_buyer_without_an_address(self, draft, site):
        site.customer.street = site.customer.city = ""
        site.customer.save()

        assert "has no street, city" in refused(draft, errors.PartyIncomplete)


class TestDraftingRefuses:
    def test_a_record_that_was_rated_with_another_rate(self, site):
        make_cdr(site=site)
        site.location.country = "AT"
        site.location.save()
        TaxRegistration.objects.create(
            organisation=site.owner, country="AT", vat_id="ATU12345675", valid_from=date(2020, 1, 1)
        )

        with pytest.raises(errors.TaxDisagrees, match=r"rated with VAT 0\.19, the rule book says 0\.2 in AT"):
            draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        assert not Invoice.objects.exists()


class TestReducedVat:
    def test_of_second_half_2020_stands_beside_the_standard_rate(self, site):
        make_cdr(site=site, started_at=datetime(2020, 12, 30, 10, 0, tzinfo=UTC))  # 20 × 0.49 = 9.80 at 16 %
        make_cdr(site=site, started_at=datetime(2021, 1, 2, 10, 0, tzinfo=UTC))  # 9.80 at 19 %

        (invoice,) = bill(site, until_date=date(2021, 1, 31), at=datetime(2021, 2, 1, 12, tzinfo=UTC))

        rows = [(row.category, row.rate, row.net.amount, row.tax.amount) for row in invoice.taxes.all()]
        assert rows == [
            ("S", Decimal("0.1600"), Decimal("9.80"), Decimal("1.57")),
            ("S", Decimal("0.1900"), Decimal("9.80"), Decimal("1.86")),
        ]
        assert invoice.gross.amount == Decimal("23.03")
