from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import stripe

from apps.payments.sandbox import CheckoutRefused, complete_checkout
from tests.integration.payments.sandbox.conftest import (
    DECLINES_AT_ENTRY,
    DECLINES_LATER,
    GOOD,
    payment_session,
    setup_session,
)


@pytest.fixture
def sessions(stripe_client):
    return stripe_client.v1.checkout.sessions


@pytest.fixture
def customer(stripe_client):
    return stripe_client.v1.customers.create({"email": "fleet@example.com"}).id


class TestSetupSession:
    def test_saves_the_card_and_leads_back(self, stripe_client, sessions, customer):
        session = sessions.create(setup_session(customer))

        back = complete_checkout(session.url, GOOD)

        done = sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
        method = done.setup_intent.payment_method
        assert back == f"http://127.0.0.1:9/back?session={session.id}"
        assert (session.status, session.url.rpartition("/")[2]) == ("open", session.id)
        assert (done.status, done.payment_status) == ("complete", "no_payment_required")
        assert (done.setup_intent.status, method.customer) == ("succeeded", customer)
        assert (method.card.brand, method.card.last4) == ("visa", "4242")
        assert stripe_client.v1.payment_methods.retrieve(method.id).id == method.id

    def test_says_a_declining_card_and_stays_open_for_another(self, stripe_client, sessions, customer):
        session = sessions.create(setup_session(customer))

        with pytest.raises(CheckoutRefused, match=r"^Your card was declined\.$"):
            complete_checkout(session.url, DECLINES_AT_ENTRY)
        nothing_saved = stripe_client.v1.payment_methods.list({"customer": customer}).data
        complete_checkout(session.url, DECLINES_LATER)

        assert nothing_saved == []
        assert sessions.retrieve(session.id).status == "complete"

    def test_refuses_a_number_that_is_no_test_card_and_keeps_no_trace_of_it(self, sandbox, sessions, customer):
        session = sessions.create(setup_session(customer))

        with pytest.raises(CheckoutRefused, match="not one of the sandbox's test cards"):
            complete_checkout(session.url, "4111111111111111")
        complete_checkout(session.url, GOOD)

        kept = str(sandbox.control.objects()) + str(sandbox.control.requests())
        assert "4111111111111111" not in kept
        assert GOOD not in kept

    def test_is_used_up_when_complete(self, sandbox, sessions, customer):
        session = sessions.create(setup_session(customer))
        complete_checkout(session.url, GOOD)

        with pytest.raises(CheckoutRefused, match="You are all done here"):
            complete_checkout(session.url, GOOD)

        assert len(sandbox.control.objects("payment_method")) == 1

    def test_expired_by_request_shows_so_and_cannot_be_expired_twice(self, sessions, customer):
        session = sessions.create(setup_session(customer))

        expired = sessions.expire(session.id)

        assert (expired.status, expired.url) == ("expired", None)
        with pytest.raises(CheckoutRefused, match="This page has expired"):
            complete_checkout(session.url, GOOD)
        with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
            sessions.expire(session.id)

    def test_expires_by_itself(self, sandbox, sessions, customer):
        session = sessions.create(setup_session(customer) | {"expires_at": sandbox.control.now() + 1800})

        sandbox.control.advance_clock(1800)

        assert sessions.retrieve(session.id).status == "expired"

    def test_may_not_expire_earlier_than_after_30_minutes(self, sandbox, sessions, customer):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            sessions.create(setup_session(customer) | {"expires_at": sandbox.control.now() + 600})

        assert refused.value.param == "expires_at"
        assert sandbox.control.objects("checkout.session") == []

    def test_page_escapes_what_the_caller_wrote(self, sessions, customer):
        session = sessions.create(setup_session(customer) | {"cancel_url": 'http://x/"><script>alert(1)</script>'})

        page = _get(session.url)

        assert "<script>" not in page
        assert 'id="cancel"' in page


class TestPaymentSession:
    def test_holds_the_amount_for_capture(self, stripe_client, sessions):
        session = sessions.create(payment_session(4000))
        complete_checkout(session.url, GOOD)

        held = sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
        intent = held.payment_intent
        assert session.payment_intent is None
        assert (held.status, held.payment_status, held.amount_total) == ("complete", "unpaid", 4000)
        assert (intent.status, intent.amount_capturable) == ("requires_capture", 4000)
        assert intent.metadata["attempt"] == "17"
        card = intent.latest_charge.payment_method_details.card
        assert card.capture_before - intent.latest_charge.created == 7 * 86400

        stripe_client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 2500})

        assert sessions.retrieve(session.id).payment_status == "paid"

    def test_shows_the_amount_and_what_it_is_for(self, sessions):
        page = _get(sessions.create(payment_session(4000)).url)

        assert "Pay 40.00 EUR" in page
        assert "Charging, at most × 1: 40.00 EUR" in page

    def test_tries_again_on_the_same_intent_after_a_decline(self, sandbox, sessions):
        session = sessions.create(payment_session())

        with pytest.raises(CheckoutRefused, match="insufficient funds"):
            complete_checkout(session.url, DECLINES_LATER)
        complete_checkout(session.url, GOOD)

        assert [each["status"] for each in sandbox.control.objects("payment_intent")] == ["requires_capture"]
        assert [each["status"] for each in sandbox.control.objects("charge")] == ["failed", "succeeded"]

    def test_captured_automatically_is_paid_and_saves_the_card_if_asked(self, stripe_client, sessions, customer):
        wanted = payment_session(4000, "automatic") | {"customer": customer}
        wanted["payment_intent_data"]["setup_future_usage"] = "off_session"
        session = sessions.create(wanted)
        with pytest.raises(CheckoutRefused):
            complete_checkout(session.url, DECLINES_LATER)
        none_yet = stripe_client.v1.payment_methods.list({"customer": customer}).data

        complete_checkout(session.url, GOOD)

        paid = sessions.retrieve(session.id, {"expand": ["payment_intent"]})
        assert (paid.payment_status, paid.payment_intent.status) == ("paid", "succeeded")
        assert none_yet == []
        assert [each.id for each in stripe_client.v1.payment_methods.list({"customer": customer}).data] == [
            paid.payment_intent.payment_method
        ]

    def test_below_the_minimum_is_refused(self, sessions):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            sessions.create(payment_session(49))

        assert refused.value.code == "amount_too_small"


def _get(url: str) -> str:
    target = urlsplit(url)
    connection = HTTPConnection(target.hostname, target.port)
    connection.request("GET", target.path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text
