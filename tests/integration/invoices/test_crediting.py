from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import audit
from apps.invoices import errors, selectors
from apps.invoices.models import Invoice, InvoiceLine, NumberSeries
from apps.invoices.services.crediting import credit_amounts, credit_invoice, credit_lines, preview_credit
from apps.invoices.services.receipts import issue_receipt
from apps.ledger.models import Journal
from apps.ledger.selectors import trial_balance
from tests.factories import make_site, make_user
from tests.integration.invoices.world import (
    APRIL,
    END_OF_MARCH,
    MARCH_EVENING,
    bill,
    draft_next,
    make_cdr,
    make_paid_cdr,
    revise,
)
from tests.refusals import refused_by

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


@pytest.fixture
def receipt(db) -> Invoice:
    """10.00 EUR, 8.40 of them net."""
    return issue_receipt(cdr_id=make_paid_cdr(site=make_site(tax_included=True)).pk, at=APRIL)


def credit_part(document, stated: str, *, of: int = 1, reason="The cable was hot") -> Invoice:
    line = document.lines.get(position=of)
    return credit_amounts(
        invoice_id=document.pk, amounts={line.pk: Decimal(stated)}, reason=reason, at=LATER, by=make_user()
    )


class TestCreditAmounts:
    def test_takes_back_a_part_and_leaves_the_energy_where_it_was_billed(self, receipt):
        note = credit_part(receipt, "2.50")

        (line,) = note.lines.all()
        assert (note.gross.amount, note.net.amount, note.tax.amount) == (
            Decimal("-2.50"),
            Decimal("-2.10"),
            Decimal("-0.40"),
        )
        assert (line.energy_milliwh, [band["text"] for band in line.prices]) == (0, ["Part of the amount"])
        assert not selectors.is_credited_in_full(receipt)
        assert [found for found in audit.find_violations() if found.invariant in {"I4", "I5", "I6", "I7", "I13"}] == []

    def test_comes_to_the_whole_in_however_many_parts(self, receipt):
        notes = [credit_part(receipt, stated) for stated in ("3.33", "3.33", "3.34")]

        assert [note.net.amount for note in notes] == [Decimal("-2.80")] * 3
        assert selectors.is_credited_in_full(receipt)
        assert {row.balance for row in trial_balance(entity=receipt.seller)} == {Decimal(0)}
        assert [found for found in audit.find_violations() if found.invariant in {"I4", "I5", "I6"}] == []

    def test_leaves_the_rest_to_a_credit_in_full(self, receipt):
        credit_part(receipt, "2.50")

        rest = credit(receipt)

        assert rest.gross.amount == Decimal("-7.50")
        assert credit(receipt) == rest

    def test_is_previewed_as_it_comes_out(self, invoice):
        amounts = {invoice.lines.get(position=2).pk: Decimal("1.11")}

        seen = preview_credit(invoice, amounts)
        note = credit_amounts(invoice_id=invoice.pk, amounts=amounts, reason="x", at=LATER, by=None)

        assert (-note.net.amount, -note.tax.amount, -note.gross.amount) == (seen.net, seen.tax, seen.gross)
        assert preview_credit(invoice).gross == invoice.gross.amount - seen.gross

    @pytest.mark.parametrize("stated", ["10.01", "-1.00", "0.001", "0.00"])
    def test_refuses_what_is_not_left_and_writes_nothing(self, receipt, stated):
        with pytest.raises(errors.NotCreditable):
            credit_part(receipt, stated)

        assert not receipt.credit_notes.exists()
        assert Journal.objects.count() == NumberSeries.objects.count() == 1

    def test_refuses_a_line_of_another_document(self, receipt, invoice):
        with pytest.raises(errors.NotCreditable):
            credit_amounts(
                invoice_id=receipt.pk, amounts={invoice.lines.first().pk: Decimal(1)}, reason="x", at=LATER, by=None
            )

        assert not Invoice.objects.filter(kind="credit_note").exists()

    def test_together_exceeding_the_line_is_refused_by_the_database(self, receipt):
        part = credit_part(receipt, "6.00").lines.get()
        values = InvoiceLine.objects.filter(pk=part.pk).values().get()
        draft = Invoice.objects.create(
            seller=receipt.seller,
            kind="credit_note",
            credits=receipt,
            reason="x",
            **{
                field: getattr(receipt, field)
                for field in ("period_from", "period_to", "tax_date", "currency", "amounts_are_gross", "language")
            },
            net=Decimal(0),
            tax=Decimal(0),
            gross=Decimal(0),
        )

        with refused_by("take back at most the line", InvoiceLine):
            InvoiceLine.objects.create(**values | {"id": None, "invoice_id": draft.pk})


class TestARevisionOfWhatWasCreditedInPart:
    def test_credits_the_rest_before_it_is_billed(self, site):
        cdr = make_cdr(site=site, kwh="20")
        (invoice,) = bill(site)
        credit_part(invoice, "1.00")
        revise(cdr, kwh="10")

        bill(site)

        assert selectors.is_credited_in_full(invoice)
        assert [found for found in audit.find_violations() if found.invariant in {"I2", "I5"}] == []
