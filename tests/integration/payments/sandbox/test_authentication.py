from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
import stripe

from apps.payments.sandbox import CheckoutRefused, answer_challenge, complete_checkout
from tests.integration.payments.sandbox.conftest import (
    ASKS_ALWAYS,
    ASKS_UNLESS_SAVED,
    GOOD,
    event_types,
    payment_session,
    setup_session,
)

REQUIRED = "4000000000003220"
DECLINED_IN_SPITE = "4000008400001629"
BACK = "http://127.0.0.1:9/invoice?no=INV-1#paid"


@pytest.fixture
def sessions(stripe_client):
    return stripe_client.v1.checkout.sessions


@pytest.fixture
def intents(stripe_client):
    return stripe_client.v1.payment_intents


@pytest.fixture
def guarded(save_card):
    """Return a customer whose card's bank asks in every payment."""
    return save_card(ASKS_ALWAYS)


def on_session(saved):
    """Return the parameters of a payment that the customer is present at."""
    return saved.payment(off_session=None, return_url=BACK)


class TestCheckout:
    def test_leads_to_the_banks_page_and_then_back_to_the_shop(self, stripe_client, sessions, intents):
        session = sessions.create(payment_session(4000, "automatic"))

        challenge = complete_checkout(session.url, REQUIRED)
        waiting = sessions.retrieve(session.id, {"expand": ["payment_intent"]})
        back = answer_challenge(challenge)

        paid = sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
        authenticated = paid.payment_intent.latest_charge.payment_method_details.card.three_d_secure
        assert (waiting.status, waiting.payment_intent.status) == ("open", "requires_action")
        assert waiting.payment_intent.next_action.redirect_to_url.url == challenge
        assert waiting.payment_intent.latest_charge is None
        assert back == f"http://127.0.0.1:9/back?session={session.id}"
        assert (paid.status, paid.payment_status, paid.payment_intent.status) == ("complete", "paid", "succeeded")
        assert paid.payment_intent.next_action is None
        assert (authenticated.result, authenticated.authentication_flow) == ("authenticated", "challenge")
        assert event_types(stripe_client, "payment_intent") == [
            "payment_intent.created",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
        ]

    def test_holds_after_authentication(self, sessions, intents):
        session = sessions.create(payment_session(4000))

        answer_challenge(complete_checkout(session.url, REQUIRED))

        assert intents.retrieve(sessions.retrieve(session.id).payment_intent).status == "requires_capture"

    @pytest.mark.parametrize(
        ("number", "succeeds", "code", "said"),
        [
            (REQUIRED, False, "payment_intent_authentication_failure", "We are unable to authenticate"),
            (DECLINED_IN_SPITE, True, "card_declined", "Your card was declined."),
        ],
    )
    def test_is_shown_again_with_what_went_wrong(self, sessions, intents, number, succeeds, code, said):
        session = sessions.create(payment_session())

        back = answer_challenge(complete_checkout(session.url, number), succeeds=succeeds)

        failed = intents.retrieve(sessions.retrieve(session.id).payment_intent)
        assert back == session.url
        with urlopen(back) as page:
            assert f'<p role="alert">{said}' in page.read().decode()
        assert (failed.status, failed.last_payment_error.code) == ("requires_payment_method", code)
        assert failed.amount_capturable == 0
        complete_checkout(session.url, GOOD)
        assert intents.retrieve(failed.id).status == "requires_capture"

    def test_an_answer_counts_once(self, sandbox, sessions):
        challenge = complete_checkout(sessions.create(payment_session()).url, REQUIRED)
        answer_challenge(challenge)

        with pytest.raises(CheckoutRefused, match="Nothing is to be authenticated here"):
            answer_challenge(challenge)

        assert len(sandbox.control.objects("charge")) == 1

    def test_that_expires_meanwhile_takes_no_answer(self, sandbox, sessions, intents):
        session = sessions.create(payment_session())
        challenge = complete_checkout(session.url, REQUIRED)

        sandbox.control.advance_clock(86_400)

        with pytest.raises(CheckoutRefused, match="Nothing is to be authenticated here"):
            answer_challenge(challenge)
        assert [each["status"] for each in sandbox.control.objects("payment_intent")] == ["canceled"]
        assert sandbox.control.objects("charge") == []


