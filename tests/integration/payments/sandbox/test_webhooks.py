import pytest
import stripe

from apps.payments.sandbox import ControlError, Forgery, complete_checkout
from tests.integration.payments.sandbox.conftest import DECLINES_LATER, GOOD, SECRET, setup_session


def listen(sandbox, receiver):
    sandbox.control.set_webhook(receiver.url, SECRET)


class TestEvents:
    def test_of_a_saved_card_arrive_signed_and_in_order(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        customer = stripe_client.v1.customers.create({})
        session = stripe_client.v1.checkout.sessions.create(setup_session(customer.id))

        complete_checkout(session.url, GOOD)

        sandbox.control.wait_for_webhooks()
        assert receiver.types == [
            "customer.created",
            "setup_intent.created",
            "payment_method.attached",
            "setup_intent.succeeded",
            "checkout.session.completed",
        ]
        last = receiver.events[-1]
        assert (last.livemode, last.api_version) == (False, stripe.api_version)
        assert (last.data.object.id, last.data.object.status) == (session.id, "complete")
        assert stripe_client.v1.events.retrieve(last.id).data.object.setup_intent == session.setup_intent

    def test_of_a_payment_and_of_a_decline(self, stripe_client, sandbox, receiver, saved, save_card):
        poor = save_card(DECLINES_LATER)
        listen(sandbox, receiver)

        stripe_client.v1.payment_intents.create(saved.payment(), {"idempotency_key": "good"})
        try:
            stripe_client.v1.payment_intents.create(poor.payment())
        except stripe.CardError as declined:
            failed = declined.error.payment_intent.id

        sandbox.control.wait_for_webhooks()
        assert receiver.types == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
        ]
        assert receiver.events[2].request.idempotency_key == "good"
        assert receiver.events[5].data.object.id == failed

    def test_keep_the_object_as_it_was_then(self, stripe_client, sandbox, saved):
        held = stripe_client.v1.payment_intents.create(saved.payment(capture_method="manual"))
        stripe_client.v1.payment_intents.capture(held.id)

        created = stripe_client.v1.events.list({"type": "payment_intent.created"}).data[0]

        assert created.data.object.status == "requires_confirmation"

    def test_are_listed_newest_first_by_type(self, stripe_client):
        names = [stripe_client.v1.customers.create({"name": name}).name for name in "abc"]

        listed = stripe_client.v1.events.list({"types": ["customer.created"], "limit": 2})

        assert names == ["a", "b", "c"]
        assert [event.data.object.name for event in listed.data] == ["c", "b"]
        assert [event.data.object.name for event in listed.auto_paging_iter()] == ["c", "b", "a"]


class TestDelivery:
    def test_is_repeated_until_answered_2xx(self, stripe_client, sandbox, receiver):
        receiver.answers = [500, 302]
        listen(sandbox, receiver)

        stripe_client.v1.customers.create({})

        sandbox.control.wait_for_webhooks()
        deliveries = sandbox.control.webhooks()["deliveries"]
        assert len({event.id for event in receiver.events}) == 1
        assert [(each["statuses"], each["delivered"]) for each in deliveries] == [([500, 302, 200], True)]

    def test_held_and_released_in_reverse(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        sandbox.control.hold_webhooks()
        made = [stripe_client.v1.customers.create({}).id for _ in range(3)]
        sandbox.control.wait_for_webhooks()
        held = list(receiver.events)

        released = sandbox.control.release_webhooks(order="reversed")

        sandbox.control.wait_for_webhooks()
        assert (held, released) == ([], 3)
        assert [event.data.object.id for event in receiver.events] == made[::-1]

    def test_shuffled_loses_none(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        sandbox.control.hold_webhooks()
        made = {stripe_client.v1.customers.create({}).id for _ in range(5)}

        sandbox.control.release_webhooks(order="shuffled")

        sandbox.control.wait_for_webhooks()
        assert {event.data.object.id for event in receiver.events} == made

    def test_dropped_never_arrives_but_the_event_can_be_fetched(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        sandbox.control.drop_webhooks()
        lost, told = (stripe_client.v1.customers.create({}).id for _ in range(2))

        sandbox.control.wait_for_webhooks()
        assert [event.data.object.id for event in receiver.events] == [told]
        assert [event.data.object.id for event in stripe_client.v1.events.list().data] == [told, lost]

    def test_duplicated_arrives_twice(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        sandbox.control.duplicate_webhooks()
        stripe_client.v1.customers.create({})
        stripe_client.v1.customers.create({})

        sandbox.control.wait_for_webhooks()
        first, again, other = (event.id for event in receiver.events)
        assert first == again != other

    def test_signature_is_the_machines_time_even_when_the_clock_was_advanced(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        now = sandbox.control.advance_clock(90 * 86_400)

        stripe_client.v1.customers.create({})

        sandbox.control.wait_for_webhooks()
        # The receiver has verified the signature with its tolerance of 300 s.
        assert receiver.events[0].created - now in (0, 1)


class TestForgery:
    @pytest.mark.parametrize("kind", [Forgery.WRONG_SIGNATURE, Forgery.STALE])
    def test_whose_signature_is_wrong_or_old_is_sent_once_and_told_by_it(self, stripe_client, sandbox, receiver, kind):
        listen(sandbox, receiver)
        customer = stripe_client.v1.customers.create({}).id
        sandbox.control.wait_for_webhooks()

        forged = sandbox.control.forge_webhook(kind)

        sandbox.control.wait_for_webhooks()
        delivery = sandbox.control.webhooks()["deliveries"][-1]
        assert (delivery["event"], delivery["statuses"], delivery["forgery"]) == (forged, [400], kind)
        assert [event.data.object.id for event in receiver.events] == [customer]

    def test_of_live_mode_is_signed_rightly(self, stripe_client, sandbox, receiver):
        listen(sandbox, receiver)
        for name in "ab":
            stripe_client.v1.customers.create({"name": name})
        older = stripe_client.v1.events.list().data[1]

        forged = sandbox.control.forge_webhook(Forgery.LIVEMODE, event_id=older.id)

        sandbox.control.wait_for_webhooks()
        last = receiver.events[-1]
        assert (last.id, last.livemode, last.data.object.name) == (forged, True, "a")
        with pytest.raises(stripe.InvalidRequestError, match="No such event"):
            stripe_client.v1.events.retrieve(forged)

    @pytest.mark.parametrize("given", [("nonsense", ""), ("livemode", "evt_unknown"), ("livemode", "")])
    def test_of_nothing_is_refused(self, sandbox, receiver, given):
        listen(sandbox, receiver)

        with pytest.raises(ControlError):
            sandbox.control.forge_webhook(given[0], event_id=given[1])

        assert sandbox.control.webhooks()["deliveries"] == []
