"""A driver's payment in the console: what became of it, and its refund."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.invoices.models import Invoice
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.services.refunds import refund_document
from tests.factories import make_member, make_site, make_user
from tests.integration.tenants import signed_in

from .conftest import NOON
from .drivers import capture, make_attempt, pay, receipt_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def captured(sandbox, site) -> PaymentAttempt:
    return capture(receipt_of(pay(make_attempt(site)), site))


def client_of(site, role: Role):
    return signed_in(make_member(organisation=site.owner, role=role, user=make_user(is_staff=True)).user)


def page(attempt: PaymentAttempt, act: str = "change") -> str:
    return reverse(f"admin:payments_paymentattempt_{act}", args=[attempt.pk])


def dialog(document: Invoice) -> str:
    return reverse("console:refund", args=[document.uid])


class TestPage:
    def test_says_what_was_held_captured_and_called_and_not_the_token(self, site, captured):
        shown = client_of(site, Role.READ_ONLY).get(page(captured)).content.decode()

        for words in ("€25.00", "€10.00", "REC-2026-000001", "open a payment page", "take what is held", "taken"):
            assert words in shown
        assert "&#x27;captured&#x27;" not in shown
        assert captured.token not in shown

    def test_lists_free_and_unpaid_attempts_too(self, sandbox, site, captured):
        make_attempt(site)
        make_attempt(site, 0)

        shown = client_of(site, Role.OWNER).get(reverse("admin:payments_paymentattempt_changelist"))

        assert "nothing, free of charge" in shown.content.decode()
        for attempt in PaymentAttempt.objects.all():
            assert client_of(site, Role.OWNER).get(page(attempt)).status_code == 200

    def test_of_the_hold_shows_its_receipt_and_refunds(self, site, captured):
        refund_document(document_id=captured.receipt_id, reason="The cable was broken.", by=None, at=NOON)

        shown = client_of(site, Role.OWNER).get(reverse("admin:payments_payment_change", args=[captured.payment.pk]))

        for words in ("REC-2026-000001", Refund.objects.get().credit_note.number, "The cable was broken.", "€10.00"):
            assert words in shown.content.decode()


class TestRefund:
    """From the attempt or the document to the console's page: how much, what it comes to, and done."""

    ALL = {"how_much": "whole", "reason": "The cable was broken.", "seen_left": "10.00"}

    def test_is_reached_from_the_attempt_and_the_receipt(self, sandbox, site, captured):
        client = client_of(site, Role.FINANCE)

        assert client.get(page(captured, "refund")).url == dialog(captured.receipt)
        assert client.get(reverse("admin:invoices_invoice_credit", args=[captured.receipt_id])).url == dialog(
            captured.receipt
        )

    def test_shows_what_it_comes_to_before_it_is_done(self, sandbox, site, captured):
        client = client_of(site, Role.FINANCE)

        asked = client.post(dialog(captured.receipt), self.ALL).content.decode()

        assert "net €8.40 + VAT €1.60 = €10.00" in asked
        assert "<strong>€10.00</strong> were paid beyond what is then owed" in asked
        assert (Refund.objects.count(), captured.receipt.credit_notes.count()) == (0, 0)

        done = client.post(dialog(captured.receipt), self.ALL | {"confirmed": "1"}, follow=True).content.decode()

        assert "€10.00 go back to the card it was paid with." in done
        refund = Refund.objects.get()
        assert (refund.status, refund.reason) == ("succeeded", "The cable was broken.")
        assert refund.requested_by is not None
        assert [each["amount"] for each in sandbox.control.objects("refund")] == [1000]

    def test_of_an_amount_is_that_amount(self, sandbox, site, captured):
        asked = self.ALL | {"how_much": "amount", "amount": "2.50", "confirmed": "1"}

        client_of(site, Role.OWNER).post(dialog(captured.receipt), asked)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [250]

    def test_by_line_is_what_the_line_says(self, sandbox, site, captured):
        line = captured.receipt.lines.get()
        asked = self.ALL | {"how_much": "lines", f"line_{line.pk}": "1.25", "confirmed": "1"}

        client_of(site, Role.OWNER).post(dialog(captured.receipt), asked)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [125]

    @pytest.mark.parametrize(
        "change",
        [
            {"reason": ""},
            {"how_much": "amount", "amount": "10.01"},
            {"how_much": "amount", "amount": "-1"},
            {"how_much": "amount", "amount": "0.001"},
            {"how_much": "amount", "amount": ""},
            {"how_much": "amount", "amount": "NaN"},
            {"seen_left": "12.00"},
            {"how_much": "everything"},
        ],
    )
    def test_refuses_in_words_and_writes_nothing(self, sandbox, site, captured, change):
        answer = client_of(site, Role.OWNER).post(dialog(captured.receipt), self.ALL | {"confirmed": "1"} | change)

        assert answer.status_code == 200
        assert (Refund.objects.count(), captured.receipt.credit_notes.count()) == (0, 0)

    def test_a_double_click_gives_back_once(self, sandbox, site, captured):
        client = client_of(site, Role.OWNER)
        asked = self.ALL | {"how_much": "amount", "amount": "2.50", "confirmed": "1"}

        client.post(dialog(captured.receipt), asked)
        again = client.post(dialog(captured.receipt), asked)

        assert "credited meanwhile" in again.content.decode()
        assert len(sandbox.control.objects("refund")) == 1

    @pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.READ_ONLY])
    def test_is_not_for_everyone(self, sandbox, site, captured, role):
        answer = client_of(site, role).post(dialog(captured.receipt), self.ALL | {"confirmed": "1"})

        assert (answer.status_code, Refund.objects.count()) == (403, 0)

    def test_is_not_anothers(self, sandbox, site, captured):
        answer = client_of(make_site(), Role.OWNER).post(dialog(captured.receipt), self.ALL | {"confirmed": "1"})

        assert (answer.status_code, Refund.objects.count()) == (404, 0)

    def test_has_no_button_before_there_is_a_receipt(self, sandbox, site):
        attempt = pay(make_attempt(site))

        assert page(attempt, "refund") not in client_of(site, Role.OWNER).get(page(attempt)).content.decode()
