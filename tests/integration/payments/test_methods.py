"""A customer saves a card on Stripe's page."""

from datetime import date, timedelta

import pytest

from apps.documents.models import Mail
from apps.payments.models import PaymentOperation, SavedMethod, StripeCustomer
from apps.payments.sandbox import CheckoutRefused, FaultKind, complete_checkout
from apps.payments.selectors import expiring_methods
from apps.payments.services import driver, methods, setups
from apps.payments.waiting import stale_method_ids

from .conftest import BACK, CANCEL, DECLINES_AT_ENTRY, GOOD, MINUTE, NOON, assert_clean

pytestmark = pytest.mark.django_db


def start(customer, at=NOON) -> str:
    return methods.start_method_setup(customer_id=customer.pk, success_url=BACK, cancel_url=CANCEL, at=at)


class TestStartSetup:
    def test_opens_a_page_for_a_customer_made_once(self, sandbox, customer):
        url = start(customer)

        assert url.startswith(f"{sandbox.url}/c/pay/cs_test_")
        made = sandbox.control.objects("customer")
        assert [each["id"] for each in made] == [StripeCustomer.objects.get(customer=customer).stripe_id]
        assert made[0]["email"] == "fleet@example.org"
        assert [o.kind for o in PaymentOperation.objects.order_by("pk")] == ["create_customer", "create_setup_session"]

    def test_leads_a_second_click_to_the_same_page(self, sandbox, customer):
        first = start(customer)
        second = start(customer)

        assert first == second
        assert len(sandbox.control.objects("checkout.session")) == 1

    def test_opens_a_new_page_after_the_old_one_expired(self, sandbox, customer):
        first = start(customer)
        sandbox.control.advance_clock(25 * 60 * 60)

        second = start(customer, at=NOON + timedelta(hours=25))

        assert second != first
        assert [m.status for m in SavedMethod.objects.order_by("pk")] == ["failed", "requested"]

    def test_says_so_when_stripe_does_not_answer_and_is_ready_once_the_janitor_came(self, sandbox, customer):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/checkout/sessions")

        with pytest.raises(methods.SetupUnavailable, match="try again in a minute"):
            start(customer)
        operation = PaymentOperation.objects.get(kind="create_setup_session")
        assert (operation.status, operation.attempts) == ("unknown", 1)
        driver.drive_operation(operation_id=operation.pk, at=NOON + MINUTE)
        url = start(customer, at=NOON + MINUTE)

        assert [session["url"] for session in sandbox.control.objects("checkout.session")] == [url]

    def test_makes_the_customer_anew_after_a_500_that_did_nothing(self, sandbox, customer):
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="POST", path="/v1/customers")

        with pytest.raises(methods.SetupUnavailable):
            start(customer)
        url = start(customer, at=NOON + MINUTE)

        assert url
        assert [(o.kind, o.status) for o in PaymentOperation.objects.order_by("pk")] == [
            ("create_customer", "rejected"),
            ("create_customer", "done"),
            ("create_setup_session", "done"),
        ]
        assert len(sandbox.control.objects("customer")) == 1


class TestSyncMethod:
    def test_keeps_what_may_be_shown_of_the_card_and_nothing_else(self, card):
        assert (card.status, card.brand, card.last4, card.expiry) == ("active", "visa", "4242", "12/34")
        assert str(card) == "Visa •••• 4242"
        assert card.checkout_url == ""

    def test_changes_nothing_when_repeated(self, card):
        again = setups.sync_method(method_id=card.pk, at=NOON + MINUTE)

        assert (again.status, again.payment_method_id) == ("active", card.payment_method_id)

    def test_leaves_an_unfinished_page_requested_and_looks_again_after_an_hour(self, sandbox, customer):
        start(customer)
        method = SavedMethod.objects.get()

        setups.sync_method(method_id=method.pk, at=NOON)

        assert SavedMethod.objects.get().status == "requested"
        assert stale_method_ids(at=NOON + timedelta(minutes=59)) == []
        assert stale_method_ids(at=NOON + timedelta(minutes=60)) == [method.pk]

    def test_stays_requested_when_the_card_is_declined_on_the_page(self, sandbox, customer):
        url = start(customer)
        with pytest.raises(CheckoutRefused):
            complete_checkout(url, DECLINES_AT_ENTRY)

        method = setups.sync_method(method_id=SavedMethod.objects.get().pk, at=NOON)

        assert (method.status, method.last4) == ("requested", "")

    def test_replaces_the_former_card_here_and_at_stripe(self, sandbox, save_card):
        former = save_card(GOOD)
        latter = save_card("5555555555554444")
        operation = PaymentOperation.objects.get(kind="detach_method")

        driver.drive_operation(operation_id=operation.pk, at=NOON)

        former.refresh_from_db()
        assert (former.status, latter.status, latter.brand) == ("detached", "active", "mastercard")
        attached = {each["id"]: each["customer"] for each in sandbox.control.objects("payment_method")}
        assert attached[former.payment_method_id] is None
        assert attached[latter.payment_method_id] is not None
        assert_clean()

    def test_changes_nothing_when_stripe_does_not_answer(self, sandbox, customer):
        complete_checkout(start(customer), GOOD)
        sandbox.control.fault(FaultKind.TOO_MANY, method="GET", path="/v1/checkout/sessions")

        with pytest.raises(setups.StripeUnreachable):
            setups.sync_method(method_id=SavedMethod.objects.get().pk, at=NOON)

        assert SavedMethod.objects.get().status == "requested"


class TestACardThatExpires:
    def test_is_told_before_the_next_start_and_once(self, card):
        expires = date(2034, 12, 31)
        assert not expiring_methods(on=expires - timedelta(days=31)).exists()
        assert list(expiring_methods(on=expires - timedelta(days=29))) == [card]

        for _ in range(2):
            setups.warn_of_expiry(method_id=card.pk, at=NOON)

        mail = Mail.objects.get()
        assert mail.subject == "Visa •••• 4242 expires at the end of 12/34"
        assert mail.recipient == "fleet@example.org"

    def test_is_not_told_of_once_it_was_removed(self, card):
        setups.remove_method(method_id=card.pk, at=NOON)

        setups.warn_of_expiry(method_id=card.pk, at=NOON)

        assert not Mail.objects.exists()


class TestRemoving:
    def test_forgets_the_card_here_and_at_stripe_once(self, sandbox, card):
        for _ in range(2):
            setups.remove_method(method_id=card.pk, at=NOON)
        driver.drive_operation(operation_id=PaymentOperation.objects.get(kind="detach_method").pk, at=NOON)

        card.refresh_from_db()
        assert (card.status, card.ended_why) == ("detached", "removed")
        assert sandbox.control.objects("payment_method")[0]["customer"] is None
        assert not Mail.objects.exists()