class TestSavingACard:
    @pytest.mark.parametrize("number", [REQUIRED, ASKS_ALWAYS, ASKS_UNLESS_SAVED])
    def test_asks_first(self, stripe_client, sessions, number):
        customer = stripe_client.v1.customers.create({}).id
        session = sessions.create(setup_session(customer))

        challenge = complete_checkout(session.url, number)
        none_yet = stripe_client.v1.payment_methods.list({"customer": customer}).data
        answer_challenge(challenge)

        saved = sessions.retrieve(session.id, {"expand": ["setup_intent"]})
        assert none_yet == []
        assert (saved.status, saved.setup_intent.status) == ("complete", "succeeded")
        assert [each.id for each in stripe_client.v1.payment_methods.list({"customer": customer}).data] == [
            saved.setup_intent.payment_method
        ]

    def test_that_fails_saves_nothing(self, stripe_client, sessions):
        customer = stripe_client.v1.customers.create({}).id
        session = sessions.create(setup_session(customer))

        back = answer_challenge(complete_checkout(session.url, REQUIRED), succeeds=False)

        intent = sessions.retrieve(session.id, {"expand": ["setup_intent"]}).setup_intent
        assert back == session.url
        assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
        assert intent.last_setup_error.code == "setup_intent_authentication_failure"
        assert stripe_client.v1.payment_methods.list({"customer": customer}).data == []


class TestOffSessionPayment:
    def test_is_declined_for_want_of_authentication(self, intents, guarded):
        with pytest.raises(stripe.CardError) as declined:
            intents.create(guarded.payment(3000))

        error = declined.value.error
        intent = intents.retrieve(error.payment_intent.id, {"expand": ["latest_charge"]})
        assert declined.value.http_status == 402
        assert (error.code, error.decline_code) == ("authentication_required", "authentication_required")
        assert (error.payment_method.id, getattr(error, "advice_code", None)) == (guarded.payment_method, None)
        assert (intent.status, intent.next_action, intent.payment_method) == ("requires_payment_method", None, None)
        assert intent.last_payment_error.code == "authentication_required"
        assert (intent.latest_charge.status, intent.amount_received) == ("failed", 0)

    def test_needs_none_with_a_card_that_was_saved_with_it(self, intents, save_card):
        saved = save_card(ASKS_UNLESS_SAVED)

        assert intents.create(saved.payment()).status == "succeeded"

    def test_can_be_made_good_by_the_customer_on_the_same_intent(self, intents, guarded):
        with pytest.raises(stripe.CardError) as declined:
            intents.create(guarded.payment(3000))
        intent = declined.value.error.payment_intent.id

        waiting = intents.confirm(intent, {"payment_method": guarded.payment_method, "return_url": BACK})
        answer_challenge(waiting.next_action.redirect_to_url.url)

        assert waiting.status == "requires_action"
        assert intents.retrieve(intent).status == "succeeded"


class TestOnSessionPayment:
    def test_leads_back_to_the_return_url(self, intents, guarded):
        waiting = intents.create(on_session(guarded))

        back = urlsplit(answer_challenge(waiting.next_action.redirect_to_url.url))

        assert (waiting.status, waiting.next_action.type) == ("requires_action", "redirect_to_url")
        assert waiting.next_action.redirect_to_url.return_url == BACK
        assert intents.retrieve(waiting.id).status == "succeeded"
        assert (back.netloc, back.path, back.fragment) == ("127.0.0.1:9", "/invoice", "paid")
        assert parse_qs(back.query) == {
            "no": ["INV-1"],
            "payment_intent": [waiting.id],
            "payment_intent_client_secret": [waiting.client_secret],
            "redirect_status": ["succeeded"],
        }

    def test_that_fails_says_so_to_the_shop(self, intents, guarded):
        waiting = intents.create(on_session(guarded))

        back = answer_challenge(waiting.next_action.redirect_to_url.url, succeeds=False)

        assert "redirect_status=failed" in back
        assert intents.retrieve(waiting.id).status == "requires_payment_method"

    def test_with_a_card_that_does_not_ask_is_paid_at_once(self, intents, saved):
        assert intents.create(on_session(saved)).status == "succeeded"

    def test_given_up_can_be_tried_again_or_canceled(self, intents, guarded, saved):
        waiting = intents.create(on_session(guarded))

        again = intents.confirm(waiting.id, {"return_url": BACK})
        canceled = intents.cancel(waiting.id)

        assert (again.status, canceled.status, canceled.next_action) == ("requires_action", "canceled", None)
        with pytest.raises(CheckoutRefused):
            answer_challenge(waiting.next_action.redirect_to_url.url)

    def test_without_a_way_back_is_refused_unless_the_methods_are_named(self, sandbox, intents, guarded):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            intents.create(guarded.payment(off_session=None))
        named = intents.create(guarded.payment(off_session=None, allowed_payment_method_types=["card"]))

        assert refused.value.param == "return_url"
        assert [each["id"] for each in sandbox.control.objects("payment_intent")] == [named.id]
        assert (named.status, named.next_action.type) == ("requires_action", "use_stripe_sdk")

    @pytest.mark.parametrize("given", [{"return_url": "/back"}, {"return_url": BACK, "confirm": False}])
    def test_with_a_way_back_that_leads_nowhere_is_refused(self, sandbox, intents, saved, given):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            intents.create(saved.payment(off_session=None) | given)

        assert refused.value.param == "return_url"
        assert sandbox.control.objects("payment_intent") == []
