"""A driver's payment in the console: what became of it, and its refund."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.payments.models import PaymentAttempt, Refund
from tests.factories import make_member, make_site, make_user
from tests.integration.tenants import signed_in

from .drivers import capture, make_attempt, pay, receipt_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def captured(sandbox, site) -> PaymentAttempt:
    return capture(receipt_of(pay(make_attempt(site)), site))


def client_of(site, role: Role):
    return signed_in(make_member(organisation=site.owner, role=role, user=make_user(is_staff=True)).user)


def page(attempt: PaymentAttempt, act: str = "change") -> str:
    return reverse(f"admin:payments_paymentattempt_{act}", args=[attempt.pk])


class TestPage:
    def test_says_what_was_held_captured_and_called_and_not_the_token(self, site, captured):
        shown = client_of(site, Role.READ_ONLY).get(page(captured)).content.decode()

        for words in ("€25.00", "€10.00", "REC-2026-000001", "create payment session", "capture intent", "captured"):
            assert words in shown
        assert captured.token not in shown

    def test_lists_free_and_unpaid_attempts_too(self, sandbox, site, captured):
        make_attempt(site)
        make_attempt(site, 0)

        shown = client_of(site, Role.OWNER).get(reverse("admin:payments_paymentattempt_changelist"))

        assert "nothing, free of charge" in shown.content.decode()
        for attempt in PaymentAttempt.objects.all():
            assert client_of(site, Role.OWNER).get(page(attempt)).status_code == 200

    def test_of_the_hold_shows_its_receipt_and_refunds(self, site, captured):
        client_of(site, Role.FINANCE).post(page(captured, "refund"), {"reason": "The cable was broken."})

        shown = client_of(site, Role.OWNER).get(reverse("admin:payments_payment_change", args=[captured.payment.pk]))

        for words in ("REC-2026-000001", Refund.objects.get().credit_note.number, "The cable was broken.", "€10.00"):
            assert words in shown.content.decode()


class TestRefundInFull:
    def test_asks_for_a_reason_and_gives_the_money_back(self, sandbox, site, captured):
        client = client_of(site, Role.FINANCE)

        asked = client.get(page(captured, "refund"))
        assert (asked.status_code, Refund.objects.count()) == (200, 0)
        client.post(page(captured, "refund"), {"reason": ""})
        assert not Refund.objects.exists()
        done = client.post(page(captured, "refund"), {"reason": "The cable was broken."}, follow=True)

        assert "€10.00 go back to the driver" in done.content.decode()
        refund = Refund.objects.get()
        assert (refund.status, refund.reason) == ("succeeded", "The cable was broken.")
        assert refund.requested_by is not None
        assert [each["amount"] for each in sandbox.control.objects("refund")] == [1000]
        assert page(captured, "refund") not in client.get(page(captured)).content.decode()

    def test_says_in_words_why_not_yet(self, sandbox, site):
        attempt = pay(make_attempt(site))
        receipt_of(attempt, site)

        client = client_of(site, Role.OWNER)

        assert page(attempt, "refund") not in client.get(page(attempt)).content.decode()

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.TECHNICIAN, Role.READ_ONLY])
    def test_is_not_for_everyone(self, sandbox, site, captured, role):
        client_of(site, role).post(page(captured, "refund"), {"reason": "x"})

        assert not Refund.objects.exists()

    def test_is_not_anothers(self, sandbox, site, captured):
        answer = client_of(make_site(), Role.OWNER).post(page(captured, "refund"), {"reason": "x"})

        assert (answer.status_code, Refund.objects.count()) == (404, 0)
