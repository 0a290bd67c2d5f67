from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import audit
from apps.invoices import errors, selectors
from apps.invoices.models import Invoice, NumberSeries
from apps.invoices.services.crediting import credit_invoice, credit_lines
from apps.invoices.services.drafting import draft_next
from apps.ledger.models import Journal
from apps.ledger.selectors import trial_balance
from tests.factories import make_user
from tests.integration.invoices.world import APRIL, END_OF_MARCH, MARCH_EVENING, bill, make_cdr

LATER = APRIL + timedelta(days=3)


@pytest.fixture
def invoice(site) -> Invoice:
    make_cdr(site=site, kwh="20")
    make_cdr(site=site, kwh="7.001", started_at=MARCH_EVENING + timedelta(days=1))
    (issued,) = bill(site)
    return issued


def credit(invoice, reason="Wrong customer") -> Invoice:
    return credit_invoice(invoice_id=invoice.pk, reason=reason, at=LATER, by=make_user())


class TestCreditInvoice:
    def test_mirrors_every_line_and_brings_the_books_back_to_zero(self, invoice, site):
        note = credit(invoice)

        assert (note.number, note.kind, note.credits, note.reason) == (
            "CN-2026-000001",
            "credit_note",
            invoice,
            "Wrong customer",
        )
        assert [line.net.amount for line in note.lines.all()] == [-line.net.amount for line in invoice.lines.all()]
        assert (note.net.amount, note.tax.amount, note.gross.amount) == (
            -invoice.net.amount,
            -invoice.tax.amount,
            -invoice.gross.amount,
        )
        assert {row.balance for row in trial_balance(entity=site.owner)} == {Decimal(0)}
        assert [found for found in audit.find_violations() if found.invariant in {"I4", "I5", "I6", "I7", "I13"}] == []

    def test_prints_negative_quantities_at_the_old_prices(self, invoice):
        note = credit(invoice)

        band = note.lines.get(position=1).prices[0]
        assert (band["quantity"], band["price"], band["amount"]) == ("-10", "0.49", "-4.90")

    def test_twice_gives_the_first(self, invoice):
        assert credit(invoice) == credit(invoice, reason="Another reason")
        assert Invoice.objects.filter(kind="credit_note").count() == 1
        assert selectors.is_credited_in_full(invoice)

    def test_does_not_bill_the_records_again(self, invoice, site):
        credit(invoice)

        assert bill(site) == []

    def test_repeats_the_parties_of_the_invoice(self, invoice, site):
        site.customer.name = "Renamed AG"
        site.customer.save()

        note = credit(invoice)

        assert note.buyer_party == invoice.buyer_party
        assert note.seller_party == invoice.seller_party

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_refuses_without_a_reason(self, invoice, reason):
        with pytest.raises(errors.NotCreditable):
            credit(invoice, reason=reason)

        assert Journal.objects.count() == NumberSeries.objects.count() == 1

    def test_refuses_drafts_and_credit_notes(self, invoice, site):
        make_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=5))
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)
        note = credit(invoice)

        for document in (draft, note):
            with pytest.raises(errors.NotCreditable):
                credit(document)

        assert Journal.objects.count() == 2


class TestCreditLines:
    def test_leaves_the_rest_to_a_later_full_credit(self, invoice, site):
        line = invoice.lines.get(position=2)

        part = credit_lines(invoice_id=invoice.pk, line_ids=[line.pk], reason="Meter", at=LATER)
        rest = credit(invoice)

        assert [row.credits for row in part.lines.all()] == [line]
        assert [row.credits.position for row in rest.lines.all()] == [1]
        assert list(invoice.credit_notes.order_by("pk")) == [part, rest]

    def test_twice_credits_nothing_more(self, invoice):
        line = invoice.lines.get(position=2)
        credit_lines(invoice_id=invoice.pk, line_ids=[line.pk], reason="Meter", at=LATER)

        assert credit_lines(invoice_id=invoice.pk, line_ids=[line.pk], reason="Meter", at=LATER) is None
