"""The receipt of a top-up whose VAT is due at use: printed once, no invoice, saying so in the customer's language."""

from io import BytesIO

import pytest
from celery import current_app
from pypdf import PdfReader

from apps.documents.models import Document
from apps.invoices.models import Invoice
from apps.payments import tasks
from apps.payments.models import WalletMovement
from apps.payments.papers import unprinted_receipts
from apps.payments.services.papers import print_receipt, print_receipts, receipt_html

from .conftest import MINUTE, NOON
from .paying_ahead import charged, make_taxed_wallet, make_wallet, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_once():
    """Run what is handed out at once, in this process."""
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = True
    yield
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = False


def text_of(document: Document) -> str:
    pages = PdfReader(BytesIO(bytes(document.content))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


class TestTheReceipt:
    @pytest.fixture
    def wallet(self, sandbox, site):
        wallet = make_wallet(site)
        top_up(wallet)
        return wallet

    def test_says_what_came_and_that_it_is_no_invoice(self, site, wallet):
        (document,) = print_receipts(wallet_id=wallet.pk, at=NOON)

        said = text_of(document)
        assert "We have received €50.00 from you" in said
        assert "This receipt is no invoice and states no VAT" in said
        assert site.customer.name in said
        assert not Invoice.objects.exists()
        assert (document.media_type, document.recipient) == ("application/pdf", site.customer.organisation)

    @pytest.mark.parametrize(
        ("language", "said"),
        [
            ("de", "ist keine Rechnung"),
            ("fr", "est pas une facture"),
            ("nl", "is geen factuur"),
            ("en", "is no invoice"),
        ],
    )
    def test_speaks_the_customers_language(self, site, wallet, language, said):
        type(site.customer).objects.update(language=language)

        assert said in receipt_html(WalletMovement.objects.get())

    def test_is_printed_once_and_never_again(self, wallet):
        movement = WalletMovement.objects.get()

        first, again = (print_receipt(movement_id=movement.pk, at=at) for at in (NOON, NOON + MINUTE))

        assert (first, Document.objects.count()) == (again, 1)
        assert print_receipts(wallet_id=wallet.pk, at=NOON) == []

    def test_of_a_lost_bell_is_printed_by_the_sweep(self, wallet, at_once):
        tasks.sweep_papers()

        assert Document.objects.get().kind == "receipt_of_top_up"

    def test_states_the_balance_right_after_it(self, site, wallet):
        charged(site)
        top_up(wallet, "25.00", at=NOON + MINUTE)

        second = print_receipts(wallet_id=wallet.pk, at=NOON)[1]

        assert "In the wallet afterwards €65.00" in text_of(second)


class TestATaxedTopUp:
    def test_has_its_invoice_and_no_receipt(self, sandbox, site):
        wallet = make_taxed_wallet(site)
        top_up(wallet)

        assert print_receipts(wallet_id=wallet.pk, at=NOON) == []
        assert Invoice.objects.get().number.startswith("TOP-")

    def test_that_pays_a_debt_first_has_a_receipt_of_that_and_names_its_invoice(self, sandbox, site):
        wallet = make_taxed_wallet(site, bound="10")
        charged(site)
        top_up(wallet)

        said = receipt_html(unprinted_receipts().select_related("wallet__contract__customer").get())

        assert "We have received €10.00" in said
        assert "You paid €50.00 in all" in said
        assert f"on invoice {Invoice.objects.get().number}" in said
        assert "€40.00" in said
