"""“Invoice for my company”: credit note, full invoice, and the money that settled the one settles the other."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.invoices.domain.receipts import Buyer
from apps.invoices.errors import DocumentRefused, NotReplaceable
from apps.invoices.models import Invoice
from apps.invoices.services.rendering import print_html
from apps.ledger.selectors import balance
from apps.ledger.services import Role
from apps.payments.models import Allocation
from apps.payments.selectors import open_amount
from apps.payments.services.company import invoice_company
from apps.payments.services.corrections import correct_charge
from apps.payments.services.refunds import refund_document
from tests.integration.invoices.world import revise

from .conftest import NOON, collect
from .drivers import capture, make_attempt, pay, receipt_of, violations

pytestmark = pytest.mark.django_db

BUYER = Buyer(
    name="Muster <b>GmbH", street="Weg 1", postcode="10115", city="Berlin", country="DE", vat_id="DE136695976"
)


@pytest.fixture
def receipt(sandbox, site) -> Invoice:
    """10.00 EUR, captured."""
    receipt = receipt_of(pay(make_attempt(site)), site)
    capture(receipt)
    return receipt


def ask(receipt: Invoice, buyer: Buyer = BUYER, at=NOON) -> Invoice:
    return invoice_company(receipt_id=receipt.pk, buyer=buyer, at=at)


class TestInvoiceForMyCompany:
    def test_stands_in_the_receipts_stead_settled_by_the_same_money(self, sandbox, site, receipt):
        invoice = ask(receipt)

        assert (invoice.kind, invoice.number[:3], invoice.replaces) == ("invoice", "INV", receipt)
        assert (invoice.net, invoice.tax, invoice.gross) == (receipt.net, receipt.tax, receipt.gross)
        assert invoice.buyer_party["name"] == BUYER.name
        assert receipt.credit_notes.get().gross == -receipt.gross
        assert (open_amount(receipt), open_amount(invoice)) == (0, 0)
        assert balance(entity_id=site.owner.pk, role=Role.RECEIVABLE, currency="EUR") == 0
        assert sandbox.control.objects("refund") == []
        assert violations() == []

    def test_is_made_once_and_never_changed(self, sandbox, receipt):
        invoice = ask(receipt)

        assert ask(receipt, Buyer(name="Other", street="x", postcode="x", city="x", country="AT")) == invoice

        invoice.refresh_from_db()
        assert (invoice.buyer_party["name"], Allocation.objects.count()) == (BUYER.name, 3)

    def test_is_printed_with_its_buyer_and_asks_for_no_money(self, sandbox, receipt):
        invoice = ask(receipt)

        printed = print_html(invoice)
        for words in (
            "Muster &lt;b&gt;GmbH",
            "DE136695976",
            f"stead of receipt {receipt.number}",
            "nothing more to pay",
        ):
            assert words in printed
        assert "Please transfer" not in printed
        assert invoice.number in print_html(receipt.credit_notes.get())

    def test_is_not_collected_from_anybody(self, sandbox, receipt):
        assert collect(ask(receipt)) is None

    def test_is_given_back_like_any_document(self, sandbox, receipt):
        invoice = ask(receipt)

        (done,) = refund_document(document_id=invoice.pk, reason="x", by=None, at=NOON)

        assert (done.status, done.invoice, done.amount.amount) == ("succeeded", invoice, Decimal("10.00"))
        assert done.credit_note.buyer_party == invoice.buyer_party
        assert (open_amount(invoice), violations()) == (0, [])

    def test_is_what_a_later_lower_meter_corrects(self, sandbox, receipt):
        invoice = ask(receipt)

        corrected = correct_charge(cdr_id=revise(invoice.lines.get().cdr, kwh="15").pk, at=NOON)

        assert (corrected, invoice.credit_notes.get().gross.amount) == (invoice, Decimal("-2.50"))
        assert violations() == []


class TestIsRefused:
    def refuse(self, receipt: Invoice, match: str, *, buyer: Buyer = BUYER, at=NOON) -> None:
        before = Invoice.objects.count()
        with pytest.raises(DocumentRefused, match=match):
            ask(receipt, buyer, at=at)
        assert Invoice.objects.count() == before

    def test_after_thirty_days(self, sandbox, receipt):
        self.refuse(receipt, "within 30 days", at=NOON + timedelta(days=30, seconds=1))

    def test_for_a_receipt_that_was_corrected(self, sandbox, receipt):
        amounts = {receipt.lines.get().pk: Decimal("1.00")}
        refund_document(document_id=receipt.pk, amounts=amounts, reason="x", by=None, at=NOON)

        self.refuse(receipt, "corrected already")

    def test_for_a_receipt_that_is_not_paid(self, sandbox, site):
        attempt = pay(make_attempt(site))
        receipt = receipt_of(attempt, site)
        self.refuse(receipt, "finalised")
        sandbox.control.advance_clock(8 * 24 * 3600)
        capture(receipt)

        self.refuse(receipt, "not paid yet")

    def test_while_its_record_is_being_corrected(self, sandbox, receipt):
        revise(receipt.lines.get().cdr, kwh="15")

        self.refuse(receipt, "being corrected")

    def test_without_an_address(self, sandbox, receipt):
        buyer = Buyer(name="x", street="", postcode="1", city="x", country="DE")

        self.refuse(receipt, "has no street", buyer=buyer)
        with pytest.raises(NotReplaceable):
            ask(Invoice.objects.get(pk=receipt.pk), at=NOON + timedelta(days=31))
