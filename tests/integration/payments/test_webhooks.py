"""What Stripe tells us: kept once, taken as a hint, harmless in any order; forgeries leave nothing."""

import json
import time
from datetime import timedelta

import pytest
from django.test import Client

from apps.payments.models import Payment, SavedMethod, StripeEvent
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.sandbox.webhooks import signature
from apps.payments.selectors import payment_state
from apps.payments.services import events, methods, syncing
from apps.payments.waiting import due_event_ids, stale_payment_ids

from .conftest import BACK, CANCEL, GOOD, MINUTE, NOON, SECRET, assert_clean, charges, collect, journals

pytestmark = [pytest.mark.django_db, pytest.mark.urls("apps.payments.urls")]

PATH = "/webhooks/stripe/"


def an_event(**changes: object) -> dict:
    made = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "pi_unheard_of", "object": "payment_intent"}},
    }
    return made | changes


def post(event: dict | bytes, *, secret: str = SECRET, at: int | None = None) -> int:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signed = signature(body, secret, at=int(time.time()) if at is None else at)
    client = Client(enforce_csrf_checks=True)
    response = client.post(PATH, body, content_type="application/json", headers={"Stripe-Signature": signed})
    return response.status_code


def process_all(at=None) -> None:
    for event_id in due_event_ids(at=at or NOON + timedelta(days=1)):
        events.process_event(event_id=event_id, at=at or NOON + timedelta(days=1))


def last_event(sandbox, kind: str) -> dict:
    return [each for each in sandbox.control.objects("event") if each["type"] == kind][-1]


@pytest.mark.usefixtures("sandbox")
class TestDoor:
    def test_keeps_a_signed_event_once_however_often_it_comes(self):
        assert post(an_event()) == 200
        assert post(an_event()) == 200

        event = StripeEvent.objects.get()
        assert (event.stripe_id, event.type, event.processed_at) == ("evt_1", "payment_intent.succeeded", None)
        assert event.payload["data"]["object"]["id"] == "pi_unheard_of"

    def test_accepts_each_of_our_secrets(self):
        assert post(an_event(), secret="whsec_rotated_out") == 200

    @pytest.mark.parametrize(
        ("event", "how"),
        [
            (an_event(), {"secret": "whsec_forged"}),
            (an_event(), {"at": int(time.time()) - 3600}),
            (an_event(livemode=True), {}),
            (an_event(object="v2.core.event"), {}),
            (an_event(data=None), {}),
            ({"id": "evt_1", "object": "event"}, {}),
            (b"[]", {}),
            (b"no json", {}),
            (b"\xff\xfe", {}),
        ],
        ids=["forged", "old", "other mode", "thin", "no data", "no type", "no object", "no json", "no text"],
    )
    def test_refuses_with_400_and_keeps_nothing(self, event, how):
        assert post(event, **how) == 400
        assert not StripeEvent.objects.exists()

    def test_refuses_an_unsigned_body(self):
        response = Client().post(PATH, json.dumps(an_event()), content_type="application/json")

        assert response.status_code == 400
        assert not StripeEvent.objects.exists()

    def test_refuses_everything_without_a_secret(self, settings):
        settings.STRIPE_WEBHOOK_SECRETS = []

        assert post(an_event(), secret="") == 400
        assert not StripeEvent.objects.exists()

    def test_refuses_a_body_above_256_kib(self):
        assert post(an_event(padding="x" * 256 * 1024)) == 413
        assert not StripeEvent.objects.exists()

    def test_answers_post_only(self):
        assert Client().get(PATH).status_code == 405


class TestHint:
    def test_activates_a_card_though_the_customer_never_came_back(self, sandbox, customer):
        url = methods.start_method_setup(customer_id=customer.pk, success_url=BACK, cancel_url=CANCEL, at=NOON)
        complete_checkout(url, GOOD)

        post(last_event(sandbox, "checkout.session.completed"))
        process_all()

        assert SavedMethod.objects.get().status == "active"
        assert StripeEvent.objects.get().seller == customer.seller

    def test_says_what_is_true_now_and_not_what_the_event_says(self, sandbox, seller, invoice, card):
        payment = collect(invoice)
        stale = last_event(sandbox, "payment_intent.created")

        post(stale)
        process_all()

        payment.refresh_from_db()
        assert payment.status == "succeeded"
        assert len(journals(seller)) == 2

    def test_has_one_effect_when_all_events_come_twice_and_backwards(self, sandbox, seller, invoice, card):
        collect(invoice)
        for event in reversed(sandbox.control.objects("event")):
            assert post(event) == 200
            assert post(event) == 200
            process_all()

        assert StripeEvent.objects.count() == len(sandbox.control.objects("event"))
        assert not StripeEvent.objects.filter(processed_at=None).exists()
        assert charges(sandbox) == [("succeeded", 11900)]
        assert Payment.objects.get().allocations.count() == 1
        assert len(journals(seller)) == 2
        assert_clean()

    def test_before_the_answer_that_names_the_intent_leaves_it_to_the_operation(self, sandbox, invoice, card):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents")
        collect(invoice)

        post(last_event(sandbox, "payment_intent.created"))
        process_all()

        event = StripeEvent.objects.get()
        assert (event.error, event.seller) == ("about nothing of ours", None)
        assert event.processed_at is not None
        assert Payment.objects.get().status == "new"

    def test_waits_when_stripe_does_not_answer(self, sandbox, invoice, card):
        collect(invoice)
        post(last_event(sandbox, "payment_intent.succeeded"))
        event = StripeEvent.objects.get()
        sandbox.control.fault(FaultKind.TOO_MANY, method="GET")

        first, second = event.received_at, event.received_at + MINUTE
        events.process_event(event_id=event.pk, at=first)
        event.refresh_from_db()
        assert (event.processed_at, event.attempts) == (None, 1)
        assert event.error.startswith("429")
        process_all(at=second)

        event.refresh_from_db()
        assert (event.processed_at, event.error) == (second, "")


class TestLostEvent:
    def test_is_made_up_for_by_looking_hourly(self, sandbox, seller, invoice, card):
        """Somebody paid the open intent elsewhere, and no event told us."""
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents/pi_")
        collect(invoice)
        payment = Payment.objects.get()
        payment.operations.filter(kind="confirm_intent").update(
            status="rejected", ended_at=NOON, next_try_at=None, error="given up by hand"
        )
        assert stale_payment_ids(at=NOON + timedelta(minutes=59)) == []
        assert stale_payment_ids(at=NOON + timedelta(minutes=60)) == [payment.pk]

        syncing.sync_payment(payment_id=payment.pk, at=NOON + timedelta(minutes=60))

        assert payment_state(invoice).state == "paid"
        assert len(journals(seller)) == 2
        assert_clean()


@pytest.mark.django_db(transaction=True)
class TestThroughTheWire:
    def test_events_travel_from_stripe_to_a_paid_invoice(self, sandbox, live_server, invoice, card):
        sandbox.control.set_webhook(f"{live_server.url}{PATH}", SECRET)
        sandbox.control.duplicate_webhooks(times=9)

        payment = collect(invoice)
        sandbox.control.wait_for_webhooks(20)
        process_all()

        deliveries = sandbox.control.webhooks()["deliveries"]
        assert {tuple(each["statuses"]) for each in deliveries} == {(200,)}
        assert {each["event"] for each in deliveries} == set(StripeEvent.objects.values_list("stripe_id", flat=True))
        assert payment.allocations.count() == 1
        assert_clean()
