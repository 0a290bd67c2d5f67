"""A collection that only the customer can bring on: they are mailed a signed link, and nobody tries blindly."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from apps.documents.models import Mail
from apps.payments.models import PaymentOperation
from apps.payments.pay_tokens import LINK_LIFE, invoice_of, pay_token
from apps.payments.sandbox import answer_challenge, complete_checkout
from apps.payments.selectors import due_invoice_ids, payment_state
from apps.payments.services import syncing

from .conftest import DECLINES_LATER, MINUTE, NOON, collect

pytestmark = pytest.mark.django_db

ALWAYS_ASKS = "4000002760003184"
LOST = "4000000000009987"


@pytest.fixture
def asked(sandbox, invoice, card):
    """The invoice's payment after the bank wanted its customer."""
    sandbox.control.change_card(card.payment_method_id, ALWAYS_ASKS)
    return collect(invoice)


class TestAuthenticationRequired:
    def test_is_mailed_a_link_once_and_never_tried_blindly(self, sandbox, invoice, asked):
        for days in (1, 3, 7, 14):
            collect(invoice, at=NOON + days * 24 * 60 * MINUTE)
        syncing.sync_payment(payment_id=asked.pk, at=NOON + MINUTE)

        mail = Mail.objects.get()
        assert asked.failure_code == "authentication_required"
        assert mail.subject == f"Please confirm the payment of invoice {invoice.number}"
        assert "€119.00" in mail.body
        assert PaymentOperation.objects.filter(kind="confirm_intent").count() == 1
        assert due_invoice_ids(at=NOON + 30 * 24 * 60 * MINUTE) == []

    def test_is_paid_by_the_link_where_the_customer_authenticates(self, sandbox, invoice, asked, settings):
        link = re.search(r"/portal/pay/\S+", Mail.objects.get().body)[0]
        browser = Client(HTTP_HOST="localhost")
        assert "119" in browser.get(link).content.decode()
        page = browser.post(link)

        back = answer_challenge(complete_checkout(page["Location"], ALWAYS_ASKS))
        shown = browser.get(back)

        assert "paid" in shown.content.decode()
        assert payment_state(invoice).state == "paid"


class TestACardThatIsGone:
    def test_is_told_of_with_a_page_to_save_another_and_never_tried_again(self, sandbox, invoice, card):
        sandbox.control.change_card(card.payment_method_id, LOST)

        collect(invoice)

        mail = Mail.objects.get()
        assert mail.subject == f"Invoice {invoice.number} could not be collected"
        assert "Visa •••• 4242" in mail.body
        assert "/portal/payment-method/" in mail.body
        assert due_invoice_ids(at=NOON + 30 * 24 * 60 * MINUTE) == []

    def test_that_may_be_tried_again_is_told_of_by_nobody(self, sandbox, invoice, save_card):
        save_card(DECLINES_LATER)

        collect(invoice)

        assert not Mail.objects.exists()
        assert due_invoice_ids(at=NOON + 3 * 24 * 60 * MINUTE) == [invoice.pk]


class TestTheLink:
    def test_is_good_for_its_invoice_for_thirty_days_and_for_nothing_forged(self, invoice, time_machine):
        token = pay_token(invoice)

        assert invoice_of(token) == invoice
        assert invoice_of(token[:-1]) is None
        assert invoice_of("x") is None
        time_machine.move_to(datetime.now(UTC) + LINK_LIFE + MINUTE)
        assert invoice_of(token) is None

    def test_changes_nothing_when_only_looked_at(self, sandbox, invoice):
        address = f"/portal/pay/{pay_token(invoice)}/"

        response = Client().get(address)

        assert response.status_code == 200
        assert sandbox.control.requests() == []
        assert not PaymentOperation.objects.exists()
        assert Client().get("/portal/pay/forged/").status_code == 404
