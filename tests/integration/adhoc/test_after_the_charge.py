"""After the charge, on the driver's own pages: pay what is open, the document by mail, an invoice to a company."""

from datetime import timedelta

import pytest
import stripe
import time_machine
from django.core import mail as outbox

from apps.adhoc.selectors import attempts_with_buyer
from apps.adhoc.services.receipts import settle_buyer
from apps.core.audit import find_violations
from apps.documents.mails import send_due_mails
from apps.documents.models import Mail
from apps.invoices.models import Invoice
from apps.invoices.services.rendering import render_document
from apps.payments.models import Payment, PaymentAttempt
from apps.payments.sandbox import complete_checkout
from apps.payments.selectors import open_amount
from apps.stations.models import Connector

from .conftest import GOOD, NOW, Driver, sell_under, set_station, text_of
from .test_progress_page import KWH, Charge, look

BUYER = {
    "name": "Muster <b>GmbH",
    "street": "Weg 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "vat_id": "DE 136 695 976",
}


@pytest.fixture
def attempt(driver) -> PaymentAttempt:
    return driver.pay()


@pytest.fixture
def charge(attempt, site) -> Charge:
    return Charge(attempt, site)


@pytest.fixture
def paid(attempt, charge) -> PaymentAttempt:
    """5.00 EUR, captured."""
    charge.begin().end(10 * KWH, at=NOW).price()
    attempt.refresh_from_db()
    assert attempt.status == "captured"
    return attempt


@pytest.fixture
def unpaid(sandbox, attempt, charge) -> PaymentAttempt:
    """5.00 EUR, whose hold had ended before it was captured."""
    charge.begin().end(10 * KWH, at=NOW)
    client = stripe.StripeClient("sk_test_of_payments", base_addresses={"api": sandbox.url})
    client.v1.payment_intents.cancel(attempt.payment.stripe_id)
    charge.price()
    attempt.refresh_from_db()
    assert attempt.status == "hold_expired"
    return attempt


def post(driver: Driver, attempt: PaymentAttempt, page: str, **fields: str):
    return driver.client.post(f"/s/{attempt.token}/{page}", fields)


def mine() -> list[str]:
    """Return what the audit finds, but for what has no raw frame here."""
    return [each.problem for each in find_violations() if each.invariant not in {"I9", "I10"}]


class TestPayNow:
    def test_is_offered_for_what_the_hold_did_not_pay_and_settles_it(self, driver, unpaid):
        assert "Pay €5.00 now" in look(driver, unpaid)

        answer = post(driver, unpaid, "pay/")
        back = complete_checkout(answer["Location"], GOOD)
        driver.client.get(back.removeprefix("http://testserver"))

        page = look(driver, unpaid)
        assert "Thank you" in page
        assert "Pay €5.00 now" not in page
        assert (open_amount(unpaid.receipt), mine()) == (0, [])

    def test_twice_leads_to_the_same_page(self, driver, unpaid):
        assert post(driver, unpaid, "pay/")["Location"] == post(driver, unpaid, "pay/")["Location"]

        assert Payment.objects.filter(kind="link").count() == 1

    def test_of_what_is_paid_leads_back(self, driver, paid):
        assert post(driver, paid, "pay/")["Location"] == f"/s/{paid.token}/"

        assert not Payment.objects.filter(kind="link").exists()

    def test_before_there_is_a_receipt_or_with_a_guessed_token_is_not_there(self, driver, attempt):
        assert post(driver, attempt, "pay/").status_code == 404
        assert driver.client.post("/s/0000000000000000000000/pay/").status_code == 404

    def test_says_so_while_stripe_is_out_of_reach(self, driver, unpaid, settings):
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"

        answer = post(driver, unpaid, "pay/")

        assert (answer.status_code, "cannot be opened just now" in text_of(answer)) == (503, True)


class TestReceiptByMail:
    @pytest.fixture(autouse=True)
    def _sends(self, settings):
        settings.SENDS_MAILS = True

    def test_brings_the_file_once(self, driver, paid, caplog):
        post(driver, paid, "receipt/mail/", email="olga@example.com")
        post(driver, paid, "receipt/mail/", email="Olga@example.com")
        render_document(invoice_id=paid.receipt_id, at=NOW)

        send_due_mails(at=NOW + timedelta(minutes=30))

        (sent,) = outbox.outbox
        assert (sent.to, sent.attachments[0][0]) == (["olga@example.com"], f"{paid.receipt.number}.pdf")
        assert paid.receipt.number in sent.subject
        assert "olga" not in caplog.text.lower()

    @pytest.mark.parametrize("address", ["", "olga", "a@b.example, c@d.example", "a@b.example\nBcc: c@d.example"])
    def test_refuses_what_is_no_address(self, driver, paid, address):
        answer = driver.client.post(f"/s/{paid.token}/receipt/mail/", {"email": address}, follow=True)

        assert "This is no e-mail address." in text_of(answer)
        assert not Mail.objects.exists()

    def test_goes_to_three_addresses_and_no_further(self, driver, paid):
        for number in range(4):
            answer = driver.client.post(
                f"/s/{paid.token}/receipt/mail/", {"email": f"a{number}@b.example"}, follow=True
            )

        assert "sent to several addresses already" in text_of(answer)
        assert Mail.objects.count() == 3

    def test_is_not_offered_where_no_mails_are_sent(self, driver, paid, settings):
        assert "By e-mail" in look(driver, paid, "receipt/")
        settings.SENDS_MAILS = False

        assert "By e-mail" not in look(driver, paid, "receipt/")


class TestInvoiceForMyCompany:
    def test_takes_the_receipts_place(self, driver, paid):
        assert "Invoice for my company" in look(driver, paid, "receipt/")

        post(driver, paid, "receipt/company/", **BUYER)

        invoice = Invoice.objects.get(replaces=paid.receipt)
        render_document(invoice_id=invoice.pk, at=NOW)
        page = driver.client.get(f"/s/{paid.token}/receipt/").content.decode()
        assert f"Invoice {invoice.number} to Muster &lt;b&gt;GmbH stands" in page
        assert "Invoice for my company" not in page
        assert invoice.buyer_party["vat_id"] == "DE136695976"
        file = driver.client.get(f"/s/{paid.token}/receipt/invoice/")
        assert file["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
        assert mine() == []

    def test_is_made_once(self, driver, paid):
        post(driver, paid, "receipt/company/", **BUYER)
        again = post(driver, paid, "receipt/company/", **BUYER | {"name": "Other"})

        assert again["Location"] == f"/s/{paid.token}/receipt/"
        assert Invoice.objects.filter(kind="invoice").count() == 1

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"vat_id": "DE136695977"}, "no VAT ID of that country"),
            ({"vat_id": "ATU13585627"}, "no VAT ID of that country"),
            ({"country": "XX"}, "Select a valid choice"),
            ({"name": ""}, "This field is required"),
            ({"street": "x" * 201}, "at most 200"),
        ],
    )
    def test_says_what_is_wrong_and_makes_nothing(self, driver, paid, change, said):
        answer = post(driver, paid, "receipt/company/", **BUYER | change)

        assert (answer.status_code, said in text_of(answer)) == (422, True)
        assert not Invoice.objects.filter(kind="invoice").exists()

    def test_is_not_offered_after_thirty_days(self, driver, paid):
        with time_machine.travel(NOW + timedelta(days=31), tick=True):
            assert "Invoice for my company" not in look(driver, paid, "receipt/")
            answer = post(driver, paid, "receipt/company/", **BUYER)

        assert "within 30 days" in text_of(answer)
        assert not Invoice.objects.filter(kind="invoice").exists()


class TestAChargeThatMayNeedAnInvoice:
    """In Germany a receipt without a buyer goes up to 250 EUR, gross."""

    @pytest.fixture
    def dear(self, site, settings, driver) -> Driver:
        settings.ADHOC_HOLD_MAX = {"EUR": 300}
        sell_under(site, elements=[{"price_components": [{"type": "ENERGY", "price": "26.00", "step_size": 1}]}])
        return driver

    def test_asks_for_the_address_before_it_charges(self, dear):
        page = dear.look()
        assert "the law asks for an invoice in your name" in page

        answer = dear.press(page)

        assert answer.status_code == 422
        assert not PaymentAttempt.objects.exists()

    def test_that_became_dear_is_invoiced_to_that_address(self, dear, site):
        attempt = self.pay(dear)
        Charge(attempt, site).begin().end(10 * KWH, at=NOW).price()

        settle_buyer(attempt_id=attempt.pk, at=NOW)
        settle_buyer(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        invoice = Invoice.objects.get(replaces=attempt.receipt)
        assert (invoice.buyer_party["name"], invoice.gross.amount) == (BUYER["name"], 260)
        assert (attempt.buyer, attempts_with_buyer(), mine()) == ({}, [], [])

    def test_that_stayed_cheap_forgets_the_address(self, dear, site):
        attempt = self.pay(dear)
        Charge(attempt, site).begin().end(1 * KWH, at=NOW).price()
        assert attempts_with_buyer() == [attempt.pk]

        settle_buyer(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        assert (attempt.buyer, Invoice.objects.filter(kind="invoice").exists()) == ({}, False)

    @staticmethod
    def pay(driver: Driver) -> PaymentAttempt:
        answer = driver.press(driver.look(), **BUYER)
        assert answer.status_code == 302, text_of(answer)
        driver.client.get(complete_checkout(answer["Location"], GOOD).removeprefix("http://testserver"))
        return PaymentAttempt.objects.get()


class TestAStationThatWantsThePlugFirst:
    @pytest.fixture(autouse=True)
    def _plugs_first(self, site):
        Connector.objects.filter(evse=site.evse).update(plugs_first=True)

    def test_asks_for_it_before_it_takes_a_card(self, driver, site):
        page = driver.look()
        assert "Plug in the car first." in page
        assert 'name="shown"' not in page

        set_station(site, status="Preparing")

        page = driver.look()
        assert "Leave the car plugged in." in page
        assert "three minutes" not in page

    def test_takes_no_card_once_it_is_unplugged_again(self, driver, site):
        set_station(site, status="Preparing")
        page = driver.look()
        set_station(site, status="Available")

        assert driver.press(page).status_code == 409
        assert not PaymentAttempt.objects.exists()
